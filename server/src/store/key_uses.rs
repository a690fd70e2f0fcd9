//! How often keys verified tokens, and when last.

use sqlx::Row;
use stagedoor_token::AppId;

use super::{Store, StoreError, apps::unsigned, bound, write::Tx};

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Days for which uses are counted.
pub(crate) const USES_KEPT_DAYS: u64 = 30;

/// The uses of a key that are to be noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUse {
    pub(crate) tokens: u64,
    /// The newest `iat` of a token, Unix seconds.
    pub(crate) iat_max: u64,
    /// When that was reported, Unix milliseconds.
    pub(crate) at_ms: u64,
}

impl Store {
    /// How many tokens each of an app's keys verified in the days that are kept.
    pub(crate) async fn tokens_verified(
        &self,
        app: AppId,
        now_ms: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let query = sqlx::query(
            "SELECT keys.kid, SUM(tokens) AS tokens FROM keys JOIN key_uses ON key_uses.kid = keys.kid
             WHERE app = ? AND day > ? GROUP BY keys.kid",
        );
        let query = query.bind(i64::from(app.0)).bind(bound(oldest_day(now_ms)));
        let rows = self.all(query).await?;
        rows.iter().map(|row| Ok((row.try_get("kid")?, unsigned(row, "tokens")?))).collect()
    }

    /// Deletes the counts of days that are no longer kept.
    pub(crate) async fn prune_key_uses(&self, settled_ms: u64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("DELETE FROM key_uses WHERE day <= ?");
        let rows = tx.execute(query.bind(bound(oldest_day(settled_ms)))).await?;
        drop(tx.commit().await?);
        Ok(rows)
    }
}

/// The newest day that is not kept.
fn oldest_day(now_ms: u64) -> u64 {
    (now_ms / DAY_MS).saturating_sub(USES_KEPT_DAYS)
}

impl Tx {
    /// Notes the uses of a key. Returns its line if it is retiring, one of the tokens is from after its rotation, and
    /// none was before.
    pub(crate) async fn note_use(
        &mut self,
        app: AppId,
        kid: &str,
        used: &KeyUse,
    ) -> Result<Option<String>, StoreError> {
        let KeyUse { tokens, iat_max, at_ms } = *used;
        let update = sqlx::query(
            "UPDATE keys SET last_used_ms = MAX(COALESCE(last_used_ms, 0), ?1), last_iat = MAX(COALESCE(last_iat, 0), ?2)
             WHERE kid = ?3 AND app = ?4
             RETURNING line, state = 'retiring' AND retiring_used_ms IS NULL AND ?2 > retiring_ms / 1000 AS is_late",
        );
        let update = update.bind(bound(at_ms)).bind(bound(iat_max)).bind(kid);
        // The key is gone, with its app or because it was retired long ago.
        let Some(row) = self.optional(update.bind(i64::from(app.0))).await? else {
            return Ok(None);
        };
        let count = sqlx::query(
            "INSERT INTO key_uses (kid, day, tokens) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET tokens = tokens + ?3",
        );
        let count = count.bind(kid).bind(bound(at_ms / DAY_MS)).bind(bound(tokens));
        self.execute(count).await?;
        if row.try_get::<Option<i64>, _>("is_late")? != Some(1) {
            return Ok(None);
        }
        let note = sqlx::query("UPDATE keys SET retiring_used_ms = ? WHERE kid = ?");
        self.execute(note.bind(bound(at_ms)).bind(kid)).await?;
        Ok(Some(row.try_get("line")?))
    }
}
