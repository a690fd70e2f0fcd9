//! The last saved settled time.

use sqlx::Row;

use super::{Store, StoreError, bound};

impl Store {
    /// The last saved settled time, or else the time of the newest audit record, in Unix milliseconds; `None` on the
    /// first start.
    pub(crate) async fn settled_ms(&self) -> Result<Option<u64>, StoreError> {
        let query = sqlx::query(
            "SELECT COALESCE((SELECT settled_ms FROM clock),
                             (SELECT at_ms FROM audit ORDER BY id DESC LIMIT 1)) AS settled_ms",
        );
        let row = self.optional(query).await?;
        let settled_ms = row.map(|row| row.try_get::<Option<i64>, _>("settled_ms")).transpose()?;
        Ok(settled_ms.flatten().map(|settled_ms| u64::try_from(settled_ms).unwrap_or(0)))
    }

    /// Saves the settled time.
    pub(crate) async fn note_settled(&self, settled_ms: u64) -> Result<(), StoreError> {
        let note = sqlx::query("INSERT OR REPLACE INTO clock (id, settled_ms) VALUES (1, ?)");
        let mut tx = self.begin().await?;
        tx.execute(note.bind(bound(settled_ms))).await?;
        drop(tx.commit().await?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{record::Record, store::tests::opened};

    #[tokio::test]
    async fn the_settled_time_is_the_last_saved_one_or_the_trails() {
        let (store, _folder) = opened().await;
        assert_eq!(store.settled_ms().await.expect("read"), None);
        let records = [7, 5].map(|at_ms| Record { at_ms, ..Record::default() });
        store.trail().add(vec![records.to_vec()]).await.expect("kept");
        assert_eq!(store.settled_ms().await.expect("read"), Some(5));
        for settled_ms in [3, 9] {
            store.note_settled(settled_ms).await.expect("noted");
            assert_eq!(store.settled_ms().await.expect("read"), Some(settled_ms));
        }
    }
}
