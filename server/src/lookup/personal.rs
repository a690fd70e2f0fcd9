//! Looks up personal tokens. What one opens is decided at each use, by the levels that its operator then has.

use super::noted::{Known, Origin, network, note};
use crate::{
    caller::{Caller, Shown},
    credential::{EXPIRED, INVALID},
    credential_uses::Use,
    error::ApiError,
    secret::{self, NO_HASH},
    state::AppState,
    store::{credentials::Holder, personal::PersonalRow},
};

/// A personal token that is good, and what it opens now. This is no use of it.
pub(crate) async fn found(
    state: &AppState,
    id: &str,
    hash: &[u8],
) -> Result<(PersonalRow, Caller), ApiError> {
    let found = state.store.personal_token(id).await?;
    // Unknown ids cost the same comparison as wrong secrets.
    let stored = found.as_ref().map_or(&NO_HASH[..], |(row, _)| &row.hash);
    let is_right = secret::same(stored, hash);
    let found = found
        .filter(|(row, operator)| is_right && row.leaked_ms.is_none() && !operator.is_disabled);
    let (row, operator) = found.ok_or(INVALID)?;
    if row.expires_ms <= state.unix_ms() {
        return Err(EXPIRED);
    }
    let shown =
        Shown::Personal { id: row.id.clone(), scopes: row.scopes, bounds: row.bounds.clone() };
    let caller = Caller::operator(&operator, shown, Some(row.expires_ms));
    Ok((row, caller))
}

/// The holder of a personal token.
pub(super) async fn personal(
    state: &AppState,
    id: &str,
    hash: &[u8],
    origin: &Origin,
) -> Result<Known, ApiError> {
    let (row, caller) = found(state, id, hash).await?;
    let of = Use { now_ms: state.unix_ms(), network: network(origin), is_old: false };
    note(state, (Holder::Personal(id), &caller), &row.uses, of, origin).await;
    Ok(Known { caller, ends_ms: Some(row.expires_ms) })
}
