//! Saved answers to creations, so that a repeated request creates nothing.

use sqlx::Row;

use super::{StoreError, bound, signed, write::Tx};

/// A saved answer.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) request_hash: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Tx {
    /// The answer saved for a caller's key since this moment.
    pub(crate) async fn kept(
        &mut self,
        caller: &str,
        key: &str,
        since_ms: u64,
    ) -> Result<Option<Kept>, StoreError> {
        let query = sqlx::query(
            "SELECT request_hash, status, body FROM idempotency
             WHERE caller = ? AND idempotency_key = ? AND at_ms >= ?",
        );
        let row = self.optional(query.bind(caller).bind(key).bind(bound(since_ms))).await?;
        row.map(|row| {
            Ok(Kept {
                request_hash: row.try_get("request_hash")?,
                status: u16::try_from(row.try_get::<i64, _>("status")?)
                    .map_err(|_| StoreError::Row("idempotency"))?,
                body: row.try_get("body")?,
            })
        })
        .transpose()
    }

    /// Saves an answer, and deletes those from before this moment.
    pub(crate) async fn keep(
        &mut self,
        caller: &str,
        key: &str,
        kept: &Kept,
        now_ms: u64,
        forget_ms: u64,
    ) -> Result<(), StoreError> {
        let forget = sqlx::query("DELETE FROM idempotency WHERE at_ms < ?").bind(bound(forget_ms));
        self.execute(forget).await?;
        let keep = sqlx::query("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)");
        let keep = keep
            .bind(caller)
            .bind(key)
            .bind(&kept.request_hash)
            .bind(i64::from(kept.status))
            .bind(&kept.body)
            .bind(signed(now_ms, "idempotency")?);
        self.execute(keep).await.map(drop)
    }
}
