//! Revocations of apps. Each begins a generation of its app and is identified by that number. A row is added and, when
//! lifted or expired, deleted; it never changes.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::{Actor, REVOCATION_KEPT_S, Revocation, Target};
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    author::{Author, author},
    bound,
    write::Tx,
};

/// A revocation's row.
#[derive(Clone, Debug)]
pub(crate) struct RevocationRow {
    pub(crate) entry: Revocation,
    /// When it expires, Unix seconds; `None`: never.
    pub(crate) over_s: Option<u64>,
    /// Who made it.
    pub(crate) actor: Author,
}

impl RevocationRow {
    /// An entry as stored.
    pub(crate) fn new(entry: Revocation, actor: &Actor) -> Self {
        let kept_until_s = entry.at_s.saturating_add(REVOCATION_KEPT_S);
        let over_s = if entry.ban { entry.ends_s } else { Some(kept_until_s) };
        Self { entry, over_s, actor: Author::of(actor) }
    }
}

fn seconds(row: &SqliteRow, column: &str) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(u64::try_from).transpose().map_err(|_| StoreError::Row("revocations"))
}

pub(super) fn text_of(target: &Target) -> Result<String, StoreError> {
    serde_json::to_string(target).map_err(|_| StoreError::Row("revocations"))
}

pub(super) fn revocation_row(row: &SqliteRow) -> Result<RevocationRow, StoreError> {
    let target = serde_json::from_str(row.try_get("target")?);
    let entry = Revocation {
        app: app_id(row, "app")?,
        target: target.map_err(|_| StoreError::Row("revocations"))?,
        generation: unsigned(row, "generation")?,
        at_s: unsigned(row, "at_s")?,
        ends_s: seconds(row, "ends_s")?,
        ban: row.try_get::<i64, _>("ban")? != 0,
        reason: row.try_get("reason")?,
    };
    Ok(RevocationRow { entry, over_s: seconds(row, "over_s")?, actor: author(row)? })
}

/// Converts a time for the database; one that is too large is beyond anybody's lifetime.
pub(super) fn far(seconds: Option<u64>) -> Option<i64> {
    seconds.map(bound)
}

impl Store {
    /// Revocations of an app before this number that have not expired, newest first.
    pub(crate) async fn revocations(
        &self,
        app: AppId,
        before: u64,
        now_s: u64,
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM revocations WHERE app = ? AND generation < ? AND (over_s IS NULL OR over_s > ?)
             ORDER BY generation DESC LIMIT ?",
        );
        let query = query.bind(i64::from(app.0)).bind(bound(before)).bind(bound(now_s));
        self.all(query.bind(i64::from(limit))).await?.iter().map(revocation_row).collect()
    }

    /// Revocations of all apps after this one, ordered by app and number.
    pub(crate) async fn all_revocations(
        &self,
        after: (AppId, u64),
        limit: u32,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM revocations WHERE (app, generation) > (?, ?)
             ORDER BY app, generation LIMIT ?",
        );
        let query = query.bind(i64::from(after.0.0)).bind(bound(after.1)).bind(i64::from(limit));
        self.all(query).await?.iter().map(revocation_row).collect()
    }

    /// Deletes expired revocations.
    pub(crate) async fn prune_revocations(&self, now_s: u64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("DELETE FROM revocations WHERE over_s <= ?").bind(bound(now_s));
        let rows = tx.execute(query).await?;
        drop(tx.commit().await?);
        Ok(rows)
    }
}

impl Tx {
    /// Adds a revocation as the next generation of its app, which is its number. `None` if the app does not exist.
    pub(crate) async fn add_revocation(
        &mut self,
        row: &RevocationRow,
    ) -> Result<Option<u64>, StoreError> {
        let entry = &row.entry;
        let raise = sqlx::query(
            "UPDATE apps SET generation = generation + 1 WHERE id = ? RETURNING generation",
        );
        let raised = self.optional(raise.bind(i64::from(entry.app.0))).await?;
        let Some(raised) = raised else { return Ok(None) };
        let mut row = row.clone();
        row.entry.generation = unsigned(&raised, "generation")?;
        self.insert_revocations(&[row.clone()]).await?;
        Ok(Some(row.entry.generation))
    }

    /// Deletes a revocation. Returns it, and those of the same target that remain; `None` if it does not exist.
    pub(crate) async fn lift_revocation(
        &mut self,
        app: AppId,
        generation: u64,
    ) -> Result<Option<(RevocationRow, Vec<Revocation>)>, StoreError> {
        let lift =
            sqlx::query("DELETE FROM revocations WHERE app = ? AND generation = ? RETURNING *");
        let lift = lift.bind(i64::from(app.0)).bind(bound(generation));
        let Some(lifted) = self.optional(lift).await? else { return Ok(None) };
        let lifted = revocation_row(&lifted)?;
        let left = sqlx::query("SELECT * FROM revocations WHERE app = ? AND target = ?");
        let left = left.bind(i64::from(app.0)).bind(text_of(&lifted.entry.target)?);
        let left = self.all(left).await?;
        let left = left.iter().map(|row| Ok(revocation_row(row)?.entry));
        Ok(Some((lifted, left.collect::<Result<Vec<_>, StoreError>>()?)))
    }
}
