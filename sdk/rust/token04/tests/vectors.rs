//! Every case of `spec/vectors/token04` gives what is written there.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::Deserialize;
use stagedoor_token04::{
    Accept, Candidate, Fault, Limits, Mode, Opened, Refusal, Token04Secret, is_token04, mint, open,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "law")]
    _law: String,
    app: u32,
    ttl_s_max: u64,
    secrets: Vec<Secret>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    name: String,
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    code: String,
    public_code: String,
    accept: String,
    basic: bool,
    now: u64,
    /// Names of the secrets that are tried, in this order.
    secrets: Vec<String>,
    /// The app of the secrets, where it is not that of the file.
    app: Option<u32>,
    token: String,
    claims: Option<Claims>,
    id: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    app: u32,
    user: String,
    room: Option<String>,
    may_publish: bool,
    streams: Option<Vec<String>>,
    ctime: u64,
    expire: u64,
}

fn file(name: &str) -> File {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/token04").join(name);
    serde_json::from_str(&fs::read_to_string(path).expect("a file of vectors")).expect("vectors")
}

fn opened(file: &File, case: &Case) -> Result<Opened, Fault> {
    let secrets: Vec<Token04Secret> = case
        .secrets
        .iter()
        .map(|name| file.secrets.iter().find(|secret| secret.name == *name).expect("a secret"))
        .map(|secret| secret.secret.parse().expect("a secret"))
        .collect();
    let accept = if case.accept == "legacy" { Accept::Legacy } else { Accept::Gcm };
    let candidates: Vec<Candidate<'_>> = secrets
        .iter()
        .map(|secret| Candidate {
            app: case.app.unwrap_or(file.app),
            secret,
            accept,
            basic: case.basic,
            ttl_s_max: file.ttl_s_max,
        })
        .collect();
    open(&case.token, &candidates, case.now, &Limits::DEFAULT)
}

#[test]
fn every_token_gives_its_codes_and_its_claims() {
    let mut faults = Vec::new();
    for name in ["tokens.json", "of_one_length.json"] {
        let file = file(name);
        for case in &file.cases {
            let (code, public_code, said, id) = match opened(&file, case) {
                Ok(Opened { claims, id, .. }) => {
                    let stagedoor_token04::Claims { app, user, room, may_publish, .. } = claims;
                    let (streams, ctime, expire) = (claims.streams, claims.ctime, claims.expire);
                    let said = Claims { app, user, room, may_publish, streams, ctime, expire };
                    ("ok", "ok", Some(said), Some(id))
                }
                Err(fault) => (fault.code(), fault.public_code(), None, None),
            };
            let expected = (&*case.code, &*case.public_code, &case.claims, &case.id);
            if (code, public_code, &said, &id) != expected {
                faults.push(format!("{}: {code}, {public_code}, {said:?}, {id:?}", case.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_refusal_has_a_case() {
    let cases: BTreeSet<String> =
        file("tokens.json").cases.into_iter().map(|case| case.code).collect();
    let mut codes: BTreeSet<String> =
        Refusal::ALL.iter().map(|refusal| refusal.code().into()).collect();
    codes.insert("ok".into());
    assert_eq!(cases, codes);
}

#[test]
fn nothing_about_a_cbc_token_is_public() {
    let file = file("tokens.json");
    let cases = file.cases.iter().filter(|case| case.name.starts_with("cbc: "));
    let refused: Vec<Fault> = cases.filter_map(|case| opened(&file, case).err()).collect();
    assert!(refused.len() > 100);
    for fault in refused {
        assert_eq!(fault.public_code(), "token_invalid", "{fault}");
    }
}

#[test]
fn a_cbc_token_can_be_made_another_users() {
    let file = file("tokens.json");
    let case = |name: &str| file.cases.iter().find(|case| case.name == name).expect("a case");
    let made = case("described: cbc, user1");
    let forged = case("described: cbc, user1 made host1 without the secret");
    let user = |case: &Case| opened(&file, case).map(|opened| (opened.claims.user, opened.mode));
    // What `legacy` costs: one of them was made without the secret, and nothing tells which.
    assert_eq!(user(made), Ok(("user1".into(), Mode::Cbc)));
    assert_eq!(user(forged), Ok(("host1".into(), Mode::Cbc)));
    let refused = case("the forged one is refused where only gcm is accepted");
    assert_eq!(user(refused).map_err(Fault::refusal), Err(Refusal::CbcRefused));
}

#[test]
fn good_tokens_can_be_minted_with_the_same_claims() {
    let file = file("tokens.json");
    let secret: Token04Secret = file.secrets[0].secret.parse().expect("a secret");
    let mut minted = 0;
    for case in file.cases.iter().filter(|case| case.code == "ok") {
        let Opened { claims, id, .. } = opened(&file, case).expect(&case.name);
        let token = mint(&claims, &secret, &Limits::DEFAULT).expect(&case.name);
        assert!(is_token04(&token) && token != case.token, "{}", case.name);
        let again = Case {
            token,
            accept: "gcm".into(),
            secrets: vec!["current".into()],
            name: case.name.clone(),
            code: case.code.clone(),
            public_code: case.public_code.clone(),
            claims: None,
            id: None,
            ..*case
        };
        let again = opened(&file, &again).expect(&case.name);
        assert_eq!((&again.claims, again.mode), (&claims, Mode::Gcm), "{}", case.name);
        assert_ne!(again.id, id, "another nonce, another id");
        minted += 1;
    }
    assert!(minted >= 25, "only {minted} cases");
}
