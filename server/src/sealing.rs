//! The acts of `stagedoor master-key` on a data folder: they need the folder and the master key, and no server's answer,
//! so no key ever travels. All but `init` work while a server runs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{Connection, Executor, Row, SqliteConnection};
use thiserror::Error;

use crate::{
    deployment::{Found, Marker, NotTheDatabase, Ours, decide},
    envelope::{DataKey, KeyId, MasterKey},
    folder::{DATABASE, DEV, DataFolder, FolderError},
    master_key::MasterKeyError,
    store::{
        Store, StoreError,
        deployment::{connected, found},
        migrate,
        reseal::{counts, seal_all},
        sealed::{Act, SEALED, Wrapped, masters, unlock},
    },
};

/// How long an act waits for the server's writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an act on the keys was not done. What existed before is unchanged.
#[derive(Debug, Error)]
pub enum SealingError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no database.
    #[error("{0} contains no database; pass the data folder with --data")]
    NoDatabase(PathBuf),
    /// It is not the folder's own.
    #[error("the data folder cannot be used: {0}")]
    NotTheDatabase(#[from] NotTheDatabase),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// Nothing is sealed.
    #[error("not_sealed: secrets lie in clear here; seal them with `stagedoor master-key init`")]
    NotSealed,
    /// Two master keys open it.
    #[error(
        "master_key_rotating: {old} opens it as well as {new}; give the new one to the server, then drop the old one \
         with `stagedoor master-key retire`"
    )]
    Rotating {
        /// The one that came last.
        new: KeyId,
        /// The other.
        old: KeyId,
    },
    /// It cannot be dropped.
    #[error(
        "master_key_in_use: {0} is the master key that is configured; configure the one that stays, or name the one to \
         drop with --id"
    )]
    InUse(KeyId),
    /// No data key is wrapped under it.
    #[error(
        "master_key_unknown: no data key is wrapped under {0}; `stagedoor master-key status` lists the master keys"
    )]
    Unknown(KeyId),
    /// The database.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for SealingError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::MasterKey(error) => Self::MasterKey(error),
            StoreError::NotTheDatabase(error) => Self::NotTheDatabase(error),
            error => Self::Store(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for SealingError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(StoreError::from(error))
    }
}

impl SealingError {
    /// The stable code, if it has one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::MasterKey(error) => Some(error.code()),
            Self::NotSealed => Some("not_sealed"),
            Self::Rotating { .. } => Some("master_key_rotating"),
            Self::InUse(_) => Some("master_key_in_use"),
            Self::Unknown(_) => Some("master_key_unknown"),
            _ => None,
        }
    }
}

/// A database that was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Under this master key.
    pub master: KeyId,
    /// By this data key.
    pub data_key: KeyId,
    /// Secrets that were in clear.
    pub secrets: u64,
    /// Whether the file was rewritten, so that nothing of them is left in it.
    pub is_rewritten: bool,
}

/// What is sealed by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingStatus {
    /// The master keys, the newest first; none if secrets are in clear.
    pub masters: Vec<KeyId>,
    /// The data keys, the newest first: it seals.
    pub data_keys: Vec<KeyId>,
    /// Secrets of each column, by the data key that seals them; `None` counts those in clear.
    pub secrets: Vec<SecretsOf>,
    /// Whether the file may still hold what was in clear, because `init` was interrupted.
    pub rewrite_due: bool,
}

/// Secrets of a column under one data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsOf {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The data key; `None`: they are in clear.
    pub data_key: Option<KeyId>,
    /// How many.
    pub count: u64,
}

fn failed(error: impl Into<crate::envelope::NotSealed>) -> SealingError {
    StoreError::NotSealed("data_keys", error.into()).into()
}

