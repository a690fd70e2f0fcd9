//! Any text as a JWK: what is read is written to the same, has no private part, and is fit to verify with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stagedoor_token::{AppId, Jwk, KeySet, KeyState, VerifyingKey, verify};

fuzz_target!(|text: &str| {
    let jwk = match text.parse::<Jwk>() {
        Ok(jwk) => jwk,
        Err(error) => {
            assert!(!error.reason().is_empty());
            return;
        }
    };
    let value: Value = serde_json::from_str(text).expect("JSON");
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(value.get(private).is_none(), "{private}");
    }
    assert_eq!(jwk.to_string().parse().as_ref(), Ok(&jwk));
    assert_eq!(serde_json::from_value::<Jwk>(value.clone()).as_ref().ok(), Some(&jwk));
    let written: Value = serde_json::from_str(&jwk.to_string()).expect("JSON");
    for member in ["kty", "crv", "x", "y", "kid"] {
        assert_eq!(value.get(member), written.get(member), "{member}");
    }
    let key = VerifyingKey::from_jwk(AppId(7), "k-1", KeyState::Current, &jwk).expect("a key");
    let keys = KeySet::from_iter([key]);
    assert!(verify("a.b.c", &keys, 1_790_000_000).is_err());
});
