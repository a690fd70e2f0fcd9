//! API keys and the root credential. Only hashes of their secrets are stored.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::Bounds;
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    signed,
    write::{Statement, Tx},
};

/// An API key's row.
#[derive(Clone, Debug)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) app: AppId,
    pub(crate) name: String,
    pub(crate) hash: Vec<u8>,
    /// Scopes, separated by spaces.
    pub(crate) scopes: String,
    pub(crate) bounds: Bounds,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) last_used_ms: Option<u64>,
}

fn api_key_row(row: &SqliteRow) -> Result<ApiKeyRow, StoreError> {
    let optional = |column| -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = row.try_get(column)?;
        value.map(|value| u64::try_from(value).map_err(|_| StoreError::Row("api_keys"))).transpose()
    };
    // Bounds that cannot be read must not become none.
    let bounds: Option<&str> = row.try_get("bounds")?;
    let bounds = bounds.map(serde_json::from_str).transpose();
    Ok(ApiKeyRow {
        bounds: bounds.map_err(|_| StoreError::Row("api_keys"))?.unwrap_or_default(),
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

/// `NULL` where nothing is bounded, as in rows from before there were bounds.
fn bounds_text(bounds: &Bounds) -> Result<Option<String>, StoreError> {
    let text = (!bounds.is_empty()).then(|| serde_json::to_string(bounds));
    text.transpose().map_err(|_| StoreError::Row("api_keys"))
}

fn select_api_key(id: &str) -> Statement<'static> {
    sqlx::query("SELECT * FROM api_keys WHERE id = ?").bind(id.to_owned())
}

impl Store {
    /// An API key, whatever its app.
    pub(crate) async fn api_key(&self, id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.optional(select_api_key(id)).await?.as_ref().map(api_key_row).transpose()
    }

    /// API keys of an app, after this id.
    pub(crate) async fn api_keys(
        &self,
        app: AppId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM api_keys WHERE app = ? AND id > ? ORDER BY id LIMIT ?");
        let query = query.bind(i64::from(app.0)).bind(after).bind(i64::from(limit));
        self.all(query).await?.iter().map(api_key_row).collect()
    }

    /// Records that an API key was used.
    pub(crate) async fn used_api_key(&self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("UPDATE api_keys SET last_used_ms = ? WHERE id = ?");
        tx.execute(query.bind(signed(now_ms, "api_keys")?).bind(id)).await?;
        drop(tx.commit().await?);
        Ok(())
    }

    /// The hash of the root credential.
    pub(crate) async fn root(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.optional(sqlx::query("SELECT hash FROM root")).await?;
        Ok(row.map(|row| row.try_get("hash")).transpose()?)
    }
}

impl Tx {
    /// Sets the root credential, replacing any other.
    pub(crate) async fn set_root(
        &mut self,
        id: &str,
        hash: &[u8],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT OR REPLACE INTO root (id, credential, hash, created_ms) VALUES (1, ?, ?, ?)",
        );
        let query = query.bind(id).bind(hash).bind(signed(now_ms, "root")?);
        self.execute(query).await.map(drop)
    }

    /// An API key, whatever its app.
    pub(crate) async fn api_key(&mut self, id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.optional(select_api_key(id)).await?.as_ref().map(api_key_row).transpose()
    }

    /// How many API keys an app has.
    pub(crate) async fn count_api_keys(&mut self, app: AppId) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT COUNT(*) AS count FROM api_keys WHERE app = ?");
        let row = self.optional(query.bind(i64::from(app.0))).await?;
        row.map_or(Ok(0), |row| unsigned(&row, "count"))
    }

    /// Adds an API key.
    pub(crate) async fn add_api_key(&mut self, key: &ApiKeyRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO api_keys (id, app, name, hash, scopes, created_ms, expires_ms, bounds)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&key.id)
            .bind(i64::from(key.app.0))
            .bind(&key.name)
            .bind(&key.hash)
            .bind(&key.scopes)
            .bind(signed(key.created_ms, "api_keys")?)
            .bind(key.expires_ms.map(|ms| signed(ms, "api_keys")).transpose()?)
            .bind(bounds_text(&key.bounds)?);
        self.execute(query).await.map(drop)
    }

    /// Replaces an API key's secret.
    pub(crate) async fn rotate_api_key(&mut self, id: &str, hash: &[u8]) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE api_keys SET hash = ? WHERE id = ?").bind(hash).bind(id);
        self.execute(query).await.map(drop)
    }

    /// Deletes an API key. `false` if it does not exist.
    pub(crate) async fn delete_api_key(
        &mut self,
        app: AppId,
        id: &str,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM api_keys WHERE id = ? AND app = ?");
        Ok(self.execute(query.bind(id).bind(i64::from(app.0))).await? > 0)
    }
}
