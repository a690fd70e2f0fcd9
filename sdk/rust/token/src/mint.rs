//! Signs claims with a key (`spec/token.md` §Form). Refuses what `verify` would refuse.

use thiserror::Error;

use crate::{
    base64url,
    claims::{Claims, Limits},
    fault::Fault,
    key::Key,
    refusal::Refusal,
    signature::SIGNATURE_CHARS_MAX,
    verifying_key::KeyState,
};

/// Room for the JSON of most claims, so that the buffer does not grow.
const JSON_BYTES_USUAL: usize = 384;

/// Why no token was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MintError {
    /// The key is not [`KeyState::Current`].
    #[error("the key is not the current one of its app; sign with that one")]
    KeyNotCurrent,
    /// `verify` would refuse the token.
    #[error(transparent)]
    Refused(#[from] Fault),
}

impl From<Refusal> for MintError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

/// Signs claims. `verify` accepts the token from `nbf` until `exp`.
///
/// # Errors
///
/// [`MintError::KeyNotCurrent`] where the key may not sign, [`MintError::Refused`] where `verify` would refuse the token.
pub fn mint(claims: &Claims, key: &Key) -> Result<String, MintError> {
    if key.state() != KeyState::Current {
        return Err(MintError::KeyNotCurrent);
    }
    if claims.app != key.app() {
        return Err(Refusal::AppMismatch.into());
    }
    Limits::DEFAULT.check(claims)?;
    let mut json = Vec::with_capacity(JSON_BYTES_USUAL);
    serde_json::to_writer(&mut json, claims).map_err(|_| Refusal::ClaimsMalformed)?;
    let mut token = String::with_capacity(
        key.header().len() + json.len().div_ceil(3) * 4 + SIGNATURE_CHARS_MAX + 2,
    );
    token.push_str(key.header());
    token.push('.');
    base64url::encode_onto(&mut token, &json);
    key.sign_onto(&mut token);
    if token.len() > Limits::DEFAULT.token_bytes_max {
        return Err(Refusal::TokenTooLarge.into());
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::AppId;

    fn minted(state: KeyState, change: impl FnOnce(&mut Claims)) -> Result<String, MintError> {
        let key = Key::hs256(AppId(7), "k", &[1; 32], state).expect("a key");
        let role = "host".parse().expect("a role");
        let mut claims = Claims::builder(AppId(7), role)
            .room("lobby")
            .user("anna")
            .jti("t-1")
            .lifetime(1_000, 60)
            .build();
        change(&mut claims);
        mint(&claims, &key)
    }

    #[test]
    fn only_a_current_key_signs() {
        assert!(minted(KeyState::Current, |_| {}).is_ok());
        for state in [KeyState::Next, KeyState::Retiring, KeyState::Retired] {
            assert_eq!(minted(state, |_| {}), Err(MintError::KeyNotCurrent));
        }
    }

    #[test]
    fn what_verifying_would_refuse_is_not_minted() {
        type Change = fn(&mut Claims);
        let cases: [(Refusal, Change); 11] = [
            (Refusal::AppMismatch, |claims| claims.app = AppId(8)),
            (Refusal::RoomInvalid, |claims| claims.room.clear()),
            (Refusal::RoomInvalid, |claims| claims.room = "..".into()),
            (Refusal::UserInvalid, |claims| claims.user = "u".repeat(65)),
            (Refusal::UserInvalid, |claims| claims.user = ".".into()),
            (Refusal::JtiInvalid, |claims| claims.jti = "t 1".into()),
            (Refusal::NameInvalid, |claims| claims.name = Some("a\nb".into())),
            (Refusal::MetaInvalid, |claims| claims.meta = Some("m".repeat(1_025))),
            (Refusal::TimesInvalid, |claims| claims.exp = claims.iat),
            (Refusal::LifetimeTooLong, |claims| claims.exp = claims.iat + 86_401),
            // Within its own limit, and six bytes each when escaped.
            (Refusal::TokenTooLarge, |claims| claims.meta = Some("\u{1}".repeat(1_024))),
        ];
        for (refusal, change) in cases {
            let error = minted(KeyState::Current, change).expect_err("a refusal");
            let refused = match error {
                MintError::Refused(fault) => Some(fault.refusal()),
                MintError::KeyNotCurrent => None,
            };
            assert_eq!(refused, Some(refusal), "{error}");
        }
    }
}
