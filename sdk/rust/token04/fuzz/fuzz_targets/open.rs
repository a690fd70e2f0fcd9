//! No text that was not sealed opens where GCM alone is accepted; strangers learn nothing, and nothing panics in CBC.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use stagedoor_token04::{Accept, Candidate, Limits, Token04Secret, open};

static SECRET: LazyLock<Token04Secret> =
    LazyLock::new(|| "fa94dd0f974cf2e293728a526b028271".parse().expect("a secret"));

fuzz_target!(|bytes: &[u8]| {
    let texts =
        [String::from_utf8_lossy(bytes).into_owned(), format!("04{}", STANDARD.encode(bytes))];
    for text in texts {
        for accept in [Accept::Gcm, Accept::Legacy] {
            let candidate =
                Candidate { app: 7, secret: &SECRET, accept, basic: true, ttl_s_max: 86_400 };
            let both = [candidate, Candidate { app: 8, ..candidate }];
            let fault = open(&text, &both, 1_790_000_000, &Limits::DEFAULT)
                .expect_err("a token that nobody sealed");
            assert_eq!(fault.public_code(), "token_invalid");
        }
    }
});
