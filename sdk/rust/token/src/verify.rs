//! Verifies tokens (`spec/token.md` §Order of the checks). The claims are not looked at before the signature is proven.

use std::ops::BitAnd;

use hmac::{Hmac, KeyInit, Mac, digest::FixedOutput};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{
    base64url,
    claims::{Claims, Limits},
    fault::{Fault, Why},
    field::Field,
    header::kid_of,
    key::{Key, KeySet, KeyState},
    read::read,
    refusal::Refusal,
};

/// A signature of HMAC-SHA256, 32 bytes, as base64url.
pub(crate) const SIGNATURE_CHARS: usize = 43;

/// Verifies a token at `now_s` (Unix seconds) within the default [`Limits`].
///
/// # Errors
///
/// A [`Fault`] with the code of the first check that fails and, once the signature is proven, the field. Clients that
/// presented the token should see only [`Fault::public_code`].
///
/// ```
/// use stagedoor_token::{KeySet, Refusal, verify};
/// let fault = verify("a.b", &KeySet::new(), 0).expect_err("no token");
/// assert_eq!((fault.refusal(), fault.public_code()), (Refusal::TokenMalformed, "token_invalid"));
/// ```
pub fn verify(token: &str, keys: &KeySet, now_s: u64) -> Result<Claims, Fault> {
    verify_within(token, keys, now_s, &Limits::DEFAULT)
}

/// Verifies a token like [`verify`], within these limits.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_within(
    token: &str,
    keys: &KeySet,
    now_s: u64,
    limits: &Limits,
) -> Result<Claims, Fault> {
    let (json, key) = proven(token, keys, limits)?;
    read(&json, key.app(), now_s, limits)
}

/// Verifies a token like [`verify`], and also returns the key that signed it.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_with_key<'k>(
    token: &str,
    keys: &'k KeySet,
    now_s: u64,
) -> Result<(Claims, &'k Key), Fault> {
    let (json, key) = proven(token, keys, &Limits::DEFAULT)?;
    Ok((read(&json, key.app(), now_s, &Limits::DEFAULT)?, key))
}

/// The `kid` in the header of a token, `None` where there is no readable header. The signature is not checked.
pub fn kid_of_token(token: &str) -> Option<String> {
    kid_of(token.split('.').next()?).ok()
}

/// Finds out whether a refused signature was made with the secret's base64url text instead of the bytes that it stands
/// for, which is a usual mistake, and says so in the fault. Returns any other fault unchanged. For holders of the
/// secret only.
pub fn explain_signature(fault: Fault, token: &str, secret: &[u8]) -> Fault {
    let text = base64url::encode(secret);
    if fault.refusal() == Refusal::SignatureInvalid && is_signed_with(token, text.as_bytes()) {
        return Fault::new(Refusal::SignatureInvalid, Field::WHOLE, Why::SecretAsText);
    }
    fault
}

fn is_signed_with(token: &str, secret: &[u8]) -> bool {
    let Some((signed, signature)) = split_signature(token) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    mac.update(signed.as_bytes());
    are_equal(&mac.finalize_fixed().into(), &signature)
}

/// The claims as JSON, and the key that is proven to have signed them.
fn proven<'k>(
    token: &str,
    keys: &'k KeySet,
    limits: &Limits,
) -> Result<(Vec<u8>, &'k Key), Refusal> {
    if token.len() > limits.token_bytes_max {
        return Err(Refusal::TokenTooLarge);
    }
    let (signed, signature) = split_signature(token).ok_or(Refusal::TokenMalformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Refusal::TokenMalformed)?;
    if !base64url::is_canonical(payload.as_bytes()) {
        return Err(Refusal::TokenMalformed);
    }
    let key = match keys.by_header(header) {
        Some(key) => key,
        None => keys.get(&kid_of(header)?).ok_or(Refusal::KeyUnknown)?,
    };
    if key.state() == KeyState::Retired {
        return Err(Refusal::KeyRetired);
    }
    let mut mac = key.hmac().clone();
    mac.update(signed.as_bytes());
    if !are_equal(&mac.finalize_fixed().into(), &signature) {
        return Err(Refusal::SignatureInvalid);
    }
    Ok((base64url::decode(payload).ok_or(Refusal::TokenMalformed)?, key))
}

/// Splits a token into what is signed and the signature.
fn split_signature(token: &str) -> Option<(&str, [u8; 32])> {
    let (signed, signature) = token.split_at_checked(token.len().checked_sub(SIGNATURE_CHARS)?)?;
    Some((signed.strip_suffix('.')?, base64url::decode_32(signature)?))
}

/// Whether two signatures are equal, in a time that does not depend on where they differ. Compares words, because
/// comparing single bytes this way costs as much as half a block of the hash.
fn are_equal(ours: &[u8; 32], theirs: &[u8; 32]) -> bool {
    let (ours, theirs) = (ours.as_chunks::<8>().0, theirs.as_chunks::<8>().0);
    let equal = |(ours, theirs): (&[u8; 8], &[u8; 8])| {
        u64::from_ne_bytes(*ours).ct_eq(&u64::from_ne_bytes(*theirs))
    };
    ours.iter().zip(theirs).map(equal).fold(Choice::from(1), BitAnd::bitand).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppId, mint::mint};

    #[test]
    fn a_secret_used_as_text_is_recognized() {
        let secret = [0xfb; 32];
        let key = |secret: &[u8]| Key::hs256(AppId(7), "k", secret, KeyState::Current);
        let role = "host".parse().expect("a role");
        let claims = Claims::builder(AppId(7), role)
            .room("lobby")
            .user("anna")
            .jti("t")
            .lifetime(1_000, 60)
            .build();
        let signed = |secret: &[u8]| mint(&claims, &key(secret).expect("a key")).expect("a token");
        let keys = KeySet::from_iter([key(&secret).expect("a key")]);
        let text = base64url::encode(&secret);
        let why = |token: &str| {
            let fault = verify(token, &keys, 1_000).expect_err("another signature");
            let explained = explain_signature(fault, token, &secret);
            assert_eq!(explained.refusal(), Refusal::SignatureInvalid);
            assert!(!explained.to_string().contains(&text));
            explained.to_string()
        };
        assert!(why(&signed(text.as_bytes())).contains("text of the key's secret"));
        assert!(why(&signed(&[1; 32])).contains("is it the secret of this `kid`"));
        let good = signed(&secret);
        let expired = verify(&good, &keys, 2_000).expect_err("it is over");
        assert_eq!(explain_signature(expired, &good, &secret), expired);
    }
}
