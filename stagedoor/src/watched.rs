//! The directory file of a relay alone: loaded when it changes.

use std::{
    fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use stagedoor_bus::{FileBus, Loaded, directory_file::DIRECTORY_BYTES_MAX};

/// How often the file is checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The directory file, and what became of its readings.
pub(crate) struct Watched {
    file: PathBuf,
    bus: Arc<FileBus>,
    loads: AtomicU64,
    refused: AtomicU64,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// The state of a file now.
    pub(crate) fn of(file: &Path) -> std::io::Result<Self> {
        let found = fs::metadata(file)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// Reads a directory file. One that is written meanwhile is malformed, or has changed at the next look.
fn read(file: &Path) -> anyhow::Result<Loaded> {
    let mut json = Vec::new();
    fs::File::open(file)?.take(DIRECTORY_BYTES_MAX + 1).read_to_end(&mut json)?;
    ensure!(
        json.len() as u64 <= DIRECTORY_BYTES_MAX,
        "it is larger than {DIRECTORY_BYTES_MAX} bytes"
    );
    Ok(Loaded::parse(&json)?)
}

impl Watched {
    /// Nothing is read yet.
    pub(crate) fn new(file: &Path, bus: Arc<FileBus>) -> Self {
        let (file, loads, refused) = (file.to_owned(), AtomicU64::new(0), AtomicU64::new(0));
        Self { file, bus, loads, refused }
    }

    /// When the directory in use was exported, Unix milliseconds; how often one was loaded, and refused.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (self.bus.made_ms(), count(&self.loads), count(&self.refused))
    }

    /// Loads the file.
    pub(crate) async fn load(&self) -> anyhow::Result<()> {
        let file = self.file.clone();
        let loaded = tokio::task::spawn_blocking(move || read(&file)).await?;
        let loaded = loaded.inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::Relaxed);
        })?;
        for (app, _) in loaded.apps.iter().filter(|(app, _)| app.keys.is_empty()) {
            tracing::warn!(
                app = app.id.0,
                "the directory has no public key of this app: no token of it opens anything"
            );
        }
        tracing::info!(
            apps = loaded.apps.len(),
            revocations = loaded.revocations.len(),
            made_ms = loaded.made_ms,
            "directory loaded"
        );
        self.bus.load(loaded).await;
        self.loads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Loads the file whenever it has changed. What cannot be used is logged once, and the directory in use stays.
    pub(crate) async fn watch(self: Arc<Self>, mut stamp: Option<Stamp>) {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let now = Stamp::of(&self.file).ok();
            if now == stamp {
                continue;
            }
            stamp = now;
            if let Err(error) = self.load().await {
                tracing::warn!(file = %self.file.display(), error = format!("{error:#}"),
                    "could not load the new directory; keeping the old one");
            }
        }
    }
}
