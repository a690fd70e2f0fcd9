//! The audit trail, of `store`. Records are added and, when old, deleted; never changed.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{Store, StoreError};

/// One record. Ids, never a token or a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Record {
    /// Its number; rises.
    pub id: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The AppID.
    pub app: Option<u32>,
    /// What happened, such as `token.mint`, `door`, `key.rotate`.
    pub kind: String,
    /// `ok`, or the code that refused.
    pub code: String,
    /// Who asked: an API key's id, `root`, or a user.
    pub actor: Option<String>,
    /// The room.
    pub room: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The token's id.
    pub jti: Option<String>,
    /// The peer's address.
    pub peer: Option<String>,
    /// The HTTP request's id.
    pub request_id: Option<String>,
    /// More, where there is more.
    pub detail: Option<String>,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) before: Option<i64>,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) user: Option<String>,
}

fn record(row: &SqliteRow) -> Result<Record, StoreError> {
    let app: Option<i64> = row.try_get("app")?;
    Ok(Record {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        app: app.and_then(|app| u32::try_from(app).ok()),
        kind: row.try_get("kind")?,
        code: row.try_get("code")?,
        actor: row.try_get("actor")?,
        room: row.try_get("room")?,
        user: row.try_get("user_id")?,
        role: row.try_get("role")?,
        jti: row.try_get("jti")?,
        peer: row.try_get("peer")?,
        request_id: row.try_get("request_id")?,
        detail: row.try_get("detail")?,
    })
}

impl Store {
    /// Adds records, all or none.
    pub(crate) async fn add_records(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for record in records {
            sqlx::query(
                "INSERT INTO audit (at_ms, app, kind, code, actor, room, user_id, role, jti, peer, request_id, detail)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(record.at_ms)
            .bind(record.app.map(i64::from))
            .bind(&record.kind)
            .bind(&record.code)
            .bind(&record.actor)
            .bind(&record.room)
            .bind(&record.user)
            .bind(&record.role)
            .bind(&record.jti)
            .bind(&record.peer)
            .bind(&record.request_id)
            .bind(&record.detail)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Records of an app, newest first.
    pub(crate) async fn records(
        &self,
        app: AppId,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM audit WHERE app = ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR kind = ?3)
             AND (?4 IS NULL OR code = ?4) AND (?5 IS NULL OR room = ?5) AND (?6 IS NULL OR user_id = ?6)
             ORDER BY id DESC LIMIT ?7",
        );
        let query =
            query.bind(i64::from(app.0)).bind(filter.before).bind(&filter.kind).bind(&filter.code);
        let query = query.bind(&filter.room).bind(&filter.user).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(record).collect()
    }

    /// Deletes records older than a moment.
    pub(crate) async fn prune(&self, before_ms: u64) -> Result<u64, StoreError> {
        let records = sqlx::query("DELETE FROM audit WHERE at_ms < ?").bind(before_ms as i64);
        Ok(records.execute(&self.pool).await?.rows_affected())
    }
}
