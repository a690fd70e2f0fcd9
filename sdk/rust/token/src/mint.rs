//! Claims and a key become a token (`spec/token.md` §Form). First room of the token crate, before
//! `verify`. Signs nothing that `verify` would refuse.

use hmac::Mac;
use thiserror::Error;

use crate::{
    base64url,
    claims::{Claims, Limits},
    key::{Key, KeyState},
    refusal::Refusal,
    verify::SIGNATURE_CHARS,
};

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MintError {
    /// Only a current key signs.
    #[error("the key is not the current one of its app")]
    KeyNotCurrent,
    /// Whoever verifies would refuse it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Signs claims. The token is good for `verify` from `nbf` on, with the key's set.
pub fn mint(claims: &Claims, key: &Key) -> Result<String, MintError> {
    if key.state() != KeyState::Current {
        return Err(MintError::KeyNotCurrent);
    }
    if claims.app != key.app() {
        return Err(Refusal::AppMismatch.into());
    }
    Limits::DEFAULT.check(claims)?;
    let json = serde_json::to_vec(claims).map_err(|_| Refusal::ClaimsMalformed)?;
    let mut token = String::with_capacity(
        key.header().len() + json.len().div_ceil(3) * 4 + SIGNATURE_CHARS + 2,
    );
    token.push_str(key.header());
    token.push('.');
    base64url::encode_onto(&mut token, &json);
    let mut mac = key.hmac().clone();
    mac.update(token.as_bytes());
    token.push('.');
    base64url::encode_onto(&mut token, &mac.finalize().into_bytes());
    if token.len() > Limits::DEFAULT.token_bytes_max {
        return Err(Refusal::TokenTooLarge.into());
    }
    Ok(token)
}
