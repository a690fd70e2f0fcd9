//! Backs up the whole database to one file while a server runs, and restores a data folder from such a file. A
//! backup file is either complete and checked, or it does not exist.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{Connection, Executor, Row, SqliteConnection};
use stagedoor_bus::Actor;
use thiserror::Error;

use crate::{
    deployment::{Found, Ours},
    envelope::KeyId,
    folder::{DATABASE, DataFolder, FolderError},
    record::{Record, unix_ms},
    store::{
        StoreError,
        audit::add_alone,
        deployment::{BACKUP, LIVE, connected, found},
        migrate,
        sealed::{Wrapped, masters},
    },
};

/// A restored app's generation rises by at least this much: no app revokes more between a backup and its end.
const GENERATIONS: i64 = 1 << 32;
/// A restore raises the versions of apps and roles by at least this much.
const VERSIONS: i64 = 1 << 20;
/// How long a copy waits for another process that locks the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a backup or a restore failed. What existed before is unchanged.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file of that name exists.
    #[error("{0} already exists, and a backup overwrites nothing; choose another file")]
    Exists(PathBuf),
    /// There is no database to back up.
    #[error("{0} contains no database; pass the data folder with --data")]
    NoDatabase(PathBuf),
    /// The file is not a backup.
    #[error("{file} is not a backup: {why}")]
    NoBackup {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: String,
    },
    /// The target folder is not empty.
    #[error("{0} is not empty; restore into an empty or a new folder")]
    NotEmpty(PathBuf),
    /// The copy is damaged.
    #[error("{file} is damaged: {why}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What SQLite found.
        why: String,
    },
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A system call failed.
    #[error("{file}: {source}", file = file.display())]
    Io {
        /// What was attempted.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The database.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

/// A finished backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupMade {
    /// When it was taken, Unix milliseconds; it contains everything acknowledged before.
    pub taken_ms: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Apps in it.
    pub apps: u64,
    /// Audit records in it.
    pub records: u64,
}

/// A data folder restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was taken, Unix milliseconds; `None` if the file is the database of a stopped server.
    pub taken_ms: Option<u64>,
    /// When the newest record in it was made, Unix milliseconds.
    pub newest_ms: Option<u64>,
    /// Apps in it.
    pub apps: u64,
    /// Audit records in it.
    pub records: u64,
    /// The master keys of which any opens its secrets, the newest first; none if they are in clear.
    pub masters: Vec<KeyId>,
}

/// A file that is deleted on drop unless it is kept.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            // Most of these do not exist.
            let _ = fs::remove_file(beside(&self.0, suffix));
        }
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io_at(file: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let file = file.to_owned();
    move |source| BackupError::Io { file, source }
}

/// An empty file that only its owner reads.
fn create(file: &Path) -> Result<File, BackupError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map_err(io_at(file))
}

/// The folder that contains a file.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames a file to a name that is free, and waits until that is on disk.
fn keep(temporary: &Path, file: &Path) -> Result<(), BackupError> {
    File::open(temporary).and_then(|opened| opened.sync_all()).map_err(io_at(temporary))?;
    match fs::hard_link(temporary, file) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(file.into()));
        }
        // Some file systems have no hard links.
        Err(_) if !file.exists() => fs::rename(temporary, file).map_err(io_at(file))?,
        Err(error) => return Err(io_at(file)(error)),
    }
    let folder = folder_of(file);
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(io_at(folder))
}

async fn count(connection: &mut SqliteConnection, sql: &'static str) -> Result<u64, BackupError> {
    let number: i64 = connection.fetch_one(sql).await?.try_get(0)?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Checks that every page, index and reference is intact.
async fn check(connection: &mut SqliteConnection, file: &Path) -> Result<(), BackupError> {
    let damaged = |why: String| BackupError::Damaged { file: file.into(), why };
    for sql in ["PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"] {
        for row in connection.fetch_all(sql).await.map_err(|error| damaged(error.to_string()))? {
            let found: String = row.try_get(0)?;
            if found != "ok" {
                return Err(damaged(found));
            }
        }
    }
    Ok(())
}

async fn set(connection: &mut SqliteConnection, sql: String) -> Result<(), BackupError> {
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(())
}

/// Writes the data folder's database to a new file. A server may run meanwhile: the file contains everything that it
/// acknowledged before.
pub async fn backup(data_dir: &Path, file: &Path) -> Result<BackupMade, BackupError> {
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.into()));
    }
    let database = data_dir.join(DATABASE);
    match found(&database).await? {
        Found::Ours(Ours { has_root: true, .. }) => {}
        Found::Foreign(why) => return Err(BackupError::Store(why)),
        _ => return Err(BackupError::NoDatabase(data_dir.into())),
    }
    let temporary = Temporary(beside(file, &format!(".partial-{}", std::process::id())));
    drop(create(&temporary.0)?);
    let taken_ms = unix_ms();
    let mut live = connected(&database).await?;
    set(&mut live, format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis())).await?;
    let into = temporary.0.to_str().ok_or_else(|| {
        io_at(file)(io::Error::new(ErrorKind::InvalidInput, "the name is not UTF-8"))
    })?;
    let copied = sqlx::query("VACUUM INTO ?").bind(into.to_owned()).execute(&mut live).await;
    // The server keeps running.
    let _ = live.close().await;
    copied?;
    let mut copy = connected(&temporary.0).await?;
    copy.execute("PRAGMA journal_mode = DELETE").await?;
    set(&mut copy, format!("PRAGMA application_id = {BACKUP}")).await?;
    copy.execute("CREATE TABLE backup (taken_ms INTEGER NOT NULL) STRICT").await?;
    set(&mut copy, format!("INSERT INTO backup (taken_ms) VALUES ({taken_ms})")).await?;
    check(&mut copy, &temporary.0).await?;
    let made = BackupMade {
        taken_ms,
        bytes: fs::metadata(&temporary.0).map_err(io_at(&temporary.0))?.len(),
        apps: count(&mut copy, "SELECT COUNT(*) FROM apps").await?,
        records: count(&mut copy, "SELECT COUNT(*) FROM audit").await?,
    };
    copy.close().await?;
    keep(&temporary.0, file)?;
    Ok(made)
}

