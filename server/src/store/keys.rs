//! Signing keys of apps, by line.

use std::sync::Arc;

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::Bounds;
use stagedoor_token::{AppId, Jwk, KeyState};
use zeroize::Zeroizing;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    bound,
    sealed::{SIGNING, Sealer},
    signed,
    write::{Statement, Tx},
};
use crate::key_alg::KeyAlg;

/// A key's row.
#[derive(Clone)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) app: AppId,
    pub(crate) line: String,
    pub(crate) alg: KeyAlg,
    /// What signs, as raw bytes: the secret of HS256 or Token04, the seed of Ed25519. `None` if the key was made elsewhere.
    pub(crate) secret: Option<Zeroizing<Vec<u8>>>,
    /// The public key, if the algorithm has one.
    pub(crate) public: Option<Jwk>,
    /// The bounds of the line.
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) state: KeyState,
    pub(crate) times: KeyTimes,
}

impl KeyRow {
    /// Retires it at this time, before its own.
    pub(crate) fn retire(&mut self, now_ms: u64) {
        self.state = KeyState::Retired;
        self.times.retires_ms = Some(now_ms);
    }
}

/// When a key came into its states, and its uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyTimes {
    pub(crate) made_ms: u64,
    /// `None` also in rows from before this was known.
    pub(crate) current_ms: Option<u64>,
    pub(crate) retiring_ms: Option<u64>,
    /// When it retires, or retired.
    pub(crate) retires_ms: Option<u64>,
    pub(crate) last_used_ms: Option<u64>,
    /// The newest `iat` of a token that it verified, Unix seconds.
    pub(crate) last_iat: Option<u64>,
    /// When it was first found to verify a token from after its rotation.
    pub(crate) retiring_used_ms: Option<u64>,
}

pub(crate) fn state_text(state: KeyState) -> &'static str {
    match state {
        KeyState::Next => "next",
        KeyState::Current => "current",
        KeyState::Retiring => "retiring",
        KeyState::Retired => "retired",
    }
}

pub(super) fn state_of(text: &str) -> Result<KeyState, StoreError> {
    match text {
        "next" => Ok(KeyState::Next),
        "current" => Ok(KeyState::Current),
        "retiring" => Ok(KeyState::Retiring),
        "retired" => Ok(KeyState::Retired),
        _ => Err(StoreError::Row("keys")),
    }
}

/// The secret of a key's row as it signs. The only place that reads the column.
fn open_secret(row: &SqliteRow, sealer: &Sealer) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let secret = sealer.open(&SIGNING, row.try_get("kid")?, row.try_get("secret")?)?;
    Ok((!secret.is_empty()).then_some(secret))
}

/// The secret of a key as its row keeps it. The only place that writes the column.
fn seal_secret(key: &KeyRow, sealer: &Sealer) -> Result<Vec<u8>, StoreError> {
    let secret = key.secret.as_ref().map_or(&[][..], |secret| secret);
    sealer.seal(&SIGNING, &key.kid, secret)
}

fn maybe(row: &SqliteRow, column: &str) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(u64::try_from).transpose().map_err(|_| StoreError::Row("keys"))
}

fn key_row(row: &SqliteRow, sealer: &Sealer) -> Result<KeyRow, StoreError> {
    let malformed = || StoreError::Row("keys");
    let public: Option<&str> = row.try_get("public")?;
    let bounds: Bounds = serde_json::from_str(row.try_get("bounds")?).map_err(|_| malformed())?;
    Ok(KeyRow {
        kid: row.try_get("kid")?,
        app: app_id(row, "app")?,
        line: row.try_get("line")?,
        alg: row.try_get::<&str, _>("alg")?.parse().map_err(|_| malformed())?,
        secret: open_secret(row, sealer)?,
        public: public.map(str::parse).transpose().map_err(|_| malformed())?,
        bounds: Arc::new(bounds),
        state: state_of(row.try_get("state")?)?,
        times: KeyTimes {
            made_ms: unsigned(row, "made_ms")?,
            current_ms: maybe(row, "current_ms")?,
            retiring_ms: maybe(row, "retiring_ms")?,
            retires_ms: maybe(row, "retires_ms")?,
            last_used_ms: maybe(row, "last_used_ms")?,
            last_iat: maybe(row, "last_iat")?,
            retiring_used_ms: maybe(row, "retiring_used_ms")?,
        },
    })
}

