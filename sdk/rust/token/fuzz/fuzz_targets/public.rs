//! No claims that nobody signed verify by a public key, whatever stands in the place of the signature.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use stagedoor_token::{AppId, Jwk, Key, KeySet, KeyState, VerifyingKey, verify};

/// RFC 7515, appendix A.3.1.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let eddsa = Key::ed25519(AppId(7), "e-1", &[9; 32], KeyState::Current).expect("a key");
    let jwk: Jwk = P256.parse().expect("a JWK");
    let es256 = VerifyingKey::from_jwk(AppId(7), "p-1", KeyState::Current, &jwk).expect("a key");
    KeySet::from_iter([eddsa.verifying(), es256])
});

fuzz_target!(|input: (bool, [u8; 64], &[u8])| {
    let (is_eddsa, signature, claims) = input;
    let (alg, kid) = if is_eddsa { ("EdDSA", "e-1") } else { ("ES256", "p-1") };
    let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
    let parts = [header.as_bytes(), claims, &signature].map(|part| URL_SAFE_NO_PAD.encode(part));
    let refusal = verify(&parts.join("."), &KEYS, 1_790_000_000).expect_err("nobody signed it");
    assert_eq!(refusal.public_code(), "token_invalid");
});
