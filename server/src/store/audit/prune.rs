//! Deletes the oldest records, whole transactions and few at a time so that writes never wait for long. The trail's size is estimated from a
//! sample, so that no writer counts bytes and no reader reads all rows.

use serde_json::json;
use sqlx::Row;
use stagedoor_bus::Actor;
use stagedoor_trail::{
    Hash,
    verify::{PRUNE, prune_detail},
};

use super::{Store, StoreError, bound};
use crate::{record::Record, store::write::Tx};

/// Bytes of a record beside its texts: numbers, the row's header, and its index entry.
const ROW_BYTES: u64 = 72;
/// Bytes of a link: two hashes, numbers, the row's header.
const LINK_BYTES: f64 = 96.0;
/// Sample size for a record's average size. With sizes from 100 to 1,000 bytes the error is about 3 %.
const SAMPLE: usize = 512;

/// The trail's estimated size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Size {
    /// Number of records.
    pub(crate) rows: u64,
    /// Average bytes of a record.
    pub(crate) row_bytes: f64,
}

impl Size {
    /// Total bytes.
    pub(crate) fn bytes(self) -> u64 {
        (self.rows as f64 * self.row_bytes) as u64
    }

    /// The size after deleting this many records.
    pub(crate) fn without(self, rows: u64) -> Self {
        Self { rows: self.rows.saturating_sub(rows), ..self }
    }
}

/// Uniformly distributed ids between the first and the last.
fn sample(first: i64, last: i64) -> Result<Vec<i64>, StoreError> {
    let numbers = last.abs_diff(first).saturating_add(1);
    if numbers <= SAMPLE as u64 {
        return Ok((first..=last).collect());
    }
    let random = |_| Ok(first.saturating_add_unsigned(getrandom::u64()? % numbers));
    (0..SAMPLE)
        .map(random)
        .collect::<Result<_, getrandom::Error>>()
        .map_err(|_| StoreError::Row("random"))
}

