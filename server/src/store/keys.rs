//! Signing keys of apps.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::{AppId, KeyState};
use zeroize::Zeroizing;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    sealed::{SIGNING, Sealer},
    signed,
    write::{Statement, Tx},
};

/// A key's row. The secret is the raw bytes.
#[derive(Clone)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) app: AppId,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) state: KeyState,
    pub(crate) created_ms: u64,
}

pub(crate) fn state_text(state: KeyState) -> &'static str {
    match state {
        KeyState::Next => "next",
        KeyState::Current => "current",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
    }
}

fn state_of(text: &str) -> Result<KeyState, StoreError> {
    match text {
        "next" => Ok(KeyState::Next),
        "current" => Ok(KeyState::Current),
        "retiring" => Ok(KeyState::Retiring),
        "retired" => Ok(KeyState::Retired),
        _ => Err(StoreError::Row("keys")),
    }
}

/// The secret of a key's row as it signs. The only place that reads the column.
fn open_secret(row: &SqliteRow, sealer: &Sealer) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    sealer.open(&SIGNING, row.try_get("kid")?, row.try_get("secret")?)
}

/// The secret of a key as its row keeps it. The only place that writes the column.
fn seal_secret(key: &KeyRow, sealer: &Sealer) -> Result<Vec<u8>, StoreError> {
    sealer.seal(&SIGNING, &key.kid, &key.secret)
}

fn key_row(row: &SqliteRow, sealer: &Sealer) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        kid: row.try_get("kid")?,
        app: app_id(row, "app")?,
        secret: open_secret(row, sealer)?,
        state: state_of(row.try_get("state")?)?,
        created_ms: unsigned(row, "created_ms")?,
    })
}

fn select_keys(app: AppId) -> Statement<'static> {
    let query = sqlx::query("SELECT * FROM keys WHERE app = ? ORDER BY created_ms, kid");
    query.bind(i64::from(app.0))
}

impl Store {
    /// Every key of an app, oldest first.
    pub(crate) async fn keys(&self, app: AppId) -> Result<Vec<KeyRow>, StoreError> {
        let rows = self.all(select_keys(app)).await?;
        rows.iter().map(|row| key_row(row, &self.sealer)).collect()
    }
}

impl Tx {
    /// Every key of an app, oldest first.
    pub(crate) async fn keys(&mut self, app: AppId) -> Result<Vec<KeyRow>, StoreError> {
        let rows = self.all(select_keys(app)).await?;
        rows.iter().map(|row| key_row(row, &self.sealer)).collect()
    }

    /// Adds a key.
    pub(crate) async fn add_key(&mut self, key: &KeyRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO keys (kid, app, secret, state, created_ms) VALUES (?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&key.kid)
            .bind(i64::from(key.app.0))
            .bind(seal_secret(key, &self.sealer)?)
            .bind(state_text(key.state))
            .bind(signed(key.created_ms, "keys")?);
        self.execute(query).await.map(drop)
    }

    /// Changes the state of a key.
    pub(crate) async fn change_key(
        &mut self,
        kid: &str,
        state: KeyState,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE keys SET state = ? WHERE kid = ?");
        self.execute(query.bind(state_text(state)).bind(kid)).await.map(drop)
    }
}
