//! Seals stored secrets, or seals them again under another data key: few rows in a transaction, so that writes never
//! wait for long.

use sqlx::{Row, SqliteConnection};
use zeroize::Zeroizing;

use super::{
    Store, StoreError,
    sealed::{Act, Column, SEALED, SELECT, Sealer, Wrapped},
};
use crate::{
    envelope::{DataKey, KeyId, sealed_by},
    record::Record,
};

/// Rows that one transaction seals again.
const ROWS_AT_A_TIME: u32 = 100;

/// Rows that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    /// The last one; `None` if there were none.
    last: Option<i64>,
    /// How many of them were changed.
    sealed: u64,
}

/// What becomes of a row's secret, by the row's id and what is stored; `None` leaves it as it is.
type Again<'a> = dyn Fn(&str, &[u8]) -> Result<Option<Vec<u8>>, StoreError> + Sync + 'a;

/// Changes the secrets of the rows after this one, as `again` says.
async fn batch(
    connection: &mut SqliteConnection,
    column: &Column,
    after: i64,
    again: &Again<'_>,
) -> Result<Batch, StoreError> {
    let Column { table, column, id } = column;
    let select = format!(
        "SELECT rowid AS number, CAST({id} AS TEXT) AS row, {column} AS secret FROM {table}
         WHERE rowid > ? AND length({column}) > 0 ORDER BY rowid LIMIT {ROWS_AT_A_TIME}"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(select)).bind(after).fetch_all(&mut *connection);
    let mut done = Batch { last: None, sealed: 0 };
    for row in rows.await? {
        let number: i64 = row.try_get("number")?;
        done.last = Some(number);
        let stored = Zeroizing::new(row.try_get::<Vec<u8>, _>("secret")?);
        let Some(sealed) = again(row.try_get("row")?, &stored)? else { continue };
        let update = format!("UPDATE {table} SET {column} = ? WHERE rowid = ?");
        let update = sqlx::query(sqlx::AssertSqlSafe(update)).bind(sealed).bind(number);
        update.execute(&mut *connection).await?;
        done.sealed += 1;
    }
    Ok(done)
}

/// Seals every secret that lies in clear; returns how many.
pub(crate) async fn seal_all(
    connection: &mut SqliteConnection,
    key: &DataKey,
) -> Result<u64, StoreError> {
    let mut sealed = 0;
    for column in SEALED {
        let again = |row: &str, stored: &[u8]| {
            let sealed = key.seal(column.place(row), stored);
            sealed.map(Some).map_err(|why| StoreError::NotSealed(column.table, why))
        };
        let mut after = i64::MIN;
        loop {
            let done = batch(connection, column, after, &again).await?;
            sealed += done.sealed;
            let Some(last) = done.last else { break };
            after = last;
        }
    }
    Ok(sealed)
}

/// How many rows of a column each data key seals; `None` counts those in clear.
pub(crate) async fn counts(
    connection: &mut SqliteConnection,
    column: &Column,
) -> Result<Vec<(Option<KeyId>, u64)>, StoreError> {
    let Column { table, column, .. } = column;
    // The head of a sealed value up to its nonce.
    let sql = format!(
        "SELECT MIN({column}) AS secret, COUNT(*) AS count FROM {table} WHERE length({column}) > 0
         GROUP BY CASE WHEN substr({column}, 1, 7) = x'7365616c656401' THEN substr({column}, 8, 8) END"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?;
    let counted = rows.iter().map(|row| {
        let secret = Zeroizing::new(row.try_get::<Vec<u8>, _>("secret")?);
        let count = u64::try_from(row.try_get::<i64, _>("count")?);
        Ok((sealed_by(&secret), count.map_err(|_| StoreError::Row("numbers"))?))
    });
    counted.collect()
}

fn again(
    sealer: &Sealer,
    column: &Column,
    row: &str,
    stored: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    if sealed_by(stored) == sealer.newest().map(|key| key.id()) {
        return Ok(None);
    }
    sealer.seal(column, row, &sealer.open(column, row, stored)?).map(Some)
}

impl Store {
    /// The wrapped data keys, the newest first.
    pub(crate) async fn data_keys(&self) -> Result<Vec<Wrapped>, StoreError> {
        self.all(sqlx::query(SELECT)).await?.iter().map(Wrapped::of).collect()
    }

    /// Seals every secret again that another data key than the newest sealed; then deletes the other data keys. It may
    /// end at any moment, and be begun again. Returns how many secrets it sealed.
    pub(crate) async fn reseal(&self) -> Result<u64, StoreError> {
        let mut sealed = 0;
        loop {
            for column in SEALED {
                let again = |row: &str, stored: &[u8]| again(&self.sealer, column, row, stored);
                let mut after = i64::MIN;
                loop {
                    let mut tx = self.begin().await?;
                    let done = batch(tx.connection()?, column, after, &again).await?;
                    drop(tx.commit().await?);
                    sealed += done.sealed;
                    let Some(last) = done.last else { break };
                    after = last;
                }
            }
            if self.resealed(sealed).await? {
                return Ok(sealed);
            }
        }
    }

    /// Deletes all data keys but the newest, unless they still seal something.
    async fn resealed(&self, sealed: u64) -> Result<bool, StoreError> {
        let Some(newest) = self.sealer.newest() else { return Ok(true) };
        let mut tx = self.begin().await?;
        for column in SEALED {
            let by = counts(tx.connection()?, column).await?;
            if by.iter().any(|(by, _)| *by != Some(newest.id())) {
                return Ok(false);
            }
        }
        // Not a newer one, which seals nothing yet.
        let delete = sqlx::query(
            "DELETE FROM data_keys WHERE number < (SELECT MAX(number) FROM data_keys WHERE id = ?)",
        );
        tx.execute(delete.bind(newest.id().as_bytes().to_vec())).await?;
        let detail = format!("data_key={} secrets={sealed}", newest.id());
        tx.add_record(Act::Resealed.record().detail(&detail)).await?;
        drop(tx.commit().await?);
        Ok(true)
    }

    /// Whether the file may still hold what was in clear, because `stagedoor master-key init` was interrupted.
    pub(crate) async fn rewrite_due(&self) -> Result<bool, StoreError> {
        let row = self.optional(sqlx::query("SELECT rewrite_due FROM deployment")).await?;
        Ok(row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))? != 0)
    }

    /// Moves the acts of `stagedoor master-key` into the audit trail.
    pub(crate) async fn record_acts(&self) -> Result<(), StoreError> {
        let select = "SELECT id, at_ms, kind, detail FROM sealing_acts ORDER BY id";
        if self.all(sqlx::query(select)).await?.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for row in tx.all(sqlx::query(select)).await? {
            if let Some(act) = Act::of(row.try_get("kind")?) {
                let at_ms = row.try_get("at_ms")?;
                let record = Record { at_ms, ..act.record() };
                tx.add_record(record.detail(row.try_get("detail")?)).await?;
            }
        }
        tx.execute(sqlx::query("DELETE FROM sealing_acts")).await?;
        drop(tx.commit().await?);
        Ok(())
    }
}
