//! Verifies tokens (`spec/token.md` §Order of the checks). The claims are not looked at before the signature is proven.

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use crate::{
    base64url,
    claims::{Claims, Limits},
    fault::{Fault, Why},
    field::Field,
    header::parts_of,
    key_set::KeySet,
    read::read,
    refusal::Refusal,
    signature::{Signature, are_equal, split_signature},
    verifying_key::{KeyState, VerifyingKey, mac},
};

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
) -> Result<(Claims, &'k VerifyingKey), Fault> {
    let (json, key) = proven(token, keys, &Limits::DEFAULT)?;
    Ok((read(&json, key.app(), now_s, &Limits::DEFAULT)?, key))
}

/// The `kid` in the header of a token, `None` where there is no readable header. The signature is not checked.
pub fn kid_of_token(token: &str) -> Option<String> {
    parts_of(token.split('.').next()?).map(|(kid, _)| kid).ok()
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
    let Some((signed, Signature::Mac(theirs))) = split_signature(token) else { return false };
    let Ok(hmac) = Hmac::<Sha256>::new_from_slice(secret) else { return false };
    are_equal(&mac(&hmac, signed.as_bytes()), &theirs)
}

/// The claims as JSON, and the key that is proven to have signed them.
fn proven<'k>(
    token: &str,
    keys: &'k KeySet,
    limits: &Limits,
) -> Result<(Vec<u8>, &'k VerifyingKey), Refusal> {
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
        None => named(header, keys)?,
    };
    if key.state() == KeyState::Retired {
        return Err(Refusal::KeyRetired);
    }
    if !key.is_signed(signed.as_bytes(), &signature) {
        return Err(Refusal::SignatureInvalid);
    }
    Ok((base64url::decode(payload).ok_or(Refusal::TokenMalformed)?, key))
}

/// The key that a header names, if the header names the key's algorithm too.
fn named<'k>(header: &str, keys: &'k KeySet) -> Result<&'k VerifyingKey, Refusal> {
    let (kid, alg) = parts_of(header)?;
    let key = keys.get(&kid).ok_or(Refusal::KeyUnknown)?;
    if alg == key.algorithm() { Ok(key) } else { Err(Refusal::AlgUnsupported) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppId, key::Key, mint::mint};

    #[test]
    fn a_secret_used_as_text_is_recognized() {
        let secret = [0xfb; 32];
        let key = |secret: &[u8]| Key::hs256(AppId(7), "k", secret, KeyState::Current);
        let signed =
            |secret: &[u8]| mint(&claims(), &key(secret).expect("a key")).expect("a token");
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

    fn claims() -> Claims {
        Claims::builder(AppId(7), "host".parse().expect("a role"))
            .room("lobby")
            .user("anna")
            .jti("t")
            .lifetime(1_000, 60)
            .build()
    }

    #[test]
    fn a_token_of_ed25519_verifies_by_the_public_key_alone() {
        let key = Key::ed25519(AppId(7), "k", &[7; 32], KeyState::Current).expect("a key");
        let token = mint(&claims(), &key).expect("a token");
        let jwk = key.verifying().to_jwk().expect("a public key").to_string();
        let jwk = jwk.parse().expect("a JWK");
        let public = VerifyingKey::from_jwk(AppId(7), "k", KeyState::Next, &jwk).expect("a key");
        assert!(public.is_public());
        let keys = KeySet::from_iter([public]);
        assert_eq!(verify(&token, &keys, 1_000), Ok(claims()));
    }

    #[test]
    fn the_key_alone_decides_the_algorithm() {
        let hs256 = Key::hs256(AppId(7), "k", &[7; 32], KeyState::Current).expect("a key");
        let eddsa = Key::ed25519(AppId(7), "k", &[7; 32], KeyState::Current).expect("a key");
        // The classic confusion: the public key as the secret of an HMAC.
        let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
        let confused = Key::hs256(AppId(7), "k", &public, KeyState::Current).expect("a key");
        let refusal = |by: &Key, keys: &Key| {
            let token = mint(&claims(), by).expect("a token");
            verify(&token, &KeySet::from_iter([keys]), 1_000).map_err(Fault::refusal).err()
        };
        assert_eq!(refusal(&hs256, &eddsa), Some(Refusal::AlgUnsupported));
        assert_eq!(refusal(&confused, &eddsa), Some(Refusal::AlgUnsupported));
        assert_eq!(refusal(&eddsa, &hs256), Some(Refusal::AlgUnsupported));
        assert_eq!((refusal(&hs256, &hs256), refusal(&eddsa, &eddsa)), (None, None));
        let retired = Key::ed25519(AppId(7), "k", &[7; 32], KeyState::Retired).expect("a key");
        assert_eq!(refusal(&hs256, &retired), Some(Refusal::AlgUnsupported));
        assert_eq!(refusal(&eddsa, &retired), Some(Refusal::KeyRetired));
    }

    #[test]
    fn a_signature_of_the_other_length_is_invalid() {
        let hs256 = Key::hs256(AppId(7), "k", &[7; 32], KeyState::Current).expect("a key");
        let eddsa = Key::ed25519(AppId(7), "k", &[7; 32], KeyState::Current).expect("a key");
        for (key, chars) in [(hs256, 86), (eddsa, 43)] {
            let token = mint(&claims(), &key).expect("a token");
            let (signed, _) = token.rsplit_once('.').expect("three parts");
            let keys = KeySet::from_iter([key]);
            let refusal = |chars| {
                let token = format!("{signed}.{}", "A".repeat(chars));
                verify(&token, &keys, 1_000).map_err(Fault::refusal).err()
            };
            assert_eq!(refusal(chars), Some(Refusal::SignatureInvalid));
            for chars in [0, 1, 42, 44, 85, 87] {
                assert_eq!(refusal(chars), Some(Refusal::TokenMalformed));
            }
        }
    }
}
