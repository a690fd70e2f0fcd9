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
use crate::credential_uses::{Seen, Uses};

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
    /// The hash of the secret before the last rotation, while it lives on.
    pub(crate) old_hash: Option<Vec<u8>>,
    /// When that secret ends, or ended.
    pub(crate) old_ends_ms: Option<u64>,
    pub(crate) uses: Uses,
    /// When it was reported as leaked. It opens nothing since.
    pub(crate) leaked_ms: Option<u64>,
}

/// The root credential's row.
#[derive(Clone, Debug)]
pub(crate) struct RootRow {
    /// Its id; `None` if it is from before credentials had check digits.
    pub(crate) id: Option<String>,
    pub(crate) hash: Vec<u8>,
    pub(crate) uses: Uses,
    /// When it was reported as leaked. It opens nothing since.
    pub(crate) leaked_ms: Option<u64>,
}

/// Whose uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'a> {
    Root,
    ApiKey(&'a str),
    Personal(&'a str),
}

pub(super) fn optional(row: &SqliteRow, column: &'static str) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|value| u64::try_from(value).map_err(|_| StoreError::Row("credentials"))).transpose()
}

pub(super) fn networks(row: &SqliteRow) -> Result<Vec<Seen>, StoreError> {
    let json: Option<&str> = row.try_get("networks")?;
    let networks = json.map(serde_json::from_str).transpose();
    Ok(networks.map_err(|_| StoreError::Row("credentials"))?.unwrap_or_default())
}

fn root_row(row: &SqliteRow) -> Result<RootRow, StoreError> {
    let last_ms = optional(row, "last_used_ms")?;
    Ok(RootRow {
        id: row.try_get("credential")?,
        hash: row.try_get("hash")?,
        uses: Uses { last_ms, old_last_ms: None, networks: networks(row)? },
        leaked_ms: optional(row, "leaked_ms")?,
    })
}

fn select_root() -> Statement<'static> {
    sqlx::query("SELECT * FROM root")
}

fn api_key_row(row: &SqliteRow) -> Result<ApiKeyRow, StoreError> {
    Ok(ApiKeyRow {
        bounds: bounds_of(row)?,
        id: row.try_get("id")?,
        app: app_id(row, "app")?,
        name: row.try_get("name")?,
        hash: row.try_get("hash")?,
        scopes: row.try_get("scopes")?,
        created_ms: unsigned(row, "created_ms")?,
        expires_ms: optional(row, "expires_ms")?,
        old_hash: row.try_get("old_hash")?,
        old_ends_ms: optional(row, "old_ends_ms")?,
        uses: Uses {
            last_ms: optional(row, "last_used_ms")?,
            old_last_ms: optional(row, "old_last_used_ms")?,
            networks: networks(row)?,
        },
        leaked_ms: optional(row, "leaked_ms")?,
    })
}

/// Bounds that cannot be read must not become none.
pub(super) fn bounds_of(row: &SqliteRow) -> Result<Bounds, StoreError> {
    let bounds: Option<&str> = row.try_get("bounds")?;
    let bounds = bounds.map(serde_json::from_str).transpose();
    Ok(bounds.map_err(|_| StoreError::Row("credentials"))?.unwrap_or_default())
}