fn bounds_text(bounds: &Bounds) -> Result<String, StoreError> {
    serde_json::to_string(bounds).map_err(|_| StoreError::Row("keys"))
}

fn select_keys(app: AppId) -> Statement<'static> {
    let query = sqlx::query("SELECT * FROM keys WHERE app = ? ORDER BY made_ms, kid");
    query.bind(i64::from(app.0))
}

impl Store {
    /// Every key of an app, oldest first.
    pub(crate) async fn keys(&self, app: AppId) -> Result<Vec<KeyRow>, StoreError> {
        let rows = self.all(select_keys(app)).await?;
        rows.iter().map(|row| key_row(row, &self.sealer)).collect()
    }

    /// When the next key of any app retires, Unix milliseconds.
    pub(crate) async fn next_retirement(&self) -> Result<Option<u64>, StoreError> {
        let query =
            sqlx::query("SELECT MIN(retires_ms) AS at_ms FROM keys WHERE state = 'retiring'");
        self.optional(query).await?.map_or(Ok(None), |row| maybe(&row, "at_ms"))
    }

    /// The number of apps with a current key that is a secret: of HS256, or of Token04.
    pub(crate) async fn apps_with_secrets(&self) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "SELECT COUNT(DISTINCT app) AS apps FROM keys WHERE state = 'current' AND alg IN ('HS256', 'token04')",
        );
        self.optional(query).await?.map_or(Ok(0), |row| unsigned(&row, "apps"))
    }

    /// Apps with keys whose time to retire has come.
    pub(crate) async fn apps_to_retire_in(&self, now_ms: u64) -> Result<Vec<AppId>, StoreError> {
        let query = sqlx::query(
            "SELECT DISTINCT app FROM keys WHERE state = 'retiring' AND retires_ms <= ? ORDER BY app",
        );
        self.all(query.bind(bound(now_ms))).await?.iter().map(|row| app_id(row, "app")).collect()
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
            "INSERT INTO keys (kid, app, line, alg, secret, public, bounds, state, made_ms, current_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&key.kid)
            .bind(i64::from(key.app.0))
            .bind(&key.line)
            .bind(key.alg.name())
            .bind(seal_secret(key, &self.sealer)?)
            .bind(key.public.as_ref().map(ToString::to_string))
            .bind(bounds_text(&key.bounds)?)
            .bind(state_text(key.state))
            .bind(signed(key.times.made_ms, "keys")?)
            .bind(key.times.current_ms.map(bound));
        self.execute(query).await.map(drop)
    }

    /// Stores the state of a key, and when it came into its states.
    pub(crate) async fn change_key(&mut self, key: &KeyRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE keys SET state = ?, current_ms = ?, retiring_ms = ?, retires_ms = ? WHERE kid = ?",
        );
        let KeyTimes { current_ms, retiring_ms, retires_ms, .. } = key.times;
        let query = query
            .bind(state_text(key.state))
            .bind(current_ms.map(bound))
            .bind(retiring_ms.map(bound))
            .bind(retires_ms.map(bound))
            .bind(&key.kid);
        self.execute(query).await.map(drop)
    }

    /// Sets the bounds of a line, in each of its keys. `false` if it has no key.
    pub(crate) async fn bound_line(
        &mut self,
        app: AppId,
        line: &str,
        bounds: &Bounds,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query("UPDATE keys SET bounds = ? WHERE app = ? AND line = ?");
        let query = query.bind(bounds_text(bounds)?).bind(i64::from(app.0)).bind(line);
        Ok(self.execute(query).await? > 0)
    }

    /// Deletes the app's retired keys beyond so many, the oldest first. Their tokens are refused either way.
    pub(crate) async fn prune_retired(&mut self, app: AppId, max: u32) -> Result<(), StoreError> {
        let query = sqlx::query(
            "DELETE FROM keys WHERE kid IN (SELECT kid FROM keys WHERE app = ? AND state = 'retired'
             ORDER BY COALESCE(retires_ms, made_ms) DESC, made_ms DESC, kid LIMIT -1 OFFSET ?)",
        );
        self.execute(query.bind(i64::from(app.0)).bind(i64::from(max))).await.map(drop)
    }
}
