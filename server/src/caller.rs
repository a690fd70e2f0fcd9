//! Decides what a caller may do.

use serde::{Deserialize, Serialize};
use stagedoor_bus::Actor;
use stagedoor_token::AppId;
use utoipa::ToSchema;

use crate::{error::ApiError, store::credentials::ApiKeyRow};

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
