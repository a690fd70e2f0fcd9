//! Changes of a token's text, and keys of every algorithm whose tokens they are tried on.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use stagedoor_token::{AppId, Claims, Jwk, Key, KeyState, VerifyingKey, mint};

/// A change of a text that is never none.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    FlipBit(u8),
    Insert(u8),
    Delete,
    Truncate,
    Swap,
    Repeat,
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (0..7_u8).prop_map(Mutation::FlipBit),
        (0..128_u8).prop_map(Mutation::Insert),
        Just(Mutation::Delete),
        Just(Mutation::Truncate),
        Just(Mutation::Swap),
        Just(Mutation::Repeat),
    ]
}

pub(crate) fn mutate(token: &str, mutation: &Mutation, at: prop::sample::Index) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = at.index(bytes.len());
    match mutation {
        Mutation::FlipBit(bit) => bytes[at] ^= 1 << bit,
        Mutation::Insert(byte) => bytes.insert(at, *byte),
        Mutation::Delete => drop(bytes.remove(at)),
        Mutation::Truncate => bytes.truncate(at),
        Mutation::Swap => {
            let other = (at + 1) % bytes.len();
            bytes.swap(at, other);
        }
        Mutation::Repeat => bytes.insert(at, bytes[at]),
    }
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}

/// Every kind of mutation, by a number that makes it one of its kind.
pub(crate) const KINDS: [fn(u8) -> Mutation; 6] = [
    |by| Mutation::FlipBit(by % 7),
    |by| Mutation::Insert(by % 128),
    |_| Mutation::Delete,
    |_| Mutation::Truncate,
    |_| Mutation::Swap,
    |_| Mutation::Repeat,
];

/// A token of these claims by a key of each algorithm, and that key.
pub(crate) fn tokens(claims: &Claims) -> [(String, VerifyingKey); 3] {
    let (app, kid, current) = (claims.app, "k-1", KeyState::Current);
    let keys = [Key::hs256(app, kid, &[9; 32], current), Key::ed25519(app, kid, &[9; 32], current)];
    let [hs256, eddsa] = keys.map(|key| {
        let key = key.expect("a key");
        (mint(claims, &key).expect("a token"), key.verifying())
    });
    [hs256, eddsa, es256(claims)]
}

/// A token of ES256, as it is made elsewhere.
fn es256(claims: &Claims) -> (String, VerifyingKey) {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
    let header = r#"{"alg":"ES256","typ":"JWT","kid":"k-1"}"#;
    let payload = serde_json::to_vec(claims).expect("JSON");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(&random, signed.as_bytes()).expect("a signature");
    let jwk = Jwk::p256_point(pair.public_key().as_ref()).expect("a point");
    let key = VerifyingKey::from_jwk(AppId(7), "k-1", KeyState::Current, &jwk).expect("a key");
    (format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), key)
}
