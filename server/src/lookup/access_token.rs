//! Looks up an access token.

use crate::{
    credential::{EXPIRED, INVALID},
    error::ApiError,
    secret::{self, NO_HASH},
    state::AppState,
    store::access_tokens::AccessTokenRow,
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
