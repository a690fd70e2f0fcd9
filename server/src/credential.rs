//! Authenticates callers. A credential is looked up by its id and compared by its hash in constant time; it never
//! leaves this file.

use axum::http::{HeaderMap, header};

use crate::{
    caller::{Caller, scopes_of},
    error::ApiError,
    secret,
    state::AppState,
};

/// Prefix of the operator's credential.
pub(crate) const ROOT_PREFIX: &str = "sdroot_";
/// Prefix of a backend's credential: `sd_<id>_<secret>`.
pub(crate) const API_KEY_PREFIX: &str = "sd_";
/// The longest id; ours have 16 letters and digits.
const ID_BYTES_MAX: usize = 32;
/// The use of an API key is recorded at most this often.
const USED_INTERVAL_MS: u64 = 60_000;

const INVALID: ApiError = ApiError::Unauthenticated {
    code: "credential_invalid",
    detail: "the credential is unknown or has expired; use another API key",
};

/// A credential as presented: well-formed, but not looked up yet.
#[derive(Clone, Copy)]
pub(crate) enum Presented<'a> {
    /// The operator's.
    Root { secret: &'a str },
    /// A backend's.
    ApiKey { id: &'a str, secret: &'a str },
}

impl<'a> Presented<'a> {
    /// The credential that a request presents.
    pub(crate) fn of(headers: &'a HeaderMap) -> Result<Self, ApiError> {
        let missing = ApiError::Unauthenticated {
            code: "credential_missing",
            detail: "send `Authorization: Bearer` with an API key",
        };
        let value = headers.get(header::AUTHORIZATION).ok_or(missing)?;
        let (scheme, credential) =
            value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(INVALID)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(INVALID);
        }
        Self::parse(credential)
    }

    /// A bare credential.
    pub(crate) fn parse(credential: &'a str) -> Result<Self, ApiError> {
        if let Some(secret) = credential.strip_prefix(ROOT_PREFIX) {
            return Ok(Self::Root { secret });
        }
        let (id, secret) = credential
            .strip_prefix(API_KEY_PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(INVALID)?;
        let is_id = (1..=ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { Ok(Self::ApiKey { id, secret }) } else { Err(INVALID) }
    }

    /// The credential's id, which is not secret.
    pub(crate) fn id(&self) -> &'a str {
        match self {
            Self::Root { .. } => "root",
            Self::ApiKey { id, .. } => id,
        }
    }

    /// Looks up the caller.
    pub(crate) async fn caller(self, state: &AppState) -> Result<Caller, ApiError> {
        let (id, secret) = match self {
            Self::Root { secret } => {
                let root = state.store.root().await?.ok_or(INVALID)?;
                let good = secret::same(&root, &secret::hash(secret.as_bytes()));
                return if good { Ok(Caller::Root) } else { Err(INVALID) };
            }
            Self::ApiKey { id, secret } => (id, secret),
        };
        let hash = secret::hash(secret.as_bytes());
        let row = state.store.api_key(id).await?;
        // An unknown id costs the same comparison.
        let good = secret::same(row.as_ref().map_or(&[0; 32][..], |row| &row.hash), &hash);
        let row = row.filter(|_| good).ok_or(INVALID)?;
        let now_ms = state.unix_ms();
        if row.expires_ms.is_some_and(|expires| expires <= now_ms) {
            return Err(INVALID);
        }
        if row.last_used_ms.is_none_or(|used| now_ms.saturating_sub(used) >= USED_INTERVAL_MS) {
            // Only informative, so a failed write must not block reads.
            if let Err(error) = state.store.used_api_key(&row.id, now_ms).await {
                tracing::debug!(%error, "could not record the use of an API key");
            }
        }
        let scopes = scopes_of(&row);
        Ok(Caller::ApiKey { id: row.id, app: row.app, scopes })
    }
}
