//! Verifies the audit trail of a data folder, even while a server uses it.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Executor, Row, SqliteConnection};
use stagedoor_trail::{Checkpoint, PublicKeys, Report, Verifier};
use thiserror::Error;

use crate::{
    deployment::Found,
    folder::DATABASE,
    store::{
        StoreError,
        audit::{
            walk::{Item, Walk},
            witness::audit_jwks,
        },
        deployment::{connected, found},
    },
};

/// Why a trail could not be verified at all.
#[derive(Debug, Error)]
pub enum ProofError {
    /// There is no database.
    #[error("{0} contains no database; pass the data folder with --data")]
    NoDatabase(PathBuf),
    /// The database is from before chains.
    #[error(
        "{0} was written by a version without chains; start a server once, and the chain begins"
    )]
    NoChain(PathBuf),
    /// The database.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for ProofError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<sqlx::Error> for ProofError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

/// Verifies the trail of a data folder: against itself, against its checkpoints, and against those that were kept
/// elsewhere. Checkpoints must be signed by one of `trusted`; `None`: by the keys in the database itself.
pub async fn verify_trail(
    data_dir: &Path,
    trusted: Option<PublicKeys>,
    known: &[Checkpoint],
) -> Result<Report, ProofError> {
    let database = data_dir.join(DATABASE);
    match found(&database).await? {
        Found::Ours(_) | Found::Backup => {}
        Found::Foreign(why) => return Err(ProofError::Store(why)),
        Found::Nothing | Found::Empty => return Err(ProofError::NoDatabase(data_dir.into())),
    }
    let mut connection = connected(&database).await?;
    connection.execute("PRAGMA query_only = ON").await?;
    let report = read(&mut connection, data_dir, trusted, known).await;
    // Nothing was written, so an error when closing does not matter.
    let _ = connection.close().await;
    report
}

async fn read(
    connection: &mut SqliteConnection,
    data_dir: &Path,
    trusted: Option<PublicKeys>,
    known: &[Checkpoint],
) -> Result<Report, ProofError> {
    // One state of the database, whatever a server writes meanwhile.
    let mut tx = connection.begin().await?;
    let sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'audit_chain'";
    if tx.fetch_one(sql).await?.try_get::<i64, _>(0)? == 0 {
        return Err(ProofError::NoChain(data_dir.into()));
    }
    let newest = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'audit'";
    let newest: i64 = tx.fetch_one(newest).await?.try_get(0)?;
    let keys = PublicKeys::of(&audit_jwks(&mut tx).await?.keys);
    let Some(mut walk) = Walk::begin(&mut tx, i64::MAX).await? else {
        return Err(ProofError::NoChain(data_dir.into()));
    };
    let mut verifier = Verifier::new(walk.start(), trusted.unwrap_or(keys));
    known.iter().for_each(|checkpoint| verifier.kept(checkpoint));
    while walk.fill(&mut tx).await? {
        while let Some(item) = walk.next() {
            match item {
                Item::Link(link) => verifier.link(link),
                Item::Record(record) => verifier.record(&record),
                Item::Unreadable(id) => verifier.unreadable_record(id),
                Item::Checkpoint(checkpoint) => verifier.checkpoint(&checkpoint),
            }
        }
    }
    Ok(verifier.finish(Some(newest), true))
}

#[cfg(test)]
mod tests;
