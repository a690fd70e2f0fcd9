//! Whatever a secret seals: what opens is JSON with the same fields for another reader as well, and mints and opens again
//! to the same claims.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::Value;
use stagedoor_token04::{Accept, Candidate, Limits, Refusal, Token04Secret, mint, open};

const NOW_S: u64 = 1_790_000_000;
const SECRET: &[u8; 32] = b"fa94dd0f974cf2e293728a526b028271";

static OURS: LazyLock<Token04Secret> =
    LazyLock::new(|| Token04Secret::import(SECRET).expect("a secret"));

fuzz_target!(|plain: &[u8]| {
    let value = serde_json::from_slice::<Value>(plain);
    let expire = value.as_ref().ok().and_then(|value| value["expire"].as_i64()).unwrap_or_default();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, SECRET).expect("a key"));
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed).expect("sealed");
    let mut body = expire.to_be_bytes().to_vec();
    body.extend([0, 12]);
    body.extend([0; 12]);
    body.extend((sealed.len() as u16).to_be_bytes());
    body.extend(sealed);
    body.push(1);
    let text = format!("04{}", STANDARD.encode(body));
    let candidate =
        Candidate { app: 7, secret: &OURS, accept: Accept::Gcm, basic: true, ttl_s_max: 86_400 };
    let opened = match open(&text, &[candidate], NOW_S, &Limits::DEFAULT) {
        Ok(opened) => opened,
        Err(fault) => {
            let proven = fault.refusal() > Refusal::TagInvalid;
            assert_eq!(fault.public_code(), if proven { fault.code() } else { "token_invalid" });
            return;
        }
    };
    let value = value.expect("JSON");
    assert_eq!(value["user_id"], opened.claims.user);
    assert_eq!(value["app_id"], opened.claims.app);
    assert_eq!(value["ctime"], opened.claims.ctime);
    let payload = value["payload"].as_str().filter(|payload| !payload.is_empty());
    let payload = payload.map(|payload| serde_json::from_str::<Value>(payload).expect("JSON"));
    let room = payload.as_ref().map(|payload| payload["room_id"].as_str().expect("a room"));
    assert_eq!(room, opened.claims.room.as_deref());
    assert!(payload.is_none_or(|payload| payload["privilege"]["1"] == 1));
    let again = mint(&opened.claims, &OURS, &Limits::DEFAULT).expect("a token");
    let again = open(&again, &[candidate], NOW_S, &Limits::DEFAULT).expect("it opens");
    assert_eq!(again.claims, opened.claims);
});