/// Opens a folder's database beside any server. What it deletes is overwritten, and nothing goes to temporary files.
async fn opened(data_dir: &Path) -> Result<SqliteConnection, SealingError> {
    let file = data_dir.join(DATABASE);
    match found(&file).await? {
        Found::Ours(Ours { has_root: true, .. }) => {}
        Found::Foreign(why) => return Err(NotTheDatabase::Foreign(why).into()),
        Found::Backup => return Err(NotTheDatabase::Backup.into()),
        _ => return Err(SealingError::NoDatabase(data_dir.into())),
    }
    let mut connection = connected(&file).await?;
    let wait = format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis());
    connection.execute(sqlx::AssertSqlSafe(wait)).await?;
    for pragma in ["secure_delete = ON", "temp_store = MEMORY", "synchronous = FULL"] {
        connection.execute(sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"))).await?;
    }
    Ok(connection)
}

/// The data keys of a sealed database.
async fn sealed(connection: &mut SqliteConnection) -> Result<Vec<Wrapped>, SealingError> {
    let rows = Wrapped::all(connection).await?;
    if rows.is_empty() { Err(SealingError::NotSealed) } else { Ok(rows) }
}

/// Seals a database that is in clear, in one transaction, and rewrites its file so that nothing is left of what was in
/// clear. An interrupted call is completed by the next.
pub async fn init(folder: &DataFolder, master: &MasterKey) -> Result<Sealed, SealingError> {
    let file = folder.path().join(DATABASE);
    let (marker, has_dev_file) =
        (Marker::read(folder.path()).map_err(StoreError::from)?, folder.path().join(DEV).is_file());
    decide(marker.as_ref(), has_dev_file, &found(&file).await?)?;
    let mut connection = opened(folder.path()).await?;
    let earlier = unlock(&Wrapped::all(&mut connection).await?, Some(master))?;
    migrate(&mut connection).await?;
    let (data_key, secrets) = match earlier.first() {
        Some(key) => (key.id(), 0),
        None => seal(&mut connection, master).await?,
    };
    let is_rewritten = rewrite_due(&mut connection).await?;
    if is_rewritten {
        rewrite(&mut connection).await?;
    }
    connection.close().await?;
    Ok(Sealed { master: master.id(), data_key, secrets, is_rewritten })
}

async fn seal(
    connection: &mut SqliteConnection,
    master: &MasterKey,
) -> Result<(KeyId, u64), SealingError> {
    let key = DataKey::random().map_err(failed)?;
    let wrapped = Wrapped::new(&key, 1, master, 1).map_err(failed)?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    wrapped.add(&mut tx).await?;
    let secrets = seal_all(&mut tx, &key).await?;
    let detail = format!("master_key={} data_key={} secrets={secrets}", master.id(), key.id());
    Act::Init.note(&mut tx, &detail).await?;
    tx.execute("UPDATE deployment SET rewrite_due = 1").await?;
    tx.commit().await?;
    Ok((key.id(), secrets))
}

async fn rewrite_due(connection: &mut SqliteConnection) -> Result<bool, SealingError> {
    let row = connection.fetch_one("SELECT rewrite_due FROM deployment").await?;
    Ok(row.try_get::<i64, _>(0)? != 0)
}

/// Rewrites the whole file, and empties its log.
async fn rewrite(connection: &mut SqliteConnection) -> Result<(), SealingError> {
    connection.execute("VACUUM").await?;
    empty_log(connection).await?;
    connection.execute("UPDATE deployment SET rewrite_due = 0").await?;
    empty_log(connection).await
}

async fn empty_log(connection: &mut SqliteConnection) -> Result<(), SealingError> {
    let row = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    if row.try_get::<i64, _>(0)? == 0 {
        return Ok(());
    }
    Err(SealingError::Store("another process reads the database; stop it, and repeat this".into()))
}

