//! The columns with secrets, the keys that seal them, and the rows of those keys.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use stagedoor_bus::Actor;
use zeroize::Zeroizing;

use super::{deployment::connected, error::StoreError};
use crate::{
    envelope::{DataKey, KeyId, MasterKey, NotSealed, Place, Unopened, sealed_by},
    master_key::MasterKeyError,
    record::{Record, unix_ms},
};

/// Data keys that stay in memory after newer ones: a read that began before the last one was replaced still opens.
const KEYS_KEPT: usize = 3;

/// Acts that wait for a server to record them.
const ACTS_KEPT: i64 = 1_000;

/// A column that holds secrets. An empty value, or none, is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// The column of the row's id.
    pub(crate) id: &'static str,
}

/// Secrets of signing keys.
pub(crate) const SIGNING: Column = Column { table: "keys", column: "secret", id: "kid" };
/// Secrets of audit keys.
pub(crate) const AUDIT: Column = Column { table: "audit_keys", column: "secret", id: "kid" };
/// Every column with secrets. What is not listed here is neither sealed by `init` nor again by `reseal`.
pub(crate) const SEALED: &[Column] = &[SIGNING, AUDIT];

impl Column {
    /// The place of a row's secret.
    pub(crate) fn place<'a>(&self, row: &'a str) -> Place<'a> {
        Place { table: self.table, column: self.column, row }
    }

    /// How many rows have a secret.
    pub(crate) async fn count(&self, connection: &mut SqliteConnection) -> Result<u64, StoreError> {
        let Self { table, column, .. } = self;
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE length({column}) > 0");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await?;
        u64::try_from(row.try_get::<i64, _>(0)?).map_err(|_| StoreError::Row("numbers"))
    }
}

/// Seals and opens secrets. Without a data key they are stored in clear; with one, nothing in clear is accepted.
#[derive(Debug, Default)]
pub(crate) struct Sealer {
    /// The newest first: it seals.
    keys: RwLock<Vec<Arc<DataKey>>>,
}

impl Sealer {
    /// With these data keys, the newest first.
    pub(crate) fn new(keys: Vec<DataKey>) -> Self {
        Self { keys: RwLock::new(keys.into_iter().map(Arc::new).collect()) }
    }

    /// The data key that seals; `None`: secrets are stored in clear.
    pub(crate) fn newest(&self) -> Option<Arc<DataKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    fn key(&self, id: KeyId) -> Option<Arc<DataKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.id() == id).cloned()
    }

    /// Whether it has this data key.
    pub(crate) fn has(&self, id: KeyId) -> bool {
        self.key(id).is_some()
    }

    /// Seals with this data key from now on.
    pub(crate) fn begin(&self, key: DataKey) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(0, Arc::new(key));
        keys.truncate(KEYS_KEPT);
    }

    /// A secret of a row, as it is stored.
    pub(crate) fn seal(
        &self,
        column: &Column,
        row: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let sealed = match self.newest() {
            Some(key) if !plain.is_empty() => key.seal(column.place(row), plain),
            _ => Ok(plain.to_vec()),
        };
        sealed.map_err(|why| StoreError::NotSealed(column.table, why))
    }

    /// A secret of a row, from what is stored.
    pub(crate) fn open(
        &self,
        column: &Column,
        row: &str,
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let by = sealed_by(stored);
        let opened = match by.map(|id| (id, self.key(id))) {
            _ if stored.is_empty() => Ok(Zeroizing::default()),
            Some((_, Some(key))) => key.open(column.place(row), stored),
            Some((id, None)) => Err(Unopened::KeyUnknown(id)),
            None if self.newest().is_some() => Err(Unopened::Clear),
            None => Ok(Zeroizing::new(stored.to_vec())),
        };
        opened.map_err(|why| StoreError::NotOpened(column.table, why))
    }
}

/// A data key as it is stored: wrapped under one master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub(crate) id: KeyId,
    /// The data key with the highest one seals.
    pub(crate) number: i64,
    pub(crate) master: KeyId,
    /// The master key with the highest one came last.
    pub(crate) turn: i64,
    pub(crate) wrapped: Vec<u8>,
}

/// Every wrapped data key, the newest first.
pub(crate) const SELECT: &str =
    "SELECT id, number, master_id, turn, wrapped FROM data_keys ORDER BY number DESC, turn DESC";

