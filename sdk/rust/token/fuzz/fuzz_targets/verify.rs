//! No text that was not signed verifies, and strangers learn nothing.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stagedoor_token::{AppId, Key, KeySet, KeyState, verify};

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let hs256 = Key::hs256(AppId(7), "k-1", &[9; 32], KeyState::Current).expect("a key");
    let eddsa = Key::ed25519(AppId(7), "e-1", &[9; 32], KeyState::Current).expect("a key");
    KeySet::from_iter([hs256, eddsa])
});

fuzz_target!(|text: &str| {
    let refusal = verify(text, &KEYS, 1_790_000_000).expect_err("a token that nobody signed");
    assert_eq!(refusal.public_code(), "token_invalid");
});
