//! Apps and their keys, of `store`.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::{AppId, KeyState, SecondLogin};

use super::{Store, StoreError};

/// An app's row.
#[derive(Clone, Debug)]
pub(crate) struct AppRow {
    pub(crate) id: AppId,
    pub(crate) name: String,
    pub(crate) ttl_s_default: u64,
    pub(crate) ttl_s_max: u64,
    pub(crate) created_ms: u64,
    /// The newest generation that a revocation began.
    pub(crate) generation: u64,
    /// What happens at second logins, where the role says nothing.
    pub(crate) second_login: Option<SecondLogin>,
}

impl AppRow {
    fn second_login_json(&self) -> Option<String> {
        self.second_login.and_then(|policy| serde_json::to_string(&policy).ok())
    }
}

/// A key's row. The secret is the raw bytes.
#[derive(Clone)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) app: AppId,
    pub(crate) secret: Vec<u8>,
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

pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Row("numbers"))
}

pub(super) fn app_id(row: &SqliteRow, column: &str) -> Result<AppId, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map(AppId).map_err(|_| StoreError::Row("apps"))
}

fn app_row(row: &SqliteRow) -> Result<AppRow, StoreError> {
    Ok(AppRow {
        id: app_id(row, "id")?,
        name: row.try_get("name")?,
        ttl_s_default: unsigned(row, "ttl_s_default")?,
        ttl_s_max: unsigned(row, "ttl_s_max")?,
        created_ms: unsigned(row, "created_ms")?,
        generation: unsigned(row, "generation")?,
        second_login: second_login(row.try_get("second_login")?)?,
    })
}

fn second_login(json: Option<&str>) -> Result<Option<SecondLogin>, StoreError> {
    json.map(serde_json::from_str).transpose().map_err(|_| StoreError::Row("apps"))
}

fn key_row(row: &SqliteRow) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        kid: row.try_get("kid")?,
        app: app_id(row, "app")?,
        secret: row.try_get("secret")?,
        state: state_of(row.try_get("state")?)?,
        created_ms: unsigned(row, "created_ms")?,
    })
}

impl Store {
    /// Adds an app with its first keys. `false` if the AppID is taken.
    pub(crate) async fn add_app(&self, app: &AppRow, keys: &[KeyRow]) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let added = sqlx::query(
            "INSERT INTO apps (id, name, ttl_s_default, ttl_s_max, created_ms, second_login)
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(i64::from(app.id.0))
        .bind(&app.name)
        .bind(app.ttl_s_default as i64)
        .bind(app.ttl_s_max as i64)
        .bind(app.created_ms as i64)
        .bind(app.second_login_json())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if added == 0 {
            return Ok(false);
        }
        for key in keys {
            insert_key(&mut tx, key).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Changes what can be changed of an app. `false` if it is not there.
    pub(crate) async fn change_app(&self, app: &AppRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE apps SET name = ?, ttl_s_default = ?, ttl_s_max = ?, second_login = ?
             WHERE id = ?",
        );
        let query = query.bind(&app.name).bind(app.ttl_s_default as i64).bind(app.ttl_s_max as i64);
        let query = query.bind(app.second_login_json());
        Ok(query.bind(i64::from(app.id.0)).execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Deletes an app, its keys and its API keys. `false` if it is not there.
    pub(crate) async fn delete_app(&self, id: AppId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM apps WHERE id = ?").bind(i64::from(id.0));
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// One app.
    pub(crate) async fn app(&self, id: AppId) -> Result<Option<AppRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM apps WHERE id = ?").bind(i64::from(id.0));
        query.fetch_optional(&self.pool).await?.as_ref().map(app_row).transpose()
    }

    /// Apps after an AppID.
    pub(crate) async fn apps(&self, after: u32, limit: u32) -> Result<Vec<AppRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM apps WHERE id > ? ORDER BY id LIMIT ?");
        let rows =
            query.bind(i64::from(after)).bind(i64::from(limit)).fetch_all(&self.pool).await?;
        rows.iter().map(app_row).collect()
    }

    /// Every key of an app, oldest first.
    pub(crate) async fn keys(&self, app: AppId) -> Result<Vec<KeyRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM keys WHERE app = ? ORDER BY created_ms, kid")
            .bind(i64::from(app.0));
        query.fetch_all(&self.pool).await?.iter().map(key_row).collect()
    }

    /// Adds keys and changes states of others, all or nothing. States are changed in the order given.
    pub(crate) async fn change_keys(
        &self,
        states: &[(&str, KeyState)],
        added: &[&KeyRow],
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for (kid, state) in states {
            let query = sqlx::query("UPDATE keys SET state = ? WHERE kid = ?");
            query.bind(state_text(*state)).bind(*kid).execute(&mut *tx).await?;
        }
        for key in added {
            insert_key(&mut tx, key).await?;
        }
        Ok(tx.commit().await?)
    }
}

async fn insert_key(tx: &mut sqlx::SqliteConnection, key: &KeyRow) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO keys (kid, app, secret, state, created_ms) VALUES (?, ?, ?, ?, ?)")
        .bind(&key.kid)
        .bind(i64::from(key.app.0))
        .bind(&key.secret)
        .bind(state_text(key.state))
        .bind(key.created_ms as i64)
        .execute(tx)
        .await?;
    Ok(())
}
