//! Role sets of apps, a row for each version, of `store`. A version is added and, when there are too many,
//! let go; never changed. An app without one has the built-in roles, which are version 0.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
};

/// A role set's row.
#[derive(Clone, Debug)]
pub(crate) struct RoleSetRow {
    pub(crate) app: AppId,
    pub(crate) version: u64,
    /// A JSON array of templates.
    pub(crate) roles: String,
    pub(crate) created_ms: u64,
    pub(crate) actor: String,
}

/// What a change of the roles came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleChange {
    /// It is this version.
    Done(u64),
    /// Somebody was faster: the newest version is this one.
    Conflict(u64),
}

fn role_set_row(row: &SqliteRow) -> Result<RoleSetRow, StoreError> {
    Ok(RoleSetRow {
        app: app_id(row, "app")?,
        version: unsigned(row, "version")?,
        roles: row.try_get("roles")?,
        created_ms: unsigned(row, "created_ms")?,
        actor: row.try_get("actor")?,
    })
}

impl Store {
    /// The newest role set of an app; none while it has the built-in roles.
    pub(crate) async fn role_set(&self, app: AppId) -> Result<Option<RoleSetRow>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM role_sets WHERE app = ? ORDER BY version DESC LIMIT 1")
                .bind(i64::from(app.0));
        query.fetch_optional(&self.pool).await?.as_ref().map(role_set_row).transpose()
    }

    /// One version of an app's role set.
    pub(crate) async fn role_set_version(
        &self,
        app: AppId,
        version: u64,
    ) -> Result<Option<RoleSetRow>, StoreError> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        let query = sqlx::query("SELECT * FROM role_sets WHERE app = ? AND version = ?")
            .bind(i64::from(app.0))
            .bind(version);
        query.fetch_optional(&self.pool).await?.as_ref().map(role_set_row).transpose()
    }

    /// Versions of an app's role set before one, newest first.
    pub(crate) async fn role_sets(
        &self,
        app: AppId,
        before: u64,
        limit: u32,
    ) -> Result<Vec<RoleSetRow>, StoreError> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        let query = sqlx::query(
            "SELECT * FROM role_sets WHERE app = ? AND version < ? ORDER BY version DESC LIMIT ?",
        );
        let query = query.bind(i64::from(app.0)).bind(before).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(role_set_row).collect()
    }

    /// Adds a role set as the next version, if the newest is still the one that `set.version` names; the
    /// oldest beyond `versions_max` are let go.
    pub(crate) async fn add_role_set(
        &self,
        set: &RoleSetRow,
        versions_max: u32,
    ) -> Result<RoleChange, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let app = i64::from(set.app.0);
        let newest =
            sqlx::query("SELECT COALESCE(MAX(version), 0) AS newest FROM role_sets WHERE app = ?")
                .bind(app)
                .fetch_one(&mut *tx)
                .await?;
        let newest = unsigned(&newest, "newest")?;
        if newest != set.version {
            return Ok(RoleChange::Conflict(newest));
        }
        let version = newest + 1;
        sqlx::query(
            "INSERT INTO role_sets (app, version, roles, created_ms, actor) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(app)
        .bind(version as i64)
        .bind(&set.roles)
        .bind(set.created_ms as i64)
        .bind(&set.actor)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM role_sets WHERE app = ? AND version <= ?")
            .bind(app)
            .bind(version as i64 - i64::from(versions_max.max(1)))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(RoleChange::Done(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{apps::AppRow, tests::opened};

    #[tokio::test]
    async fn a_change_of_a_version_that_is_not_the_newest_is_a_conflict() {
        let (store, _folder) = opened().await;
        let app = AppRow {
            id: AppId(1),
            name: "a".into(),
            ttl_s_default: 1,
            ttl_s_max: 1,
            created_ms: 0,
            generation: 0,
            second_login: None,
        };
        assert!(store.add_app(&app, &[]).await.expect("an app"));
        let set = |version| RoleSetRow {
            app: app.id,
            version,
            roles: "[]".into(),
            created_ms: 0,
            actor: "root".into(),
        };
        for (version, change) in [
            (0, RoleChange::Done(1)),
            (0, RoleChange::Conflict(1)),
            (1, RoleChange::Done(2)),
            (7, RoleChange::Conflict(2)),
        ] {
            assert_eq!(store.add_role_set(&set(version), 1).await.expect("an answer"), change);
        }
        assert_eq!(store.role_sets(app.id, u64::MAX, 9).await.expect("read").len(), 1);
    }
}
