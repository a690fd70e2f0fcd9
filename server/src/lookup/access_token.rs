//! Looks up an access token.

use super::{api_key, personal};
use crate::{
    caller::Caller,
    credential::{EXPIRED, INVALID},
    error::ApiError,
    secret::{self, NO_HASH},
    state::AppState,
    store::access_tokens::{AccessTokenRow, ClientKind},
};

/// The row of an access token that is good by itself. Whether its client still is, must be asked as well.
pub(crate) async fn found(
    state: &AppState,
    id: &str,
    hash: &[u8],
) -> Result<AccessTokenRow, ApiError> {
    let row = state.store.access_token(id).await?;
    // An unknown id costs the same comparison.
    let stored = row.as_ref().map_or(&NO_HASH[..], |row| &row.hash);
    let is_same = secret::same(stored, hash);
    let row = row.filter(|row| is_same && row.leaked_ms.is_none()).ok_or(INVALID)?;
    if row.expires_ms <= state.unix_ms() { Err(EXPIRED) } else { Ok(row) }
}

/// An access token that is good, and what it opens. This is no use of it.
pub(crate) async fn known(
    state: &AppState,
    id: &str,
    hash: &[u8],
) -> Result<(AccessTokenRow, Caller), ApiError> {
    let row = found(state, id, hash).await?;
    // It ends with the secret by which its client asked for it.
    let client = match row.client.kind {
        ClientKind::ApiKey => {
            Caller::api_key(api_key::found(state, &row.client.id, &row.client.hash).await?.row)
        }
        ClientKind::PersonalToken => {
            personal::found(state, &row.client.id, &row.client.hash).await?.1
        }
    };
    let caller = client.by_access_token(&row);
    Ok((row, caller))
}