/// An empty folder, created if it does not exist.
fn empty(folder: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_at(folder))?;
    let mut entries = fs::read_dir(folder).map_err(io_at(folder))?;
    if entries.next().is_some() { Err(BackupError::NotEmpty(folder.into())) } else { Ok(()) }
}

/// Restores a data folder, which must be empty or not exist, from a backup. Each app's generation is raised beyond any
/// that it can have issued since, so that later revocations also hit tokens minted after the backup.
pub async fn restore(file: &Path, folder: &Path) -> Result<Restored, BackupError> {
    let no_backup = |why: &str| BackupError::NoBackup { file: file.into(), why: why.into() };
    for suffix in ["-wal", "-journal"] {
        if beside(file, suffix).exists() {
            return Err(no_backup(
                "its write-ahead log lies beside it, so it is a database in use; make a backup with `stagedoor backup`",
            ));
        }
    }
    let is_there = file.try_exists().map_err(io_at(file))?;
    if !is_there {
        return Err(io_at(file)(ErrorKind::NotFound.into()));
    }
    empty(folder)?;
    // Inspect a copy, because SQLite writes files beside what it opens.
    let temporary = Temporary(folder.join(format!("{DATABASE}.restoring")));
    let mut from = File::open(file).map_err(io_at(file))?;
    let mut to = create(&temporary.0)?;
    io::copy(&mut from, &mut to).map_err(io_at(&temporary.0))?;
    drop(to);
    let is_backup = match found(&temporary.0)
        .await
        .map_err(|error| no_backup(&error.to_string()))?
    {
        Found::Backup => true,
        Found::Ours(ours) if ours.is_open || !ours.has_root => {
            return Err(no_backup(
                "it was copied while a server was using it, so what is in the write-ahead log is missing; make a backup with `stagedoor backup`",
            ));
        }
        Found::Ours(_) => false,
        Found::Nothing | Found::Empty => return Err(no_backup("it is empty")),
        Found::Foreign(why) => return Err(no_backup(&why)),
    };
    let mut copy = connected(&temporary.0).await?;
    check(&mut copy, file).await?;
    migrate(&mut copy).await?;
    let restored = put_right(&mut copy, is_backup).await?;
    copy.close().await?;
    let taken = DataFolder::open(folder)?;
    keep(&temporary.0, &taken.path().join(DATABASE))?;
    Ok(restored)
}

/// Turns the copy into the database of a new deployment.
async fn put_right(copy: &mut SqliteConnection, is_backup: bool) -> Result<Restored, BackupError> {
    let mut tx = copy.begin().await?;
    let taken_ms = match is_backup {
        true => Some(count(&mut tx, "SELECT taken_ms FROM backup").await?),
        false => None,
    };
    let newest =
        tx.fetch_one("SELECT MAX(at_ms) FROM audit").await?.try_get::<Option<i64>, _>(0)?;
    let restored = Restored {
        taken_ms,
        newest_ms: newest.and_then(|newest| u64::try_from(newest).ok()),
        apps: count(&mut tx, "SELECT COUNT(*) FROM apps").await?,
        records: count(&mut tx, "SELECT COUNT(*) FROM audit").await?,
        masters: masters(&Wrapped::all(&mut tx).await?),
    };
    // By time, so that a second restore of the same backup ends up beyond the first; in microseconds, because no app
    // revokes that fast; and by at least one step, in case the wall clock is behind.
    let raised = "UPDATE apps SET generation = MAX(generation + ?, ?)";
    let now_us = i64::try_from(unix_ms().saturating_mul(1_000)).unwrap_or(i64::MAX);
    sqlx::query(raised).bind(GENERATIONS).bind(now_us).execute(&mut *tx).await?;
    // The same for the versions of apps and roles, which callers send in `If-Match`.
    let raised = "UPDATE apps SET version = MAX(version + ?1, ?2)";
    let now_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
    sqlx::query(raised).bind(VERSIONS).bind(now_ms).execute(&mut *tx).await?;
    let raised = "UPDATE deployment SET role_versions_from = MAX(role_versions_from + ?1, ?2)";
    sqlx::query(raised).bind(VERSIONS).bind(now_ms).execute(&mut *tx).await?;
    // What was ended after the backup must not log anybody in again.
    tx.execute("DELETE FROM sessions").await?;
    tx.execute("DELETE FROM links").await?;
    tx.execute("DROP TABLE IF EXISTS backup").await?;
    tx.execute("UPDATE deployment SET name = lower(hex(randomblob(16))), is_open = 0").await?;
    let record = Record { actor: Some(Actor::System), ..Record::now("store.restore", "ok") };
    let detail = taken_ms.map(|taken_ms| format!("taken_ms={taken_ms}"));
    add_alone(&mut tx, record.detail(&detail.unwrap_or_default())).await?;
    tx.execute(sqlx::AssertSqlSafe(format!("PRAGMA application_id = {LIVE}"))).await?;
    tx.commit().await?;
    Ok(restored)
}
