//! Access tokens of OAuth clients. Only hashes are stored. A row is added and, when revoked or expired, deleted.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::unsigned,
    signed,
    write::{Statement, Tx},
};

/// What an access token's client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// An API key.
    ApiKey,
    /// A personal token of a service account.
    PersonalToken,
}

impl ClientKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PersonalToken => "personal_token",
        }
    }

    fn named(text: &str) -> Result<Self, StoreError> {
        match text {
            "api_key" => Ok(Self::ApiKey),
            "personal_token" => Ok(Self::PersonalToken),
            _ => Err(StoreError::Row("access_tokens")),
        }
    }
}

/// A client, by its kind and its id, and the hash of the secret that it presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientId {
    pub(crate) kind: ClientKind,
    pub(crate) id: String,
    pub(crate) hash: Vec<u8>,
}

/// An access token's row.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokenRow {
    pub(crate) id: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) client: ClientId,
    /// The one app that it is for; `None`: every app of its client.
    pub(crate) app: Option<AppId>,
    /// Scopes, separated by spaces.
    pub(crate) scopes: String,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: u64,
    /// When it was reported as leaked. It opens nothing since.
    pub(crate) leaked_ms: Option<u64>,
}

/// How many access tokens a client has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccessTokens {
    /// Those that have not expired.
    pub(crate) live: u64,
    /// All that are stored.
    pub(crate) stored: u64,
    /// When the first of the live ones expires, Unix milliseconds.
    pub(crate) first_ends_ms: Option<u64>,
}

fn optional(row: &SqliteRow, column: &'static str) -> Result<Option<u64>, StoreError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(u64::try_from).transpose().map_err(|_| StoreError::Row("access_tokens"))
}

fn access_token_row(row: &SqliteRow) -> Result<AccessTokenRow, StoreError> {
    let app = optional(row, "app")?.map(u32::try_from).transpose();
    Ok(AccessTokenRow {
        id: row.try_get("id")?,
        hash: row.try_get("hash")?,
        client: ClientId {
            kind: ClientKind::named(row.try_get("client_kind")?)?,
            id: row.try_get("client")?,
            hash: row.try_get("client_hash")?,
        },
        app: app.map_err(|_| StoreError::Row("access_tokens"))?.map(AppId),
        scopes: row.try_get("scopes")?,
        created_ms: unsigned(row, "created_ms")?,
        expires_ms: unsigned(row, "expires_ms")?,
        leaked_ms: optional(row, "leaked_ms")?,
    })
}

fn select(id: &str) -> Statement<'static> {
    sqlx::query("SELECT * FROM access_tokens WHERE id = ?").bind(id.to_owned())
}

impl Store {
    /// An access token, whosever it is.
    pub(crate) async fn access_token(
        &self,
        id: &str,
    ) -> Result<Option<AccessTokenRow>, StoreError> {
        self.optional(select(id)).await?.as_ref().map(access_token_row).transpose()
    }

    /// Deletes access tokens that had expired at the settled time.
    pub(crate) async fn prune_access_tokens(&self, settled_ms: u64) -> Result<u64, StoreError> {
        let ends = signed(settled_ms, "access_tokens")?;
        // A write only where there is something to delete.
        let any = sqlx::query("SELECT 1 FROM access_tokens WHERE expires_ms <= ? LIMIT 1");
        if self.optional(any.bind(ends)).await?.is_none() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let query = sqlx::query("DELETE FROM access_tokens WHERE expires_ms <= ?").bind(ends);
        let rows = tx.execute(query).await?;
        drop(tx.commit().await?);
        Ok(rows)
    }
}

impl Tx {
    /// An access token, whosever it is.
    pub(crate) async fn access_token(
        &mut self,
        id: &str,
    ) -> Result<Option<AccessTokenRow>, StoreError> {
        self.optional(select(id)).await?.as_ref().map(access_token_row).transpose()
    }

    /// How many a client has, once those are deleted that had expired at the settled time.
    pub(crate) async fn count_access_tokens(
        &mut self,
        client: &ClientId,
        now_ms: u64,
        settled_ms: u64,
    ) -> Result<AccessTokens, StoreError> {
        let (kind, id) = (client.kind.as_str(), client.id.as_str());
        let expired = sqlx::query(
            "DELETE FROM access_tokens WHERE client_kind = ? AND client = ? AND expires_ms <= ?",
        );
        let settled_ms = signed(settled_ms, "access_tokens")?;
        self.execute(expired.bind(kind).bind(id).bind(settled_ms)).await?;
        let query = sqlx::query(
            "SELECT COUNT(*) AS stored, COUNT(*) FILTER (WHERE expires_ms > ?1) AS live,
                    MIN(expires_ms) FILTER (WHERE expires_ms > ?1) AS first_ms
             FROM access_tokens WHERE client_kind = ?2 AND client = ?3",
        );
        let query = query.bind(signed(now_ms, "access_tokens")?).bind(kind).bind(id);
        let Some(row) = self.optional(query).await? else { return Ok(AccessTokens::default()) };
        Ok(AccessTokens {
            live: unsigned(&row, "live")?,
            stored: unsigned(&row, "stored")?,
            first_ends_ms: optional(&row, "first_ms")?,
        })
    }

    /// Adds an access token.
    pub(crate) async fn add_access_token(
        &mut self,
        row: &AccessTokenRow,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO access_tokens
                 (id, hash, client_kind, client, client_hash, app, scopes, created_ms, expires_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&row.id)
            .bind(&row.hash)
            .bind(row.client.kind.as_str())
            .bind(&row.client.id)
            .bind(&row.client.hash)
            .bind(row.app.map(|app| i64::from(app.0)))
            .bind(&row.scopes)
            .bind(signed(row.created_ms, "access_tokens")?)
            .bind(signed(row.expires_ms, "access_tokens")?);
        self.execute(query).await.map(drop)
    }

    /// Deletes an access token, which then opens nothing. `false` if there is none.
    pub(crate) async fn delete_access_token(&mut self, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM access_tokens WHERE id = ?").bind(id);
        Ok(self.execute(query).await? > 0)
    }

    /// Marks an access token as leaked. It stays until it expires, so that a second report knows it.
    pub(crate) async fn access_token_leaked(
        &mut self,
        id: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE access_tokens SET leaked_ms = ? WHERE id = ?");
        self.execute(query.bind(signed(now_ms, "access_tokens")?).bind(id)).await.map(drop)
    }
}
