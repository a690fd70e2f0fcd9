//! Whether an operator whose request has waited for its turn is still one, and with which rights.

use crate::{
    caller::{Caller, Shown},
    credential::INVALID,
    error::ApiError,
    rights::Principal,
    store::write::Tx,
};

/// The caller as it is now: of an operator, what it presented and its levels are read again in the transaction that
/// acts. So of two owners who remove each other at once, the second is no longer one.
pub(crate) async fn now(caller: &Caller, tx: &mut Tx) -> Result<Caller, ApiError> {
    let Principal::Operator { id, .. } = caller.principal() else { return Ok(caller.clone()) };
    let operator = tx.operator(id).await?.filter(|row| row.id == **id && !row.is_disabled);
    let operator = operator.ok_or(INVALID)?;
    let stands = match caller.shown() {
        Shown::Own => true,
        Shown::Personal { id, .. } => {
            tx.personal_token(id).await?.is_some_and(|row| row.leaked_ms.is_none())
        }
        Shown::Session { id, .. } => tx.has_session(id).await?,
    };
    if !stands {
        return Err(INVALID);
    }
    Ok(caller.again(&operator))
}
