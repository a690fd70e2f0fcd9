//! API keys and the root credential, of `store`. Only hashes of their secrets are here.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
};

/// An API key's row.
#[derive(Clone, Debug)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) app: AppId,
    pub(crate) name: String,
    pub(crate) hash: Vec<u8>,
    /// Separated by spaces.
    pub(crate) scopes: String,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) last_used_ms: Option<u64>,
}

fn api_key_row(row: &SqliteRow) -> Result<ApiKeyRow, StoreError> {
    let optional = |column| -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = row.try_get(column)?;
        value.map(|value| u64::try_from(value).map_err(|_| StoreError::Row("api_keys"))).transpose()
    };
    Ok(ApiKeyRow {
        id: row.try_get("id")?,
        app: app_id(row, "app")?,
        name: row.try_get("name")?,
        hash: row.try_get("hash")?,
        scopes: row.try_get("scopes")?,
        created_ms: unsigned(row, "created_ms")?,
        expires_ms: optional("expires_ms")?,
        last_used_ms: optional("last_used_ms")?,
    })
}

impl Store {
    /// Adds an API key.
    pub(crate) async fn add_api_key(&self, key: &ApiKeyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO api_keys (id, app, name, hash, scopes, created_ms, expires_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&key.id)
        .bind(i64::from(key.app.0))
        .bind(&key.name)
        .bind(&key.hash)
        .bind(&key.scopes)
        .bind(key.created_ms as i64)
        .bind(key.expires_ms.map(|ms| ms as i64))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives an API key another secret. `false` if it is not there.
    pub(crate) async fn rotate_api_key(
        &self,
        app: AppId,
        id: &str,
        hash: &[u8],
    ) -> Result<bool, StoreError> {
        let query = sqlx::query("UPDATE api_keys SET hash = ? WHERE id = ? AND app = ?");
        let query = query.bind(hash).bind(id).bind(i64::from(app.0));
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Deletes an API key. `false` if it is not there.
    pub(crate) async fn delete_api_key(&self, app: AppId, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM api_keys WHERE id = ? AND app = ?")
            .bind(id)
            .bind(i64::from(app.0));
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// One API key, of whatever app.
    pub(crate) async fn api_key(&self, id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM api_keys WHERE id = ?").bind(id);
        query.fetch_optional(&self.pool).await?.as_ref().map(api_key_row).transpose()
    }

    /// API keys of an app after an id.
    pub(crate) async fn api_keys(
        &self,
        app: AppId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM api_keys WHERE app = ? AND id > ? ORDER BY id LIMIT ?");
        let query = query.bind(i64::from(app.0)).bind(after).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(api_key_row).collect()
    }

    /// Notes that an API key was used.
    pub(crate) async fn used_api_key(&self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE api_keys SET last_used_ms = ? WHERE id = ?");
        query.bind(now_ms as i64).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// The hash of the root credential.
    pub(crate) async fn root(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT hash FROM root").fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get("hash")).transpose()?)
    }

    /// Sets the root credential, if there is none. `false` if there is one.
    pub(crate) async fn set_root(&self, hash: &[u8], now_ms: u64) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO root (id, hash, created_ms) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
        );
        Ok(query.bind(hash).bind(now_ms as i64).execute(&self.pool).await?.rows_affected() > 0)
    }
}
