//! Opens the store of a data folder: with its master key, and with a warning if secrets lie in clear.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use crate::{
    config::{Config, MasterKeySource},
    deployment::NotTheDatabase,
    envelope::MasterKey,
    error::ApiError,
    folder::{DataFolder, FolderError},
    master_key::MasterKeyError,
    store::{Store, StoreError},
};

/// Why the server did not open, or an app was not created.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database.
    #[error("the data folder cannot be used: {0}")]
    Store(String),
    /// The data folder does not contain its own database.
    #[error("the data folder {folder} cannot be used: {why}", folder = folder.display())]
    NotTheDatabase {
        /// The folder.
        folder: PathBuf,
        /// The finding, and what to do.
        why: NotTheDatabase,
    },
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The root credential; one that was shown is not valid.
    #[error("could not make the root credential: {0}")]
    Root(String),
    /// The app, key or credential.
    #[error("refused: {0}")]
    Refused(&'static str),
}

impl From<ApiError> for OpenError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error.code())
    }
}

/// Opens the store. The master key stays in memory no longer than that takes.
pub(crate) async fn open_store(folder: DataFolder, config: &Config) -> Result<Store, OpenError> {
    let path = folder.path().to_owned();
    let master = obtained(&config.master_key, &path).await?;
    let wait = Duration::from_millis(config.store_wait_ms);
    let store = Store::open(folder, wait, master.as_ref()).await.map_err(|error| match error {
        StoreError::MasterKey(error) => OpenError::MasterKey(error),
        StoreError::NotTheDatabase(why) => OpenError::NotTheDatabase { folder: path, why },
        error => OpenError::Store(error.to_string()),
    })?;
    note(&store).await;
    warn_of_clear(&store, master.is_some()).await.map_err(ApiError::from)?;
    Ok(store)
}

/// The master key. A command that prints it may take a while.
async fn obtained(
    source: &MasterKeySource,
    data_dir: &Path,
) -> Result<Option<MasterKey>, OpenError> {
    let (source, data_dir) = (source.clone(), data_dir.to_owned());
    let obtain = move || MasterKey::obtain(&source, &data_dir);
    let obtained = tokio::task::spawn_blocking(obtain).await;
    obtained.map_err(|_| OpenError::Refused("internal"))?.map_err(OpenError::MasterKey)
}

/// Says that secrets lie in clear, and what to do.
async fn warn_of_clear(store: &Store, has_master: bool) -> Result<(), StoreError> {
    let is_sealed = store.sealer.newest().is_some();
    if is_sealed && store.rewrite_due().await? {
        tracing::warn!(
            "the database's file may still hold secrets in clear: stop the server and complete \
             `stagedoor master-key init`"
        );
    } else if !is_sealed && has_master {
        tracing::warn!(
            "secrets lie in clear in the database, although there is a master key: stop the server and run \
             `stagedoor master-key init`"
        );
    } else if !is_sealed {
        tracing::warn!(
            "secrets lie in clear in the database: set [server.master_key], and run `stagedoor master-key init`"
        );
    }
    Ok(())
}

/// Saves the database's facts in the marker. An outdated marker finds fewer faults, but never a false one.
pub(crate) async fn note(store: &Store) {
    if let Err(error) = store.mark().await {
        tracing::warn!(%error, "could not update the folder's marker file");
    }
}
