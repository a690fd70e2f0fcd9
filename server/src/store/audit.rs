//! The audit trail, of `store`. Records are added and, when old, deleted; never changed.

use serde::Serialize;
use sqlx::{QueryBuilder, Row, sqlite::SqliteRow};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{Store, StoreError};

/// Records of one statement, largest first: each statement is a trip to the database's thread, and of few
/// sizes it stays prepared.
const ROWS: [usize; 3] = [64, 8, 1];

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
        let mut rest = records;
        while let Some(rows) = ROWS.into_iter().find(|rows| *rows <= rest.len()) {
            let (now, later) = rest.split_at(rows);
            rest = later;
            let mut insert = QueryBuilder::new(
                "INSERT INTO audit (at_ms, app, kind, code, actor, room, user_id, role, jti, peer, request_id, detail) ",
            );
            insert.push_values(now, |mut row, record| {
                row.push_bind(record.at_ms)
                    .push_bind(record.app.map(i64::from))
                    .push_bind(&record.kind)
                    .push_bind(&record.code)
                    .push_bind(&record.actor)
                    .push_bind(&record.room)
                    .push_bind(&record.user)
                    .push_bind(&record.role)
                    .push_bind(&record.jti)
                    .push_bind(&record.peer)
                    .push_bind(&record.request_id)
                    .push_bind(&record.detail);
            });
            insert.build().execute(&mut *tx).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::opened;

    #[tokio::test]
    async fn records_of_one_transaction_are_all_kept_in_their_order() {
        let (store, _folder) = opened().await;
        let records: Vec<Record> = (0..147)
            .map(|n| Record { at_ms: n, app: Some(1), kind: format!("k{n}"), ..Record::default() })
            .collect();
        store.add_records(&records).await.expect("kept");
        let mut kept =
            store.records(AppId(1), &Filter::default(), 1_000).await.expect("the records");
        kept.reverse();
        assert!(kept.is_sorted_by_key(|record| record.id));
        kept.iter_mut().for_each(|record| record.id = 0);
        assert_eq!(kept, records);
    }
}