/// `NULL` where nothing is bounded, as in rows from before there were bounds.
pub(super) fn bounds_text(bounds: &Bounds) -> Result<Option<String>, StoreError> {
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

    /// Whether a credential ends between two times without the trail having said so, or an old secret has ended.
    pub(crate) async fn has_ending(&self, now_ms: u64, until_ms: u64) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM api_keys
                 WHERE expiring_ms IS NULL AND expires_ms > ?1 AND expires_ms <= ?2)
             OR EXISTS (SELECT 1 FROM api_keys WHERE old_hash IS NOT NULL AND old_ends_ms <= ?1)",
        );
        let query = query.bind(signed(now_ms, "api_keys")?).bind(signed(until_ms, "api_keys")?);
        Ok(self.optional(query).await?.is_some())
    }

    /// The root credential.
    pub(crate) async fn root(&self) -> Result<Option<RootRow>, StoreError> {
        self.optional(select_root()).await?.as_ref().map(root_row).transpose()
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

    /// The root credential.
    pub(crate) async fn root(&mut self) -> Result<Option<RootRow>, StoreError> {
        self.optional(select_root()).await?.as_ref().map(root_row).transpose()
    }

    /// The uses of a credential; `None` if it does not exist.
    pub(crate) async fn uses(&mut self, of: Holder<'_>) -> Result<Option<Uses>, StoreError> {
        Ok(match of {
            Holder::Root => self.root().await?.map(|row| row.uses),
            Holder::ApiKey(id) => self.api_key(id).await?.map(|row| row.uses),
            Holder::Personal(id) => self.personal_token(id).await?.map(|row| row.uses),
        })
    }

    /// Changes the uses of a credential.
    pub(crate) async fn note_uses(
        &mut self,
        of: Holder<'_>,
        uses: &Uses,
    ) -> Result<(), StoreError> {
        let networks = serde_json::to_string(&uses.networks);
        let networks = networks.map_err(|_| StoreError::Row("credentials"))?;
        let ms = |ms: Option<u64>| ms.map(|ms| signed(ms, "credentials")).transpose();
        let query = match of {
            Holder::Root => sqlx::query("UPDATE root SET last_used_ms = ?, networks = ?")
                .bind(ms(uses.last_ms)?)
                .bind(networks),
            Holder::ApiKey(id) => sqlx::query(
                "UPDATE api_keys SET last_used_ms = ?, networks = ?, old_last_used_ms = ? WHERE id = ?",
            )
            .bind(ms(uses.last_ms)?)
            .bind(networks)
            .bind(ms(uses.old_last_ms)?)
            .bind(id),
            Holder::Personal(id) => {
                sqlx::query("UPDATE personal_tokens SET last_used_ms = ?, networks = ? WHERE id = ?")
                    .bind(ms(uses.last_ms)?)
                    .bind(networks)
                    .bind(id)
            }
        };
        self.execute(query).await.map(drop)
    }

    /// Marks the root credential as leaked.
    pub(crate) async fn root_leaked(&mut self, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE root SET leaked_ms = ?").bind(signed(now_ms, "root")?);
        self.execute(query).await.map(drop)
    }

    /// Marks an API key as leaked; both of its secrets end.
    pub(crate) async fn api_key_leaked(&mut self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE api_keys SET leaked_ms = ?, old_hash = NULL, old_ends_ms = MIN(old_ends_ms, ?) WHERE id = ?",
        );
        let now_ms = signed(now_ms, "api_keys")?;
        self.execute(query.bind(now_ms).bind(now_ms).bind(id)).await.map(drop)
    }

    /// Ends the secret that an API key had before its last rotation. Its hash stays, so that it is recognised.
    pub(crate) async fn end_old_secret(&mut self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE api_keys SET old_ends_ms = ? WHERE id = ?");
        self.execute(query.bind(signed(now_ms, "api_keys")?).bind(id)).await.map(drop)
    }

    /// Forgets the hashes of old secrets that ended by then.
    pub(crate) async fn forget_old_secrets(&mut self, settled_ms: u64) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "UPDATE api_keys SET old_hash = NULL WHERE old_hash IS NOT NULL AND old_ends_ms <= ?",
        );
        self.execute(query.bind(signed(settled_ms, "api_keys")?)).await
    }

    /// API keys that end after one time and until another, and of which the trail has not said so.
    pub(crate) async fn expiring_api_keys(
        &mut self,
        after_ms: u64,
        until_ms: u64,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM api_keys WHERE expiring_ms IS NULL AND expires_ms > ? AND expires_ms <= ?
             ORDER BY expires_ms LIMIT ?",
        );
        let query = query
            .bind(signed(after_ms, "api_keys")?)
            .bind(signed(until_ms, "api_keys")?)
            .bind(i64::from(limit));
        self.all(query).await?.iter().map(api_key_row).collect()
    }

    /// Remembers that the trail said that an API key is about to end.
    pub(crate) async fn said_expiring(&mut self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE api_keys SET expiring_ms = ? WHERE id = ?");
        self.execute(query.bind(signed(now_ms, "api_keys")?).bind(id)).await.map(drop)
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

    /// Replaces an API key's secret. The one before lives on until `old_ends_ms`, or ends now; any earlier one ends. A
    /// key that leaked is good again, by the new secret alone.
    pub(crate) async fn rotate_api_key(
        &mut self,
        id: &str,
        hash: &[u8],
        old_ends_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE api_keys SET
                 old_hash = CASE WHEN ?1 IS NULL OR leaked_ms IS NOT NULL THEN NULL ELSE hash END,
                 old_ends_ms = CASE WHEN leaked_ms IS NULL THEN ?1 END,
                 old_last_used_ms = NULL, leaked_ms = NULL, hash = ?2
             WHERE id = ?3",
        );
        let old_ends_ms = old_ends_ms.map(|ms| signed(ms, "api_keys")).transpose()?;
        self.execute(query.bind(old_ends_ms).bind(hash).bind(id)).await.map(drop)
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
