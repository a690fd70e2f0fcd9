//! Every case of `spec/vectors/credentials` gives what is written there.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf};

use serde::Deserialize;
use stagedoor_token::{
    Credential, CredentialError, CredentialKind, SecretError, checked_secret, find_credentials,
    secret_of_text,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "law")]
    _law: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    expect: String,
    kind: Option<String>,
    id: Option<String>,
    secret_hex: Option<String>,
    parts: Vec<String>,
}

fn cases(name: &str) -> Vec<Case> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/credentials");
    let text = fs::read_to_string(folder.join(name)).expect("a file of vectors");
    serde_json::from_str::<File>(&text).expect("vectors").cases
}

fn kind_of(name: &str) -> CredentialKind {
    match name {
        "root" => CredentialKind::Root,
        "api_key" => CredentialKind::ApiKey,
        "personal" => CredentialKind::Personal,
        "access_token" => CredentialKind::AccessToken,
        "link" => CredentialKind::Link,
        other => panic!("no such kind: {other}"),
    }
}

fn bytes(hex: &str) -> [u8; 32] {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    std::array::from_fn(|n| digit(2 * n))
}

#[test]
fn every_credential_reads_as_its_case_says() {
    let cases = cases("credentials.json");
    for Case { name, expect, kind, id, secret_hex, parts } in &cases {
        let text = parts.concat();
        let read = Credential::parse(&text);
        match expect.as_str() {
            "form" => assert_eq!(read, Err(CredentialError::Form), "{name}"),
            "check" => assert_eq!(read, Err(CredentialError::Check), "{name}"),
            _ => {
                let kind = kind_of(kind.as_deref().expect("a kind"));
                let id = id.as_deref().expect("an id");
                let secret = bytes(secret_hex.as_deref().expect("a secret"));
                let read = read.expect(name);
                assert_eq!((read.kind(), read.id()), (kind, id), "{name}");
                assert_eq!(Credential::make(kind, id, &secret).as_ref(), Ok(&text), "{name}");
            }
        }
        let found = find_credentials(&text).next() == Some(text.trim());
        assert_eq!(found, Credential::parse(text.trim()).is_ok(), "{name}");
    }
    assert!(cases.len() >= 40, "only {} cases", cases.len());
}

#[test]
fn every_secret_reads_as_its_case_says() {
    let cases = cases("secrets.json");
    for Case { name, expect, secret_hex, parts, .. } in &cases {
        let text = parts.concat();
        let read = secret_of_text(&text);
        match expect.as_str() {
            "form" => assert_eq!(read, Err(SecretError::Form), "{name}"),
            "check" => assert_eq!(read, Err(SecretError::Check), "{name}"),
            _ => {
                let secret = bytes(secret_hex.as_deref().expect("a secret"));
                assert_eq!(read.as_deref(), Ok(&secret[..]), "{name}");
                if text.starts_with("sdsec_") {
                    assert_eq!(checked_secret(&secret), text, "{name}");
                }
            }
        }
    }
    assert!(cases.len() >= 15, "only {} cases", cases.len());
}
