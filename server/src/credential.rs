//! Authenticates callers. A credential is looked up by its id and compared by its hash in constant time; it never
//! leaves this file.

use axum::http::{HeaderMap, header};
use stagedoor_token::{Credential, CredentialKind};

use crate::{
    caller::Caller,
    error::ApiError,
    secret::{self, NoRandomness},
    state::AppState,
};

/// Prefix of an operator's credential from before there were check digits: `sdroot_<secret>`.
const OLD_ROOT_PREFIX: &str = "sdroot_";
/// Prefix of an API key from before there were check digits: `sd_<id>_<secret>`.
const OLD_API_KEY_PREFIX: &str = "sd_";
/// The secret of such a credential: 32 bytes as base64url.
const OLD_SECRET_CHARS: usize = 43;
/// The id of such an API key.
const OLD_ID_CHARS: usize = 16;
/// The use of an API key is recorded at most this often.
const USED_INTERVAL_MS: u64 = 60_000;

const INVALID: ApiError = ApiError::Unauthenticated {
    code: "credential_invalid",
    detail: "the credential is unknown, or its secret is wrong; use another API key",
};
/// The secret was right, so its holder may know.
const EXPIRED: ApiError = ApiError::Unauthenticated {
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
    fn hash(&self) -> [u8; 32] {
        let text = match self {
            Self::Checked(credential) => credential.expose(),
            Self::OldRoot { secret } | Self::OldApiKey { secret, .. } => secret,
        };
        secret::hash(text.as_bytes())
    }

    /// Looks up the caller.
    pub(crate) async fn caller(self, state: &AppState) -> Result<Caller, ApiError> {
        let hash = self.hash();
        let id = match self {
            Self::OldRoot { .. } => return root(state, &hash).await,
            Self::OldApiKey { id, .. } => id,
            Self::Checked(credential) => match credential.kind() {
                CredentialKind::Root => return root(state, &hash).await,
                CredentialKind::ApiKey => credential.id(),
                // There are none yet.
                CredentialKind::Personal | CredentialKind::AccessToken | CredentialKind::Link => {
                    return Err(INVALID);
                }
            },
        };
        let row = state.store.api_key(id).await?;
        // An unknown id costs the same comparison.
        let good = secret::same(row.as_ref().map_or(&[0; 32][..], |row| &row.hash), &hash);
        let row = row.filter(|_| good).ok_or(INVALID)?;
        let now_ms = state.unix_ms();
        if row.expires_ms.is_some_and(|expires| expires <= now_ms) {
            return Err(EXPIRED);
        }
        if row.last_used_ms.is_none_or(|used| now_ms.saturating_sub(used) >= USED_INTERVAL_MS) {
            // Only informative, so a failed write must not block reads.
            if let Err(error) = state.store.used_api_key(&row.id, now_ms).await {
                tracing::debug!(%error, "could not record the use of an API key");
            }
        }
        Ok(Caller::api_key(row))
    }
}

/// The operator, if the hash is that of the root credential.
async fn root(state: &AppState, hash: &[u8]) -> Result<Caller, ApiError> {
    let root = state.store.root().await?.ok_or(INVALID)?;
    if secret::same(&root, hash) { Ok(Caller::root()) } else { Err(INVALID) }
}

fn is_old_secret(secret: &str) -> bool {
    secret.len() == OLD_SECRET_CHARS
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
