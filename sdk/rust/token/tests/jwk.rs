//! Every case of `spec/vectors/jwk` gives what is written there, and what is read is written as it was.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use stagedoor_token::{Algorithm, AppId, Jwk, JwkError, KeyState, VerifyingKey};

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
    /// `ok`, or the reason of the refusal.
    expect: String,
    jwk: String,
    alg: Option<Algorithm>,
    thumbprint: Option<String>,
    kid: Option<String>,
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/jwk/keys.json");
    let text = fs::read_to_string(path).expect("a file of vectors");
    serde_json::from_str::<File>(&text).expect("vectors").cases
}

#[test]
fn every_jwk_gives_its_key_or_its_reason() {
    let mut faults = Vec::new();
    for case in cases() {
        let read = case.jwk.parse::<Jwk>();
        // Inside of other JSON the same is read, but for what only a text can have.
        let within = serde_json::from_str::<Jwk>(&case.jwk).is_ok();
        assert!(within == read.is_ok() || case.jwk.len() > 8_192, "{}", case.name);
        let told = read.as_ref().map_or_else(|error| error.reason(), |_| "ok");
        let thumbprint = read.as_ref().ok().map(|jwk| jwk.thumbprint().to_string());
        let alg = read.as_ref().ok().map(Jwk::algorithm);
        let kid = read.as_ref().ok().and_then(Jwk::kid);
        if (told, thumbprint, alg, kid)
            != (case.expect.as_str(), case.thumbprint, case.alg, case.kid.as_deref())
        {
            faults.push(format!("{}: {told}, {read:?}", case.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_reason_has_a_case() {
    let told: BTreeSet<_> = cases().into_iter().map(|case| case.expect).collect();
    let all = [
        JwkError::Malformed,
        JwkError::Private,
        JwkError::Kind,
        JwkError::Coordinate,
        JwkError::OffCurve,
        JwkError::Weak,
        JwkError::Purpose,
    ];
    let all = all.into_iter().map(JwkError::reason).chain(["ok"]);
    assert_eq!(told, all.map(str::to_owned).collect());
}

#[test]
fn a_key_is_written_as_it_is_read() {
    for case in cases().iter().filter(|case| case.expect == "ok") {
        let jwk: Jwk = case.jwk.parse().expect(&case.name);
        assert_eq!(jwk.to_string().parse().as_ref(), Ok(&jwk));
        assert_eq!(serde_json::to_string(&jwk).expect("JSON"), jwk.to_string());
        let key = VerifyingKey::from_jwk(AppId(7), "k-1", KeyState::Next, &jwk).expect("a key");
        assert_eq!(key.to_jwk(), Some(jwk.clone().with_kid("k-1")));
        assert_eq!(Some(key.algorithm()), case.alg);
        assert!(key.is_public());
    }
}

#[test]
fn the_keys_of_the_rfcs_have_their_thumbprints() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let written = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","alg":"EdDSA","use":"sig"}}"#);
    let jwk: Jwk = written.parse().expect("RFC 8037, A.2");
    assert_eq!(jwk.to_string(), written);
    assert_eq!(jwk.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(format!("{jwk:?}"), "Jwk(EdDSA, kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k)");
}

#[test]
fn a_point_of_p256_is_uncompressed() {
    let [x, y] = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ]
    .map(|text| URL_SAFE_NO_PAD.decode(text).expect("base64url"));
    let point = [&[4], &x[..], &y[..]].concat();
    assert_eq!(Jwk::p256_point(&point).map(|jwk| jwk.algorithm()), Ok(Algorithm::ES256));
    for bad in [&point[..64], &point[1..], &[&[2], &x[..]].concat(), &[0], &[]] {
        assert_eq!(Jwk::p256_point(bad), Err(JwkError::Coordinate));
    }
}
