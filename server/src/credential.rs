//! The form of credentials: what a request presents, and how new ones are made. Pure, but for chance.

use axum::http::{HeaderMap, header};
use stagedoor_token::{Credential, CredentialKind};

use crate::{
    error::ApiError,
    secret::{self, NoRandomness},
};

/// Prefix of an operator's credential from before there were check digits: `sdroot_<secret>`.
const OLD_ROOT_PREFIX: &str = "sdroot_";
/// Prefix of an API key from before there were check digits: `sd_<id>_<secret>`.
const OLD_API_KEY_PREFIX: &str = "sd_";
/// The secret of such a credential: 32 bytes as base64url.
const OLD_SECRET_CHARS: usize = 43;
/// The id of such an API key.
const OLD_ID_CHARS: usize = 16;

/// What a caller hears whose credential is unknown or wrong: always the same.
pub(crate) const INVALID: ApiError = ApiError::Unauthenticated {
    code: "credential_invalid",
    detail: "the credential is unknown, or its secret is wrong; use another API key",
};
/// The secret was right, so its holder may know.
pub(crate) const EXPIRED: ApiError = ApiError::Unauthenticated {
    code: "credential_expired",
    detail: "the credential has expired; use another API key",
};

/// Makes a credential of an id, and what is stored of it: its hash.
pub(crate) fn make(kind: CredentialKind, id: &str) -> Result<(String, [u8; 32]), ApiError> {
    let secret = secret::random::<32>()?;
    let text = Credential::make(kind, id, &secret).map_err(|_| ApiError::Internal)?;
    let hash = secret::hash(text.as_bytes());
    Ok((text, hash))
}

/// A new id.
pub(crate) fn make_id() -> Result<String, NoRandomness> {
    secret::random_id("")
}

/// A credential as presented: well-formed, but not looked up yet.
#[derive(Clone, Copy)]
pub(crate) enum Presented<'a> {
    /// One with check digits, which are right. Its hash is that of the whole text, so that it has one spelling.
    Checked(Credential<'a>),
    /// The operator's, from before. Its hash is that of the secret alone.
    OldRoot { secret: &'a str },
    /// A backend's, from before.
    OldApiKey { id: &'a str, secret: &'a str },
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
    pub(crate) fn parse(text: &'a str) -> Result<Self, ApiError> {
        if let Ok(credential) = Credential::parse(text) {
            return Ok(Self::Checked(credential));
        }
        if let Some(secret) = text.strip_prefix(OLD_ROOT_PREFIX) {
            return if is_old_secret(secret) { Ok(Self::OldRoot { secret }) } else { Err(INVALID) };
        }
        let (id, secret) = text
            .strip_prefix(OLD_API_KEY_PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(INVALID)?;
        let is_id = id.len() == OLD_ID_CHARS && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if is_id && is_old_secret(secret) {
            Ok(Self::OldApiKey { id, secret })
        } else {
            Err(INVALID)
        }
    }

    /// The credential's id, which is not secret.
    pub(crate) fn id(&self) -> &'a str {
        match self {
            Self::OldRoot { .. } => "root",
            Self::Checked(credential) => match credential.kind() {
                CredentialKind::Root => "root",
                _ => credential.id(),
            },
            Self::OldApiKey { id, .. } => id,
        }
    }

    /// The hash that is stored of such a credential.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let text = match self {
            Self::Checked(credential) => credential.expose(),
            Self::OldRoot { secret } | Self::OldApiKey { secret, .. } => secret,
        };
        secret::hash(text.as_bytes())
    }
}

fn is_old_secret(secret: &str) -> bool {
    secret.len() == OLD_SECRET_CHARS
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
