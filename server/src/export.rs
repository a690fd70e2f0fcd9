//! Exports the directory of a relay that runs alone. Reads the database while a server uses it, and never a column that
//! holds a secret, so it needs no master key.

use std::path::Path;

use sqlx::{Connection, Executor};
use stagedoor_bus::{DIRECTORY_VERSION, DirectoryFile};

use crate::{
    backup::BackupError,
    deployment::Found,
    folder::DATABASE,
    record::unix_ms,
    store::{
        deployment::{connected, found},
        export::apps,
    },
};

/// What a data folder's database has for relays, as of one moment.
///
/// # Errors
///
/// [`BackupError`] where there is no database of Stagedoor, or one of an earlier version that no server has opened since.
pub async fn export_directory(data_dir: &Path) -> Result<DirectoryFile, BackupError> {
    let file = data_dir.join(DATABASE);
    match found(&file).await? {
        Found::Ours(_) => {}
        _ => return Err(BackupError::NoDatabase(data_dir.into())),
    }
    let mut connection = connected(&file).await?;
    connection.execute("PRAGMA query_only = ON").await?;
    let mut tx = connection.begin().await?;
    let apps = apps(&mut tx).await;
    // Nothing was written, so an error when closing does not matter.
    drop(tx);
    let _ = connection.close().await;
    Ok(DirectoryFile { version: DIRECTORY_VERSION, made_ms: unix_ms(), apps: apps? })
}