impl Wrapped {
    /// From a row of `SELECT`.
    pub(crate) fn of(row: &SqliteRow) -> Result<Self, StoreError> {
        let id = |column| KeyId::of(row.try_get(column).ok()?);
        let (id, master) = id("id").zip(id("master_id")).ok_or(StoreError::Row("data_keys"))?;
        let (number, turn) = (row.try_get("number")?, row.try_get("turn")?);
        Ok(Self { id, number, master, turn, wrapped: row.try_get("wrapped")? })
    }

    /// Those of a database, which may be from before there were any.
    pub(crate) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Self>, StoreError> {
        let table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'data_keys'";
        if sqlx::query(table).fetch_optional(&mut *connection).await?.is_none() {
            return Ok(Vec::new());
        }
        sqlx::query(SELECT).fetch_all(connection).await?.iter().map(Self::of).collect()
    }

    /// Adds it to a database.
    pub(crate) async fn add(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let add =
            "INSERT INTO data_keys (id, number, master_id, turn, wrapped) VALUES (?, ?, ?, ?, ?)";
        let add = sqlx::query(add).bind(self.id.as_bytes()).bind(self.number);
        let add = add.bind(self.master.as_bytes()).bind(self.turn).bind(&self.wrapped);
        add.execute(connection).await?;
        Ok(())
    }

    /// A data key under a master key.
    pub(crate) fn new(
        key: &DataKey,
        number: i64,
        master: &MasterKey,
        turn: i64,
    ) -> Result<Self, NotSealed> {
        let wrapped = key.wrap(master)?;
        Ok(Self { id: key.id(), number, master: master.id(), turn, wrapped })
    }
}

/// An act on the keys, as the audit trail names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Init,
    Rotated,
    Retired,
    Begun,
    Resealed,
}

impl Act {
    const ALL: [Self; 5] = [Self::Init, Self::Rotated, Self::Retired, Self::Begun, Self::Resealed];

    fn kind(self) -> &'static str {
        match self {
            Self::Init => "master_key.init",
            Self::Rotated => "master_key.rotate",
            Self::Retired => "master_key.retire",
            Self::Begun => "data_key.create",
            Self::Resealed => "data_key.reseal",
        }
    }

    /// The act of this kind.
    pub(crate) fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.kind() == kind)
    }

    /// Its record, now.
    pub(crate) fn record(self) -> Record {
        Record { actor: Some(Actor::System), ..Record::now(self.kind(), "ok") }
    }

    /// Notes it in a database, from where the server moves it into the audit trail.
    pub(crate) async fn note(
        self,
        connection: &mut SqliteConnection,
        detail: &str,
    ) -> Result<(), StoreError> {
        let at_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
        let note = sqlx::query("INSERT INTO sealing_acts (at_ms, kind, detail) VALUES (?, ?, ?)");
        let note = note.bind(at_ms).bind(self.kind()).bind(detail.to_owned());
        note.execute(&mut *connection).await?;
        // Without a server, nobody moves them.
        let bounded = "DELETE FROM sealing_acts WHERE id <= (SELECT MAX(id) FROM sealing_acts) - ?";
        sqlx::query(bounded).bind(ACTS_KEPT).execute(connection).await?;
        Ok(())
    }
}

/// The master keys under which data keys are wrapped, the newest first.
pub(crate) fn masters(rows: &[Wrapped]) -> Vec<KeyId> {
    let mut all: Vec<(i64, KeyId)> = rows.iter().map(|row| (row.turn, row.master)).collect();
    all.sort_by_key(|(turn, _)| -turn);
    all.dedup();
    all.into_iter().map(|(_, id)| id).collect()
}

/// The data keys, the newest first; none if secrets are in clear.
pub(crate) fn unlock(
    rows: &[Wrapped],
    master: Option<&MasterKey>,
) -> Result<Vec<DataKey>, MasterKeyError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = masters(rows);
    let master = master.ok_or_else(|| MasterKeyError::Missing { wanted: wanted.clone() })?;
    let mut keys: Vec<DataKey> = Vec::new();
    for row in rows.iter().filter(|row| row.master == master.id()) {
        let key = DataKey::unwrap(row.id, &row.wrapped, master);
        keys.push(key.map_err(|_| MasterKeyError::Damaged(row.id))?);
    }
    match rows.iter().find(|row| keys.iter().all(|key| key.id() != row.id)) {
        Some(_) => Err(MasterKeyError::Wrong { given: master.id(), wanted }),
        None => Ok(keys),
    }
}

