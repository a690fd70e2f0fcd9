//! Looks up an API key.

use crate::{
    credential::{EXPIRED, INVALID},
    error::ApiError,
    secret::{self, NO_HASH},
    state::AppState,
    store::credentials::ApiKeyRow,
};

/// An API key that is good.
pub(super) struct Found {
    pub(super) row: ApiKeyRow,
    /// When the secret that was presented ends, Unix milliseconds; `None`: never.
    pub(super) ends_ms: Option<u64>,
    /// Whether that is the secret before the last rotation.
    pub(super) is_old: bool,
}

/// The API key of an id and the hash of its secret.
pub(super) async fn found(state: &AppState, id: &str, hash: &[u8]) -> Result<Found, ApiError> {
    let row = state.store.api_key(id).await?;
    // An unknown id costs the same comparisons.
    let of_row = |hash: fn(&ApiKeyRow) -> Option<&[u8]>| row.as_ref().and_then(hash);
    let current = of_row(|row| Some(&row.hash)).unwrap_or(&NO_HASH);
    let old = of_row(|row| row.old_hash.as_deref()).unwrap_or(&NO_HASH);
    let (is_current, is_old) = (secret::same(current, hash), secret::same(old, hash));
    let row = row.filter(|row| (is_current || is_old) && row.leaked_ms.is_none());
    let row = row.ok_or(INVALID)?;
    let of_secret = if is_current { None } else { row.old_ends_ms };
    let ends_ms = [row.expires_ms, of_secret].into_iter().flatten().min();
    if ends_ms.is_some_and(|ends| ends <= state.unix_ms()) {
        return Err(EXPIRED);
    }
    Ok(Found { row, ends_ms, is_old: !is_current })
}