/// Wraps the data key under another master key too: from then on either opens the database. Returns whether it was not
/// so before.
pub async fn rotate(
    data_dir: &Path,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<bool, SealingError> {
    let mut connection = opened(data_dir).await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let rows = sealed(&mut tx).await?;
    let keys = unlock(&rows, Some(old))?;
    let known = masters(&rows);
    let is_new = !known.contains(&new.id());
    if let ([newest, other], true) = (known.as_slice(), is_new) {
        return Err(SealingError::Rotating { new: *newest, old: *other });
    }
    if is_new {
        let turn = rows.iter().map(|row| row.turn).max().unwrap_or(0).saturating_add(1);
        for key in &keys {
            let number = rows.iter().find(|row| row.id == key.id()).map_or(1, |row| row.number);
            Wrapped::new(key, number, new, turn).map_err(failed)?.add(&mut tx).await?;
        }
        let detail = format!("old={} new={}", old.id(), new.id());
        Act::Rotated.note(&mut tx, &detail).await?;
        tx.commit().await?;
    } else {
        // What is there must open.
        unlock(&rows, Some(new))?;
        tx.rollback().await?;
    }
    connection.close().await?;
    Ok(is_new)
}

/// Drops a master key: by default the one that came before the configured one, `master`. Returns its id; `None` if
/// there is only one.
pub async fn retire(
    data_dir: &Path,
    master: &MasterKey,
    id: Option<KeyId>,
) -> Result<Option<KeyId>, SealingError> {
    let mut connection = opened(data_dir).await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let rows = sealed(&mut tx).await?;
    // The one that stays must open.
    unlock(&rows, Some(master))?;
    let known = masters(&rows);
    let dropped = match id {
        Some(id) if !known.contains(&id) => return Err(SealingError::Unknown(id)),
        Some(id) => Some(id),
        None => known.get(1).copied(),
    };
    let Some(dropped) = dropped else { return Ok(None) };
    if dropped == master.id() {
        return Err(SealingError::InUse(dropped));
    }
    let delete = sqlx::query("DELETE FROM data_keys WHERE master_id = ?");
    delete.bind(dropped.as_bytes()).execute(&mut *tx).await?;
    let detail = format!("old={dropped} new={}", master.id());
    Act::Retired.note(&mut tx, &detail).await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(Some(dropped))
}

/// Makes a new data key, under which a running server soon seals every secret again; the next start does it, too.
/// Returns the key's id. One that is not done yet is not made a second time.
pub async fn begin_reseal(data_dir: &Path, master: &MasterKey) -> Result<KeyId, SealingError> {
    let mut connection = opened(data_dir).await?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let rows = sealed(&mut tx).await?;
    let keys = unlock(&rows, Some(master))?;
    if let [new, old, ..] = masters(&rows).as_slice() {
        return Err(SealingError::Rotating { new: *new, old: *old });
    }
    if let [newest, _, ..] = keys.as_slice() {
        return Ok(newest.id());
    }
    let key = DataKey::random().map_err(failed)?;
    let (number, turn) = rows.first().map_or((1, 1), |row| (row.number, row.turn));
    let wrapped = Wrapped::new(&key, number.saturating_add(1), master, turn).map_err(failed)?;
    wrapped.add(&mut tx).await?;
    let detail = format!("data_key={}", key.id());
    Act::Begun.note(&mut tx, &detail).await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(key.id())
}

/// Seals every secret again under the newest data key, in a folder that no server uses. Returns how many.
pub async fn reseal(folder: DataFolder, master: &MasterKey) -> Result<u64, SealingError> {
    let store = Store::open(folder, BUSY_TIMEOUT, Some(master)).await?;
    let resealed = store.reseal().await;
    store.close().await;
    Ok(resealed?)
}

/// What is sealed by what. It needs no master key.
pub async fn status(data_dir: &Path) -> Result<SealingStatus, SealingError> {
    let mut connection = opened(data_dir).await?;
    let rows = Wrapped::all(&mut connection).await?;
    let mut data_keys: Vec<KeyId> = rows.iter().map(|row| row.id).collect();
    data_keys.dedup();
    let mut secrets = Vec::new();
    for column in SEALED {
        let counted = counts(&mut connection, column).await?;
        secrets.extend(counted.into_iter().map(|(data_key, count)| SecretsOf {
            table: column.table,
            column: column.column,
            data_key,
            count,
        }));
    }
    let rewrite_due = !rows.is_empty() && rewrite_due(&mut connection).await?;
    connection.close().await?;
    Ok(SealingStatus { masters: masters(&rows), data_keys, secrets, rewrite_due })
}
