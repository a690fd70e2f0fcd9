//! Follows what `stagedoor master-key` does to the running server's database: records it, and seals secrets again under
//! a new data key.

use std::time::Duration;

use crate::{
    config::Config,
    envelope::MasterKey,
    store::{
        Store, StoreError,
        sealed::{Wrapped, unlock},
    },
};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often it looks after a failure, so that no log fills.
const FAILED_INTERVAL: Duration = Duration::from_secs(60);

/// Runs until it is aborted.
pub(crate) async fn follow(store: Store, config: Config) {
    loop {
        let interval = match look(&store, &config).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "the sealing of secrets could not be brought forward");
                FAILED_INTERVAL
            }
        };
        tokio::time::sleep(interval).await;
    }
}

async fn look(store: &Store, config: &Config) -> Result<(), StoreError> {
    store.record_acts().await?;
    let rows = store.data_keys().await?;
    let Some(newest) = rows.first() else { return Ok(()) };
    if !store.sealer.has(newest.id) {
        begin(store, config, &rows).await?;
    }
    if rows.iter().any(|row| row.id != newest.id) {
        let secrets = store.reseal().await?;
        tracing::info!(data_key = %newest.id, secrets, "secrets are sealed again");
    }
    Ok(())
}

/// Seals with the newest data key from now on.
async fn begin(store: &Store, config: &Config, rows: &[Wrapped]) -> Result<(), StoreError> {
    // It stayed in no memory.
    let (source, data_dir) = (config.master_key.clone(), config.data_dir.clone());
    let obtain = move || MasterKey::obtain(&source, &data_dir);
    let master = tokio::task::spawn_blocking(obtain).await;
    let master = master.map_err(|_| StoreError::Over)??;
    let mut keys = unlock(rows, master.as_ref())?;
    if !keys.is_empty() {
        store.sealer.begin(keys.swap_remove(0));
    }
    Ok(())
}
