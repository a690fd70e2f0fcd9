//! Keeps the trail within its bounds: age, bytes, and free space on the disk. Signs where its chain stands, now and then
//! and before anything is deleted.

use std::{path::PathBuf, sync::Arc, time::Duration};

use stagedoor_bus::Clock;
use tokio::time::Instant;

use super::gate::{Gate, free_bytes};
use crate::{
    config::Config,
    store::{Store, StoreError},
};

/// How often the disk's free space is checked.
const DISK_INTERVAL: Duration = Duration::from_secs(1);
/// How often the trail's age and size are checked, and the writer's page cache is emptied.
const PRUNE_INTERVAL: Duration = Duration::from_secs(10);
/// Records deleted per transaction.
const PRUNE_ROWS: u32 = 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The trail's bounds.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    folder: PathBuf,
    keep_ms: u64,
    bytes_max: u64,
    disk_free_bytes_min: u64,
    checkpoint_interval: Duration,
}

impl Bounds {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            folder: config.data_dir.clone(),
            keep_ms: config.audit_keep_days.saturating_mul(DAY_MS),
            bytes_max: config.audit_bytes_max,
            disk_free_bytes_min: config.disk_free_bytes_min,
            checkpoint_interval: Duration::from_secs(config.audit_checkpoint_s.max(1)),
        }
    }

    /// How much older than the bound the oldest record is when deletion begins. Each deletion begins with a checkpoint,
    /// and no checkpoint is ever deleted, so there must not be one every few seconds.
    fn late_ms(&self) -> u64 {
        let interval_ms = u64::try_from(self.checkpoint_interval.as_millis()).unwrap_or(u64::MAX);
        interval_ms.min(self.keep_ms / 64)
    }

    /// The size that deletion stops at, for the same reason.
    fn bytes_after(&self) -> u64 {
        self.bytes_max - self.bytes_max / 16
    }

    /// Above this, recording stops. It is somewhat over the bound because deletion lags behind.
    fn overfull_bytes(&self) -> u64 {
        self.bytes_max.saturating_add(self.bytes_max / 8)
    }

    fn is_disk_low(&self) -> bool {
        self.disk_free_bytes_min > 0
            && free_bytes(&self.folder).is_some_and(|free| free < self.disk_free_bytes_min)
    }
}

/// Enforces the bounds until it is aborted.
pub(crate) async fn keep(store: Store, gate: Arc<Gate>, bounds: Bounds, clock: Clock) {
    let (mut prune_at, mut checkpoint_at) = (Instant::now(), Instant::now());
    loop {
        gate.disk_is_low(bounds.is_disk_low());
        if Instant::now() >= checkpoint_at {
            checkpoint(&store).await;
            checkpoint_at = Instant::now() + bounds.checkpoint_interval;
        }
        if Instant::now() >= prune_at {
            prune(&store, &gate, &bounds, clock.settled_ms()).await;
            store.empty_cache().await;
            prune_at = Instant::now() + PRUNE_INTERVAL;
        }
        tokio::time::sleep(DISK_INTERVAL).await;
    }
}

/// Signs where the chain stands.
pub(crate) async fn checkpoint(store: &Store) {
    if let Err(error) = store.checkpoint().await {
        tracing::warn!(%error, "could not sign where the audit trail stands");
    }
}

/// Deletes records that are too old at the settled time, or too many, and shuts the gate if it cannot.
async fn prune(store: &Store, gate: &Gate, bounds: &Bounds, settled_ms: u64) {
    match try_prune(store, bounds, settled_ms).await {
        Ok(records) => {
            gate.trail_is_overfull(false);
            tracing::debug!(records, "deleted old audit records");
        }
        Err(error) => {
            tracing::warn!(%error, "could not delete old audit records");
            if let Ok(size) = store.trail_size().await {
                gate.trail_is_overfull(size.bytes() > bounds.overfull_bytes());
            }
        }
    }
}

async fn try_prune(store: &Store, bounds: &Bounds, settled_ms: u64) -> Result<u64, StoreError> {
    let mut records = 0;
    let before_ms = settled_ms.saturating_sub(bounds.keep_ms);
    let is_late = store.has_older(before_ms.saturating_sub(bounds.late_ms())).await?;
    let mut size = store.trail_size().await?;
    let is_full = size.bytes() > bounds.bytes_max;
    if is_late || is_full {
        store.checkpoint().await?;
    }
    if is_late {
        loop {
            let deleted = store.prune_older(before_ms, PRUNE_ROWS).await?;
            records += deleted;
            if deleted == 0 {
                break;
            }
            // Other writers get their turn in between.
            tokio::task::yield_now().await;
        }
        size = store.trail_size().await?;
    }
    while is_full && size.bytes() > bounds.bytes_after() {
        let deleted = store.prune_oldest(PRUNE_ROWS).await?;
        records += deleted;
        size = size.without(deleted);
        if deleted == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Record, store::tests::opened};

    const NOW_MS: u64 = 1_700_000_000_000;

    fn bounds(bytes_max: u64) -> Bounds {
        let config = Config { audit_bytes_max: bytes_max, ..Config::default() };
        Bounds::of(&config)
    }

    async fn fill(store: &Store, records: usize) {
        let record = Record::now("kind", "ok").detail(&"x".repeat(400));
        let mut trail = store.trail();
        for _ in 0..records / 100 {
            trail.add(vec![vec![record.clone(); 100]]).await.expect("kept");
        }
    }

    #[tokio::test]
    async fn the_trail_stays_within_its_bytes() {
        let (store, _folder) = opened().await;
        let (gate, bounds) = (Gate::default(), bounds(2_000_000));
        for _ in 0..3 {
            fill(&store, 8_000).await;
            prune(&store, &gate, &bounds, NOW_MS).await;
            let bytes = store.trail_size().await.expect("a size").bytes();
            assert!((1_000_000..=2_100_000).contains(&bytes), "{bytes}");
            assert!(gate.is_open());
        }
    }

    #[tokio::test]
    async fn a_trail_that_cannot_be_cut_shuts_the_gate_until_it_can() {
        let (store, _folder) = opened().await;
        let (gate, bounds) = (Gate::default(), bounds(1_000_000));
        store.refuse_deletes(true).await;
        fill(&store, 2_100).await;
        prune(&store, &gate, &bounds, NOW_MS).await;
        assert!(gate.is_open(), "a little over the bound");
        fill(&store, 2_100).await;
        prune(&store, &gate, &bounds, NOW_MS).await;
        assert!(!gate.is_open());
        store.refuse_deletes(false).await;
        prune(&store, &gate, &bounds, NOW_MS).await;
        assert!(gate.is_open());
    }

    #[test]
    fn a_disk_without_a_minimum_is_never_low() {
        let folder = tempfile::tempdir().expect("a folder");
        let bounds = |disk_free_bytes_min| {
            let data_dir = folder.path().to_owned();
            Bounds::of(&Config { data_dir, disk_free_bytes_min, ..Config::default() })
        };
        assert!(!bounds(0).is_disk_low());
        assert!(!bounds(1).is_disk_low());
        assert!(bounds(u64::MAX).is_disk_low());
    }
}