/// The wrapped data keys of a file, which may not exist.
pub(crate) async fn found(file: &Path) -> Result<Vec<Wrapped>, StoreError> {
    if !file.try_exists()? {
        return Ok(Vec::new());
    }
    let mut connection = connected(file).await?;
    let rows = Wrapped::all(&mut connection).await;
    // Nothing was written, so an error when closing does not matter.
    let _ = connection.close().await;
    rows
}

/// Makes the first data key of a database without secrets; `None` if it has some.
pub(crate) async fn begin(
    connection: &mut SqliteConnection,
    master: &MasterKey,
) -> Result<Option<DataKey>, StoreError> {
    for column in SEALED {
        if column.count(connection).await? > 0 {
            return Ok(None);
        }
    }
    let failed = |why| StoreError::NotSealed("data_keys", why);
    let key = DataKey::random().map_err(|error| failed(error.into()))?;
    Wrapped::new(&key, 1, master, 1).map_err(failed)?.add(connection).await?;
    let detail = format!("master_key={} data_key={} secrets=0", master.id(), key.id());
    Act::Init.note(connection, &detail).await?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn without_a_data_key_secrets_are_in_clear_and_with_one_none_is() {
        let clear = Sealer::default();
        let stored = clear.seal(&SIGNING, "k_1", b"secret").expect("stored");
        assert_eq!(stored.as_slice(), b"secret");
        assert_eq!(clear.open(&SIGNING, "k_1", &stored).expect("opened").as_slice(), b"secret");
        let sealer = Sealer::new(vec![DataKey::random().expect("a key")]);
        let sealed = sealer.seal(&SIGNING, "k_1", b"secret").expect("sealed");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert_eq!(sealer.open(&SIGNING, "k_1", &sealed).expect("opened").as_slice(), b"secret");
        for (sealer, row, stored) in [
            (&sealer, "k_1", &b"secret"[..]),
            (&sealer, "k_2", &sealed),
            (&clear, "k_1", &sealed),
            (&Sealer::new(vec![DataKey::random().expect("a key")]), "k_1", &sealed),
        ] {
            assert!(sealer.open(&SIGNING, row, stored).is_err(), "{stored:?}");
        }
    }

    #[test]
    fn an_earlier_data_key_still_opens() {
        let sealer = Sealer::new(vec![DataKey::random().expect("a key")]);
        let old = sealer.seal(&SIGNING, "k_1", b"secret").expect("sealed");
        sealer.begin(DataKey::random().expect("a key"));
        let new = sealer.seal(&SIGNING, "k_1", b"secret").expect("sealed");
        assert_ne!(sealed_by(&old), sealed_by(&new));
        for stored in [old, new] {
            assert_eq!(sealer.open(&SIGNING, "k_1", &stored).expect("opened").len(), 6);
        }
    }

    #[test]
    fn a_wrong_a_missing_and_a_damaged_key_are_named() {
        let (first, second) = (DataKey::random().expect("a key"), DataKey::random().expect("one"));
        let row = |key, number, byte, turn| {
            Wrapped::new(key, number, &master(byte), turn).expect("wrapped")
        };
        let mut rows = vec![
            row(&second, 2, 2, 2),
            row(&second, 2, 1, 1),
            row(&first, 1, 2, 2),
            row(&first, 1, 1, 1),
        ];
        assert_eq!(masters(&rows), [master(2).id(), master(1).id()]);
        for byte in [1, 2] {
            let keys = unlock(&rows, Some(&master(byte))).expect("either opens");
            let ids: Vec<KeyId> = keys.iter().map(DataKey::id).collect();
            assert_eq!(ids, [second.id(), first.id()]);
        }
        let code = |rows: &[Wrapped], byte: Option<u8>| {
            unlock(rows, byte.map(master).as_ref()).expect_err("refused").code()
        };
        assert_eq!(code(&rows, None), "master_key_missing");
        assert_eq!(code(&rows, Some(3)), "master_key_wrong");
        rows.remove(3);
        assert_eq!(code(&rows, Some(1)), "master_key_wrong");
        rows[2].wrapped[20] ^= 1;
        assert_eq!(code(&rows, Some(2)), "data_key_damaged");
        assert!(unlock(&[], None).expect("in clear").is_empty());
    }
}
