//! Looks up a presented credential, and writes its use down.

pub(crate) mod access_token;
mod api_key;
mod noted;
pub(crate) mod personal;
pub(crate) mod session;

use stagedoor_token::CredentialKind;

use api_key::Found;

use crate::{
    caller::Caller,
    config::RootUse,
    credential::{INVALID, Presented},
    credential_uses::Use,
    error::ApiError,
    secret,
    state::AppState,
    store::{access_tokens::ClientKind, credentials::Holder},
};

pub(crate) use noted::{Known, Origin};
use noted::{network, note};

impl Presented<'_> {
    /// Looks up the caller. Its use is written down where it is due.
    pub(crate) async fn known(self, state: &AppState, origin: &Origin) -> Result<Known, ApiError> {
        let hash = self.hash();
        match self {
            Self::OldRoot { .. } => root(state, &hash, origin).await,
            Self::OldApiKey { id, .. } => api_key(state, id, &hash, origin).await,
            Self::Checked(credential) => match credential.kind() {
                CredentialKind::Root => root(state, &hash, origin).await,
                CredentialKind::ApiKey => api_key(state, credential.id(), &hash, origin).await,
                CredentialKind::AccessToken => {
                    access_token(state, credential.id(), &hash, origin).await
                }
                CredentialKind::Personal => {
                    personal::personal(state, credential.id(), &hash, origin).await
                }
                // A link logs in, and opens nothing by itself.
                CredentialKind::Link => Err(INVALID),
            },
        }
    }
}

/// The operator, if the hash is that of the root credential.
async fn root(state: &AppState, hash: &[u8], origin: &Origin) -> Result<Known, ApiError> {
    let row = state.store.root().await?.ok_or(INVALID)?;
    if !secret::same(&row.hash, hash) || row.leaked_ms.is_some() {
        return Err(INVALID);
    }
    // The secret was right, but its holder gets the same answer as others.
    if state.config.root == RootUse::Off && state.store.has_owner().await? {
        return Err(INVALID);
    }
    let caller = Caller::root();
    let of = Use { now_ms: state.unix_ms(), network: network(origin), is_old: false };
    note(state, (Holder::Root, &caller), &row.uses, of, origin).await;
    Ok(Known { caller, ends_ms: None })
}

/// The holder of an API key.
async fn api_key(
    state: &AppState,
    id: &str,
    hash: &[u8],
    origin: &Origin,
) -> Result<Known, ApiError> {
    let Found { row, ends_ms, is_old } = api_key::found(state, id, hash).await?;
    let of = Use { now_ms: state.unix_ms(), network: network(origin), is_old };
    let uses = row.uses.clone();
    let caller = Caller::api_key(row);
    note(state, (Holder::ApiKey(id), &caller), &uses, of, origin).await;
    Ok(Known { caller, ends_ms })
}

/// The client of an access token, with the rights that the token leaves of its own.
async fn access_token(
    state: &AppState,
    id: &str,
    hash: &[u8],
    origin: &Origin,
) -> Result<Known, ApiError> {
    let row = access_token::found(state, id, hash).await?;
    // A use of the access token is one of its client.
    let client = match row.client.kind {
        ClientKind::ApiKey => api_key(state, &row.client.id, &row.client.hash, origin).await?,
        ClientKind::PersonalToken => {
            personal::personal(state, &row.client.id, &row.client.hash, origin).await?
        }
    };
    // Access tokens are short-lived: their end is no news.
    Ok(Known { caller: client.caller.by_access_token(&row), ends_ms: None })
}
