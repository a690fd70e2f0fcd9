//! A token and keys become claims, or a refusal (`spec/token.md` §Order of the checks). After `mint`,
//! before `authorize`. Nothing of the claims is looked at before the signature is known to be good.

use hmac::Mac;
use subtle::ConstantTimeEq;

use crate::{
    base64url,
    claims::{Claims, Limits},
    header::kid_of,
    key::{KeySet, KeyState},
    read::read,
    refusal::Refusal,
};

/// A signature of HMAC-SHA256, 32 bytes, as base64url.
pub(crate) const SIGNATURE_CHARS: usize = 43;

/// Verifies a token at `now_s` (Unix seconds) within the default [`Limits`].
///
/// ```
/// use stagedoor_token::{KeySet, Refusal, verify};
/// assert_eq!(verify("a.b", &KeySet::new(), 0), Err(Refusal::TokenMalformed));
/// ```
pub fn verify(token: &str, keys: &KeySet, now_s: u64) -> Result<Claims, Refusal> {
    verify_within(token, keys, now_s, &Limits::DEFAULT)
}

/// Verifies a token within limits of the caller's.
pub fn verify_within(
    token: &str,
    keys: &KeySet,
    now_s: u64,
    limits: &Limits,
) -> Result<Claims, Refusal> {
    if token.len() > limits.token_bytes_max {
        return Err(Refusal::TokenTooLarge);
    }
    let Parts { header, payload, signed, signature } =
        parts_of(token).ok_or(Refusal::TokenMalformed)?;
    let key = match keys.by_header(header) {
        Some(key) => key,
        None => keys.get(&kid_of(header)?).ok_or(Refusal::KeyUnknown)?,
    };
    if key.state() == KeyState::Retired {
        return Err(Refusal::KeyRetired);
    }
    let mut mac = key.hmac().clone();
    mac.update(signed.as_bytes());
    let ours = mac.finalize().into_bytes();
    if !bool::from(ours.as_slice().ct_eq(&signature)) {
        return Err(Refusal::SignatureInvalid);
    }
    let json = base64url::decode(payload).ok_or(Refusal::TokenMalformed)?;
    let claims = read(&json, key.app(), limits)?;
    limits.check_now(&claims, now_s)?;
    Ok(claims)
}

struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    /// Header and payload with the point between them: what the signature is of.
    signed: &'a str,
    signature: [u8; 32],
}

/// The three parts of a token, each canonical base64url.
fn parts_of(token: &str) -> Option<Parts<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let clean =
        [header, payload, signature].iter().all(|part| base64url::is_canonical(part.as_bytes()));
    if !clean || signature.len() != SIGNATURE_CHARS {
        return None;
    }
    Some(Parts { header, payload, signed, signature: base64url::decode_32(signature)? })
}
