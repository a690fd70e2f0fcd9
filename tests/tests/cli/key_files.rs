//! `token mint|verify --key`: keys as JWKs and PEM.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{
    es256::{Es256, twin_of},
    stage::now_s,
};
use stagedoor_token::{AppId, Claims, Jwk};
use tempfile::TempDir;

use super::{Ran, run_with};

/// RFC 8410 §10.3 and §10.1, the halves of one key.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const D: &str = "1O5y2_kTWErVttjx92n4rTr-fCjL8dT74Jeoj0R1WEI";
const X: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";

/// Files of keys.
struct Files(TempDir);

impl Files {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn token(&self, command: &str, key: &str, more: &[&str], input: &str) -> Result<Ran> {
        let path = self.0.path().join("key");
        fs::write(&path, key)?;
        let path = path.display().to_string();
        let named = ["token", command, "--json", "--app", "7", "--kid", "k", "--key", &path];
        run_with(&[&named[..], more].concat(), &[], input)
    }

    fn minted(&self, key: &str) -> Result<String> {
        let who = ["--room", "lobby", "--user", "ben", "--role", "host"];
        let minted = self.token("mint", key, &who, "")?;
        assert_eq!((minted.code, minted.err.as_str()), (0, ""));
        Ok(minted.json()?["token"].as_str().context("a token")?.to_owned())
    }

    fn code(&self, key: &str, token: &str) -> Result<Value> {
        Ok(self.token("verify", key, &[], token)?.json()?["code"].clone())
    }
}

fn pair() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": X, "d": D, "key_ops": ["sign"] })
}

fn public() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": X })
}

#[test]
fn pem_and_jwk_of_one_key_sign_and_verify_alike() -> Result<()> {
    let files = Files::new()?;
    for private in [PRIVATE, &pair().to_string()] {
        let token = files.minted(private)?;
        for key in [PRIVATE, PUBLIC, &pair().to_string(), &public().to_string()] {
            assert_eq!(files.code(key, &token)?, "ok");
        }
        let other = public().to_string().replace(X, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(files.code(&other, &token)?, "signature_invalid");
    }
    Ok(())
}

#[test]
fn a_token_of_p256_and_its_twin_verify_by_the_public_key() -> Result<()> {
    let (files, key) = (Files::new()?, Es256::new()?);
    let claims = Claims::builder(AppId(7), "host".parse()?)
        .room("lobby")
        .user("ben")
        .jti("t")
        .lifetime(now_s(), 3_600)
        .build();
    let token = key.token("k", &claims)?;
    for token in [twin_of(&token)?, token] {
        assert_eq!(files.code(&key.jwk().to_string(), &token)?, "ok");
    }
    let jwk: Jwk = serde_json::from_value(key.jwk())?;
    assert_eq!(jwk.algorithm().name(), "ES256");
    Ok(())
}

#[test]
fn a_file_without_a_fitting_key_is_told_without_its_text() -> Result<()> {
    let (files, key) = (Files::new()?, Es256::new()?);
    let who = ["--room", "lobby", "--user", "ben", "--role", "host"];
    let mut halves = pair();
    halves["x"] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into();
    for (text, words) in [
        (PUBLIC.to_owned(), "a public key, which verifies and does not sign"),
        (public().to_string(), "a public key, which verifies and does not sign"),
        (key.private_jwk().to_string(), "keys of P-256 sign elsewhere"),
        (key.jwk().to_string(), "a public key, which verifies and does not sign"),
        (halves.to_string(), "another `x`"),
        (D.to_owned(), "neither a JWK nor PEM"),
    ] {
        let refused = files.token("mint", &text, &who, "")?;
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(words), "{}", refused.err);
        assert!(!refused.err.contains(D), "{}", refused.err);
    }
    let both = files.token("mint", PRIVATE, &[&who[..], &["--secret-file", "-"]].concat(), "")?;
    assert_eq!(both.code, 2, "{}", both.err);
    Ok(())
}
