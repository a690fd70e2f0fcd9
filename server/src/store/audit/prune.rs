//! Deletes the oldest records, few at a time so that writes never wait for long. The trail's size is estimated from a
//! sample, so that no writer counts bytes and no reader reads all rows.

use serde_json::json;
use sqlx::Row;

use super::{Store, StoreError};
use crate::store::write::Statement;

/// Bytes of a record beside its texts: numbers, the row's header, and its index entry.
const ROW_BYTES: u64 = 72;
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
             FROM json_each(?) JOIN audit ON audit.id = json_each.value";
        let found = sqlx::query(sql).bind(json!(numbers).to_string()).fetch_one(&self.pool).await?;
        let (rows, bytes): (i64, i64) = (found.try_get("found")?, found.try_get("bytes")?);
        if rows == 0 {
            return Ok(Size::default());
        }
        let numbers = last.abs_diff(first).saturating_add(1) as f64;
        Ok(Size {
            rows: (numbers * rows as f64 / asked as f64) as u64,
            row_bytes: ROW_BYTES as f64 + bytes as f64 / rows as f64,
        })
    }

    /// Deletes up to this many of the oldest records; returns how many it deleted.
    pub(crate) async fn prune_oldest(&self, rows_max: u32) -> Result<u64, StoreError> {
        let sql = "DELETE FROM audit WHERE id <= (SELECT MAX(id) FROM
             (SELECT id FROM audit ORDER BY id LIMIT ?))";
        self.delete(sqlx::query(sql).bind(i64::from(rows_max))).await
    }

    /// Deletes, of up to this many of the oldest records, those before the first one that is young enough; returns how
    /// many it deleted.
    pub(crate) async fn prune_older(
        &self,
        before_ms: u64,
        rows_max: u32,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT id, at_ms FROM audit ORDER BY id LIMIT ?";
        let oldest = self.all(sqlx::query(sql).bind(i64::from(rows_max))).await?;
        let mut last = None;
        for row in &oldest {
            if row.try_get::<i64, _>("at_ms")?.cast_unsigned() >= before_ms {
                break;
            }
            last = Some(row.try_get::<i64, _>("id")?);
        }
        let Some(last) = last else { return Ok(0) };
        self.delete(sqlx::query("DELETE FROM audit WHERE id <= ?").bind(last)).await
    }

    async fn delete(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let rows = tx.execute(statement).await?;
        drop(tx.commit().await?);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::AppLife;
    use stagedoor_token::AppId;

    use super::*;
    use crate::{record::Record, store::tests::opened};

    fn record(at_ms: i64, detail_bytes: usize) -> Record {
        Record { at_ms, ..Record::now("kind", "ok").detail(&"x".repeat(detail_bytes)) }
    }

    #[tokio::test]
    async fn records_before_the_first_young_enough_one_are_deleted() {
        let (store, _folder) = opened().await;
        let records = [1, 2, 3, 4].map(|at_ms| record(at_ms, 1));
        store.trail().add(vec![records.to_vec()]).await.expect("kept");
        for (before_ms, rows_max, deleted) in
            [(0, 9, 0), (3, 1, 1), (3, 9, 1), (3, 9, 0), (5, 9, 2)]
        {
            let done = store.prune_older(before_ms, rows_max).await.expect("pruned");
            assert_eq!(done, deleted, "{before_ms}");
        }
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_no_more_than_requested() {
        let (store, _folder) = opened().await;
        store.trail().add(vec![(0..10).map(|n| record(n, 1)).collect()]).await.expect("kept");
        assert_eq!(store.prune_oldest(4).await.expect("pruned"), 4);
        let size = store.trail_size().await.expect("a size");
        assert_eq!(size.rows, 6);
        assert_eq!(store.prune_oldest(9).await.expect("pruned"), 6);
        assert_eq!(store.trail_size().await.expect("a size"), Size::default());
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