impl Store {
    /// Estimates the trail's size. Costs a few hundred look-ups by id, whatever the size.
    pub(crate) async fn trail_size(&self) -> Result<Size, StoreError> {
        // Separately, so that each is found at an end of the table.
        let ends =
            "SELECT (SELECT MIN(id) FROM audit) AS first, (SELECT MAX(id) FROM audit) AS last";
        let ends = sqlx::query(ends).fetch_one(&self.pool).await?;
        let ends =
            (ends.try_get::<Option<i64>, _>("first")?, ends.try_get::<Option<i64>, _>("last")?);
        let (Some(first), Some(last)) = ends else { return Ok(Size::default()) };
        let numbers = sample(first, last)?;
        let asked = numbers.len();
        let sql = "SELECT COUNT(*) AS found, COALESCE(SUM(length(kind) + length(code)
             + COALESCE(octet_length(actor), 0) + COALESCE(octet_length(room), 0)
             + COALESCE(octet_length(user_id), 0) + COALESCE(octet_length(role), 0)
             + COALESCE(octet_length(jti), 0) + COALESCE(octet_length(peer), 0)
             + COALESCE(octet_length(request_id), 0) + COALESCE(octet_length(detail), 0)), 0) AS bytes
             , (SELECT COUNT(*) FROM json_each(?1) JOIN audit_links ON last_id = value) AS links
             FROM json_each(?1) JOIN audit ON audit.id = json_each.value";
        let found = sqlx::query(sql).bind(json!(numbers).to_string()).fetch_one(&self.pool).await?;
        let (rows, bytes): (i64, i64) = (found.try_get("found")?, found.try_get("bytes")?);
        let bytes = bytes as f64 + found.try_get::<i64, _>("links")? as f64 * LINK_BYTES;
        if rows == 0 {
            return Ok(Size::default());
        }
        let numbers = last.abs_diff(first).saturating_add(1) as f64;
        Ok(Size {
            rows: (numbers * rows as f64 / asked as f64) as u64,
            row_bytes: ROW_BYTES as f64 + bytes / rows as f64,
        })
    }

    /// Deletes the oldest transactions with up to this many records, or the oldest one if it has more; returns how many
    /// records it deleted. The deletion is recorded.
    pub(crate) async fn prune_oldest(&self, rows_max: u32) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let sql = "SELECT MIN(id) AS first, MAX(id) AS last FROM (SELECT id FROM audit ORDER BY id LIMIT ?)";
        let ends = tx.optional(sqlx::query(sql).bind(i64::from(rows_max))).await?;
        let Some(ends) = ends else { return Ok(0) };
        let ends: (Option<i64>, Option<i64>) = (ends.try_get("first")?, ends.try_get("last")?);
        let (Some(first), Some(last)) = ends else { return Ok(0) };
        let through = match tx.whole_through(first, last).await? {
            Some(through) => through,
            None => tx.oldest_transaction(first).await?.unwrap_or(last),
        };
        tx.delete_through(first, through).await
    }

    /// Deletes, of up to this many of the oldest records, the whole transactions before the first record that is young
    /// enough; returns how many records it deleted. The deletion is recorded.
    pub(crate) async fn prune_older(
        &self,
        before_ms: u64,
        rows_max: u32,
    ) -> Result<u64, StoreError> {
        // Most of the time nothing is old, and no transaction is needed to see that.
        let Some((first, last)) = self.older(before_ms, rows_max).await? else { return Ok(0) };
        let mut tx = self.begin().await?;
        let through = match tx.whole_through(first, last).await? {
            Some(through) => through,
            // The oldest transaction has more records than that, or one that is young enough.
            None => match tx.oldest_transaction(first).await? {
                Some(through) if tx.is_older(through, before_ms).await? => through,
                _ => return Ok(0),
            },
        };
        tx.delete_through(first, through).await
    }

    /// Whether the oldest record is older than this.
    pub(crate) async fn has_older(&self, before_ms: u64) -> Result<bool, StoreError> {
        Ok(self.older(before_ms, 1).await?.is_some())
    }

    /// The ids of the oldest record and of the last one before the first that is young enough.
    async fn older(&self, before_ms: u64, rows_max: u32) -> Result<Option<(i64, i64)>, StoreError> {
        let sql = "SELECT id, at_ms FROM audit ORDER BY id LIMIT ?";
        let oldest = self.all(sqlx::query(sql).bind(i64::from(rows_max))).await?;
        let mut ends = None;
        for row in &oldest {
            if row.try_get::<i64, _>("at_ms")?.cast_unsigned() >= before_ms {
                break;
            }
            let id = row.try_get("id")?;
            ends = Some((ends.map_or(id, |(first, _)| first), id));
        }
        Ok(ends)
    }
}

impl Tx {
    /// The end of the last whole transaction between two records; for records from before the chain, the last record.
    async fn whole_through(&mut self, first: i64, last: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT (SELECT MAX(last_id) FROM audit_links WHERE last_id BETWEEN ?1 AND ?2) AS whole,
             (SELECT first_id FROM audit_links ORDER BY last_id LIMIT 1) AS chained";
        let row = self.optional(sqlx::query(sql).bind(first).bind(last)).await?;
        let Some(row) = row else { return Ok(None) };
        let whole: Option<i64> = row.try_get("whole")?;
        let chained: Option<i64> = row.try_get("chained")?;
        Ok(whole.or_else(|| Some(last).filter(|last| chained.is_none_or(|first| *last < first))))
    }

