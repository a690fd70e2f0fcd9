//! Authenticates and authorizes callers. A credential is looked up by its id and compared by its hash in constant
//! time; it never leaves this file.

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use stagedoor_bus::Actor;
use stagedoor_token::AppId;
use utoipa::ToSchema;

use crate::{error::ApiError, secret, state::AppState, store::credentials::ApiKeyRow};

/// Prefix of the operator's credential.
pub(crate) const ROOT_PREFIX: &str = "sdroot_";
/// Prefix of a backend's credential: `sd_<id>_<secret>`.
pub(crate) const API_KEY_PREFIX: &str = "sd_";
/// The longest id; ours have 16 letters and digits.
const ID_BYTES_MAX: usize = 32;
/// The use of an API key is recorded at most this often.
const USED_INTERVAL_MS: u64 = 60_000;

/// A permission of an API key in its app.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
pub enum Scope {
    /// Mint and verify tokens.
    #[serde(rename = "tokens:mint")]
    TokensMint,
    /// Revoke tokens, ban, and lift either.
    #[serde(rename = "tokens:revoke")]
    TokensRevoke,
    /// Read rooms, members and streams.
    #[serde(rename = "rooms:read")]
    RoomsRead,
    /// Kick, ban, mute, set roles, close rooms, send messages.
    #[serde(rename = "rooms:moderate")]
    RoomsModerate,
    /// Change the app: its keys and API keys; read its audit trail.
    #[serde(rename = "apps:admin")]
    AppsAdmin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::TokensMint,
        Self::TokensRevoke,
        Self::RoomsRead,
        Self::RoomsModerate,
        Self::AppsAdmin,
    ];

    /// What the scope allows.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::TokensMint => "mint and verify tokens",
            Self::TokensRevoke => "revoke tokens, ban, and lift either",
            Self::RoomsRead => "read rooms, members and streams",
            Self::RoomsModerate => "kick, ban, mute, set roles, close rooms, send messages",
            Self::AppsAdmin => "change the app, its keys, API keys and roles; read its audit trail",
        }
    }

    /// The scope's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokensMint => "tokens:mint",
            Self::TokensRevoke => "tokens:revoke",
            Self::RoomsRead => "rooms:read",
            Self::RoomsModerate => "rooms:moderate",
            Self::AppsAdmin => "apps:admin",
        }
    }
}

/// The authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The operator, with every scope in every app.
    Root,
    /// A backend, with its scopes in its app.
    ApiKey { id: String, app: AppId, scopes: Vec<Scope> },
}

const INVALID: ApiError = ApiError::Unauthenticated {
    code: "credential_invalid",
    detail: "the credential is unknown or has expired; use another API key",
};

impl Caller {
    /// The credential's id, for the audit trail and for rate limits.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::ApiKey { id, .. } => id,
        }
    }

    /// The actor that records of its acts name.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Root => Actor::Root,
            Self::ApiKey { id, .. } => Actor::ApiKey(id.as_str().into()),
        }
    }

    /// Whether the credential is valid for an app at all.
    pub(crate) fn is_of(&self, app: AppId) -> bool {
        match self {
            Self::Root => true,
            Self::ApiKey { app: own, .. } => *own == app,
        }
    }

    /// Checks a scope in an app. An app of somebody else and an app that does not exist give the same answer.
    pub(crate) fn may(&self, app: AppId, scope: Scope) -> Result<(), ApiError> {
        match self {
            Self::Root => Ok(()),
            Self::ApiKey { app: own, scopes, .. } if *own == app && scopes.contains(&scope) => {
                Ok(())
            }
            Self::ApiKey { .. } => Err(ApiError::Forbidden { scope: scope.as_str() }),
        }
    }

    /// Checks that the caller is the operator.
    pub(crate) fn is_root(&self) -> Result<(), ApiError> {
        match self {
            Self::Root => Ok(()),
            Self::ApiKey { .. } => Err(ApiError::Forbidden { scope: "root" }),
        }
    }
}

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

/// The scopes of a row.
pub(crate) fn scopes_of(row: &ApiKeyRow) -> Vec<Scope> {
    Scope::ALL
        .into_iter()
        .filter(|scope| row.scopes.split(' ').any(|text| text == scope.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_may_only_use_its_scopes_in_its_own_app() {
        let caller =
            Caller::ApiKey { id: "a".into(), app: AppId(1), scopes: vec![Scope::RoomsRead] };
        assert!(caller.may(AppId(1), Scope::RoomsRead).is_ok());
        assert!(caller.may(AppId(2), Scope::RoomsRead).is_err());
        for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::RoomsRead) {
            assert!(caller.may(AppId(1), scope).is_err());
        }
        assert!(caller.is_root().is_err());
        assert!(Caller::Root.may(AppId(9), Scope::AppsAdmin).is_ok());
    }
}
