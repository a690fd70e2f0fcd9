//! Whatever a key signs: what verifies mints and verifies again to the same claims, and is JSON with each name
//! once for another reader as well.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::Sha256;
use stagedoor_token::{AppId, AtExp, Key, KeySet, KeyState, Refusal, mint, verify};

const NOW_S: u64 = 1_790_000_000;
const SECRET: [u8; 32] = [9; 32];
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT","kid":"k-1"}"#;

static KEY: LazyLock<Key> =
    LazyLock::new(|| Key::hs256(AppId(7), "k-1", &SECRET, KeyState::Current).expect("a key"));
static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::from_iter([KEY.clone()]));

/// Whether the claims are malformed as a whole.
fn value_is_no_object(payload: &[u8]) -> bool {
    !serde_json::from_slice::<Value>(payload).is_ok_and(|value| value.is_object())
}

fuzz_target!(|payload: &[u8]| {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("a secret");
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    let claims = match verify(&token, &KEYS, NOW_S) {
        Ok(claims) => claims,
        Err(fault) => {
            let too_large = fault.refusal() == Refusal::TokenTooLarge;
            assert!(too_large || fault.public_code() == fault.code(), "{fault:?}");
            assert!(too_large || value_is_no_object(payload) || fault.field().is_some(), "{fault}");
            assert!(fault.to_string().len() < 300);
            return;
        }
    };
    let value: Value = serde_json::from_slice(payload).expect("JSON");
    assert_eq!(value["sub"], claims.user);
    assert_eq!(value["room"], claims.room);
    assert_eq!(value["role"], &*claims.role);
    assert_eq!(value["exp"], claims.exp);
    assert_eq!(value.get("gen").and_then(Value::as_u64), claims.generation);
    assert_eq!(value.get("once").is_some_and(|once| *once == true), claims.once);
    assert_eq!(value.get("max_stay").and_then(Value::as_u64), claims.max_stay.map(u64::from));
    assert_eq!(value.get("at_exp").is_some_and(Value::is_object), claims.at_exp != AtExp::Close);
    assert_eq!(value["cnf"].is_object(), claims.cnf.is_some());
    let minted = mint(&claims, &KEY).expect("claims that verify");
    assert_eq!(verify(&minted, &KEYS, NOW_S), Ok(claims));
});
