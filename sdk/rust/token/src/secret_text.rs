//! A signing key's secret as text: raw, as every JWT library takes it, or with check digits (`spec/credentials.md`).

use thiserror::Error;

use crate::{
    base62::{CHECK_CHARS, SECRET_CHARS, check_of, checked, decode_32, encode_32, is_base62},
    base64url,
};

/// What a secret with check digits begins with.
pub const SECRET_PREFIX: &str = "sdsec_";

/// Why a text is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Neither base64url nor `sdsec_…`.
    #[error("not base64url without padding, and not `sdsec_` with 49 letters and digits")]
    Form,
    /// `sdsec_…` with another check than its own: it was mistyped or cut.
    #[error("the secret's check digits are wrong")]
    Check,
}

/// A secret with check digits: `sdsec_`, 43 characters and the check, all base62. A double click selects it whole.
pub fn checked_secret(secret: &[u8; 32]) -> String {
    let text = format!("{SECRET_PREFIX}{}", encode_32(secret));
    let check = check_of(&text);
    text + &check
}

/// The bytes of a secret: raw base64url without padding, or `sdsec_…`.
///
/// # Errors
///
/// [`SecretError`] where the text is neither, or its check is wrong.
///
/// ```
/// use stagedoor_token::{checked_secret, secret_of_text};
///
/// let raw = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
/// assert_eq!(secret_of_text(raw)?, secret_of_text(&checked_secret(&[7; 32]))?);
/// # Ok::<(), stagedoor_token::SecretError>(())
/// ```
pub fn secret_of_text(text: &str) -> Result<Vec<u8>, SecretError> {
    if !has_form(text) {
        // `_` is of base64url too: a raw secret may begin like this.
        return base64url::decode(text).ok_or(SecretError::Form);
    }
    let before = checked(text).ok_or(SecretError::Check)?;
    let digits = before.strip_prefix(SECRET_PREFIX).and_then(decode_32);
    digits.map(Vec::from).ok_or(SecretError::Form)
}

/// Whether a text is a secret with check digits, and they are right.
pub(crate) fn is_checked(text: &str) -> bool {
    has_form(text) && secret_of_text(text).is_ok()
}

fn has_form(text: &str) -> bool {
    text.strip_prefix(SECRET_PREFIX)
        .is_some_and(|rest| rest.len() == SECRET_CHARS + CHECK_CHARS && is_base62(rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_secrets_are_told_from_mistyped_ones() {
        let good = checked_secret(&[7; 32]);
        let last = if good.ends_with('0') { "1" } else { "0" };
        let mistyped = format!("{}{last}", &good[..good.len() - 1]);
        assert_eq!(secret_of_text(&mistyped), Err(SecretError::Check));
        for wrong in ["a b", "sdsec_?", "AB", &format!("{good}=")] {
            assert_eq!(secret_of_text(wrong), Err(SecretError::Form), "{wrong}");
        }
        let over = format!("{SECRET_PREFIX}{}", "z".repeat(43));
        let over = format!("{over}{}", check_of(&over));
        assert_eq!(secret_of_text(&over), Err(SecretError::Form));
    }

    #[test]
    fn a_raw_secret_may_begin_with_the_prefix() {
        let raw = format!("sdsec_{}", "A".repeat(38));
        assert_eq!(secret_of_text(&raw).map(|bytes| base64url::encode(&bytes)), Ok(raw));
    }

    proptest! {
        #[test]
        fn both_spellings_are_the_same_bytes(secret in any::<[u8; 32]>()) {
            let raw = base64url::encode(&secret);
            prop_assert_eq!(secret_of_text(&raw), Ok(secret.to_vec()));
            prop_assert_eq!(secret_of_text(&checked_secret(&secret)), Ok(secret.to_vec()));
        }
    }
}