    /// The end of the transaction that this record is in.
    async fn oldest_transaction(&mut self, id: i64) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MIN(last_id) AS last FROM audit_links WHERE last_id >= ?";
        let row = self.optional(sqlx::query(sql).bind(id)).await?;
        Ok(row.map(|row| row.try_get("last")).transpose()?.flatten())
    }

    async fn is_older(&mut self, through: i64, before_ms: u64) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM audit WHERE id <= ? AND at_ms >= ? LIMIT 1";
        let young = self.optional(sqlx::query(sql).bind(through).bind(bound(before_ms))).await?;
        Ok(young.is_none())
    }

    /// Deletes records and their links, and records that.
    async fn delete_through(mut self, first: i64, through: i64) -> Result<u64, StoreError> {
        let link = "SELECT link FROM audit_links WHERE last_id = ?";
        let link = self.optional(sqlx::query(link).bind(through)).await?;
        let link = match link {
            Some(row) => Hash::of_bytes(row.try_get("link")?),
            None => None,
        };
        // The head is read before its row may go.
        self.head().await?;
        let delete = sqlx::query("DELETE FROM audit WHERE id BETWEEN ? AND ?");
        let rows = self.execute(delete.bind(first).bind(through)).await?;
        let delete = sqlx::query("DELETE FROM audit_links WHERE last_id <= ?");
        self.execute(delete.bind(through)).await?;
        if rows > 0 {
            let record = Record { actor: Some(Actor::System), ..Record::now(PRUNE, "ok") };
            self.add_record(record.detail(&prune_detail(rows, through, link))).await?;
        }
        drop(self.commit().await?);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::AppLife;
    use stagedoor_token::AppId;

    use super::*;
    use crate::store::{audit::Filter, tests::opened};

    fn record(at_ms: i64, detail_bytes: usize) -> Record {
        Record { at_ms, ..Record::now("kind", "ok").detail(&"x".repeat(detail_bytes)) }
    }

    #[tokio::test]
    async fn records_before_the_first_young_enough_one_are_deleted() {
        let (store, _folder) = opened().await;
        // The third transaction has a young record, and the last is larger than what is read at once.
        for times in [vec![1], vec![2], vec![3, 6], vec![4; 12]] {
            let records = times.into_iter().map(|at_ms| record(at_ms, 1)).collect();
            store.trail().add(vec![records]).await.expect("kept");
        }
        for (before_ms, rows_max, deleted) in [
            (0, 9, 0),
            (3, 1, 1),
            (3, 9, 1),
            (3, 9, 0),
            (5, 9, 0),
            (7, 9, 2),
            (7, 9, 12),
            (7, 9, 0),
        ] {
            let done = store.prune_older(before_ms, rows_max).await.expect("pruned");
            assert_eq!(done, deleted, "{before_ms}");
        }
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_no_more_than_requested() {
        let (store, _folder) = opened().await;
        for (first, size) in [(0, 3), (3, 3), (6, 4)] {
            let records = (first..first + size).map(|n| record(n, 1)).collect();
            store.trail().add(vec![records]).await.expect("kept");
        }
        // Whole transactions; the record of each deletion comes on top.
        for (rows_max, deleted, left) in [(2, 3, 8), (6, 3, 6), (4, 4, 3), (9, 3, 1), (1, 1, 1)] {
            assert_eq!(store.prune_oldest(rows_max).await.expect("pruned"), deleted);
            let size = store.trail_size().await.expect("a size");
            assert_eq!(size.rows, left);
        }
        let newest = store.records(&Filter::default(), 9).await.expect("the records");
        let detail = newest[0].detail.as_deref().expect("a detail");
        assert!(detail.starts_with("records=1 through=14 link="), "{detail}");
    }

    #[tokio::test]
    async fn the_size_estimate_is_within_15_percent() {
        let (store, folder) = opened().await;
        let before = folder.path().join("stagedoor.sqlite").metadata().expect("a file").len();
        let mut trail = store.trail();
        for batch in 0..40 {
            let app = AppLife { id: AppId(300_000_000), since_ms: 1_700_000_000_000 };
            let at_ms = 1_700_000_000_000 + batch;
            let records =
                (0..1_000).map(|n| record(at_ms, 1 + (n * 7 + batch as usize) % 500).of_app(app));
            trail.add(vec![records.collect()]).await.expect("kept");
        }
        let size = store.trail_size().await.expect("a size");
        assert_eq!(size.rows, 40_000);
        drop(trail);
        store.close().await;
        let file = folder.path().join("stagedoor.sqlite").metadata().expect("a file").len();
        let ratio = size.bytes() as f64 / (file - before) as f64;
        assert!((0.85..=1.15).contains(&ratio), "{ratio}: {} of {file}", size.bytes());
    }
}
