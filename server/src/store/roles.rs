//! Role sets of apps, one row per version. A version is added and, when there are too many, deleted; it never changes.
//! An app without one has the built-in roles, version 0.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::ActorKind;
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    author::{Author, author},
    bound, signed,
    write::{Statement, Tx},
};

/// A role set's row.
#[derive(Clone, Debug)]
pub(crate) struct RoleSetRow {
    pub(crate) app: AppId,
    pub(crate) version: u64,
    /// A JSON array of templates.
    pub(crate) roles: String,
    pub(crate) created_ms: u64,
    pub(crate) actor: Author,
}

fn role_set_row(row: &SqliteRow) -> Result<RoleSetRow, StoreError> {
    Ok(RoleSetRow {
        app: app_id(row, "app")?,
        version: unsigned(row, "version")?,
        roles: row.try_get("roles")?,
        created_ms: unsigned(row, "created_ms")?,
        actor: author(row)?,
    })
}

fn newest(app: AppId) -> Statement<'static> {
    let query = sqlx::query("SELECT * FROM role_sets WHERE app = ? ORDER BY version DESC LIMIT 1");
    query.bind(i64::from(app.0))
}

fn of_version(app: AppId, version: u64) -> Statement<'static> {
    let query = sqlx::query("SELECT * FROM role_sets WHERE app = ? AND version = ?");
    query.bind(i64::from(app.0)).bind(bound(version))
}

impl Store {
    /// The newest role set of an app; `None` while it has the built-in roles.
    pub(crate) async fn role_set(&self, app: AppId) -> Result<Option<RoleSetRow>, StoreError> {
        self.optional(newest(app)).await?.as_ref().map(role_set_row).transpose()
    }

    /// One version of an app's role set.
    pub(crate) async fn role_set_version(
        &self,
        app: AppId,
        version: u64,
    ) -> Result<Option<RoleSetRow>, StoreError> {
        self.optional(of_version(app, version)).await?.as_ref().map(role_set_row).transpose()
    }

    /// Versions of an app's role set before this one, newest first.
    pub(crate) async fn role_sets(
        &self,
        app: AppId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<RoleSetRow>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM role_sets WHERE app = ? AND version < ? ORDER BY version DESC LIMIT ?",
        );
        let query = query.bind(i64::from(app.0)).bind(bound(before)).bind(i64::from(limit));
        self.all(query).await?.iter().map(role_set_row).collect()
    }
}

impl Tx {
    /// The newest role set of an app; `None` while it has the built-in roles.
    pub(crate) async fn role_set(&mut self, app: AppId) -> Result<Option<RoleSetRow>, StoreError> {
        self.optional(newest(app)).await?.as_ref().map(role_set_row).transpose()
    }

    /// One version of an app's role set.
    pub(crate) async fn role_set_version(
        &mut self,
        app: AppId,
        version: u64,
    ) -> Result<Option<RoleSetRow>, StoreError> {
        self.optional(of_version(app, version)).await?.as_ref().map(role_set_row).transpose()
    }

    /// The version that follows this one.
    pub(crate) async fn role_version_after(&mut self, version: u64) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT role_versions_from FROM deployment");
        let row = self.optional(query).await?.ok_or(StoreError::Row("deployment"))?;
        Ok(unsigned(&row, "role_versions_from")?.max(version.saturating_add(1)))
    }

    /// Adds a role set as the newest; deletes the oldest beyond `versions_max`.
    pub(crate) async fn add_role_set(
        &mut self,
        set: &RoleSetRow,
        versions_max: u32,
    ) -> Result<(), StoreError> {
        let (app, version) = (i64::from(set.app.0), signed(set.version, "role_sets")?);
        let insert = sqlx::query(
            "INSERT INTO role_sets (app, version, roles, created_ms, actor, actor_kind)
             VALUES (?, ?, ?, ?, ?, ?)",
        );
        let insert = insert.bind(app).bind(version).bind(&set.roles);
        let insert = insert.bind(signed(set.created_ms, "role_sets")?).bind(&set.actor.id);
        let insert = insert.bind(set.actor.kind.map(ActorKind::as_str));
        self.execute(insert).await?;
        // A restore leaves a gap in the versions.
        let delete = sqlx::query(
            "DELETE FROM role_sets WHERE app = ?1 AND version <
             (SELECT MIN(version) FROM (SELECT version FROM role_sets WHERE app = ?1 ORDER BY version DESC LIMIT ?2))",
        );
        let delete = delete.bind(app).bind(i64::from(versions_max.max(1)));
        self.execute(delete).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::Actor;

    use super::*;
    use crate::store::{apps::AppRow, tests::opened};

    #[tokio::test]
    async fn the_oldest_versions_are_deleted() {
        let (store, _folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        assert!(tx.add_app(&AppRow::sample(1)).await.expect("an app"));
        for version in 1..=3 {
            let set = RoleSetRow {
                app: AppId(1),
                version,
                roles: "[]".into(),
                created_ms: 0,
                actor: Author::of(&Actor::Root),
            };
            tx.add_role_set(&set, 2).await.expect("added");
        }
        let newest = tx.role_set(AppId(1)).await.expect("read").expect("one");
        assert_eq!(newest.version, 3);
        assert!(tx.role_set_version(AppId(1), 1).await.expect("read").is_none());
        drop(tx.commit().await.expect("committed"));
        let kept = store.role_sets(AppId(1), u64::MAX, 9).await.expect("read");
        assert_eq!(kept.iter().map(|set| set.version).collect::<Vec<_>>(), [3, 2]);
    }
}
