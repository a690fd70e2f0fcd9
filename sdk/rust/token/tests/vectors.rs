//! Every case of `spec/vectors/token` and `spec/vectors/roles` gives what is written there.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use stagedoor_token::{
    Action, Algorithm, AppId, Claims, Decision, Fault, Field, Grants, Jwk, Key, KeySet, KeyState,
    Kind, Narrowing, Refusal, Role, Roles, Rule, Verb, VerifyingKey, authorize,
    form::template_flaw, mint, narrow, seat, verify, widening,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    #[serde(rename = "law")]
    _law: String,
    keys: Vec<TokenKey>,
    cases: Vec<TokenCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenKey {
    kid: String,
    app: AppId,
    state: KeyState,
    /// Of HS256.
    secret: Option<String>,
    /// Of the others.
    alg: Option<Algorithm>,
    jwk: Option<Jwk>,
    /// The private key of `jwk`.
    d: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenCase {
    name: String,
    code: String,
    public_code: String,
    /// What the refusal is about.
    field: Option<String>,
    now: u64,
    token: String,
    /// The room that the login names.
    expect_room: Option<String>,
    /// What the token says.
    claims: Option<Value>,
    /// The key that signed.
    kid: Option<String>,
    /// The other token that anybody makes of one of ES256, which says the same.
    twin: Option<String>,
    /// Whether minting the claims writes exactly this token.
    #[serde(default)]
    minted: bool,
}

fn files<T: DeserializeOwned>(folder: &str) -> Vec<T> {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors").join(folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).expect("the folder of the vectors") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a file of vectors");
        files.push(
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        );
    }
    assert!(!files.is_empty(), "no vectors in {}", folder.display());
    files
}

impl TokenKey {
    fn verifying(&self) -> VerifyingKey {
        let Some(jwk) = &self.jwk else { return self.signing().verifying() };
        let key = VerifyingKey::from_jwk(self.app, &self.kid, self.state, jwk).expect("a key");
        assert_eq!(Some(key.algorithm()), self.alg);
        key
    }

    fn signing(&self) -> Key {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let (app, kid, state) = (self.app, &self.kid, self.state);
        if let Some(secret) = &self.secret {
            return Key::hs256(app, kid, &bytes(secret), state).expect("a key");
        }
        let seed = bytes(self.d.as_deref().expect("a private key"));
        let seed = seed.as_slice().try_into().expect("32 bytes");
        let key = Key::ed25519(app, kid, seed, state).expect("a key");
        assert_eq!(key.verifying().to_jwk(), self.jwk.clone().map(|jwk| jwk.with_kid(kid)));
        key
    }
}

fn keys_of(file: &TokenFile) -> KeySet {
    file.keys.iter().map(TokenKey::verifying).collect()
}

/// What the door says of a token that it refuses.
#[derive(Debug, Default, PartialEq)]
struct Told {
    code: String,
    public_code: String,
    field: Option<String>,
    text: String,
}

fn told(fault: Fault) -> Told {
    Told {
        code: fault.code().into(),
        public_code: fault.public_code().into(),
        field: fault.field().map(|field| field.to_string()),
        text: fault.to_string(),
    }
}

/// What the door does with a token: the claims, or a refusal.
fn door(case: &TokenCase, keys: &KeySet) -> Result<Claims, Told> {
    let claims = verify(&case.token, keys, case.now).map_err(told)?;
    if case.expect_room.as_ref().is_some_and(|room| *room != claims.room) {
        let code = "room_mismatch".to_owned();
        return Err(Told { public_code: code.clone(), code, ..Told::default() });
    }
    seat(&claims, &Roles::built_in()).map_err(told)?;
    Ok(claims)
}

#[test]
fn every_token_gives_its_code_its_field_and_its_claims() {
    let (mut cases, mut faults) = (0, Vec::new());
    for file in files::<TokenFile>("token") {
        let keys = keys_of(&file);
        for case in &file.cases {
            cases += 1;
            let (told, claims) = match door(case, &keys) {
                Ok(claims) => {
                    let ok = "ok".to_owned();
                    let told = Told { code: ok.clone(), public_code: ok, ..Told::default() };
                    (told, Some(serde_json::to_value(claims).expect("JSON")))
                }
                Err(told) => (told, None),
            };
            let expected = (&case.code, &case.public_code, &case.field, &case.claims);
            if (&told.code, &told.public_code, &told.field, &claims) != expected {
                faults.push(format!("{}: {told:?}, {claims:?}", case.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(cases >= 580, "only {cases} cases");
}

#[test]
fn every_refusal_that_has_a_field_says_what_is_wrong_with_it() {
    let mut named = 0;
    for file in files::<TokenFile>("token") {
        let keys = keys_of(&file);
        for case in file.cases.iter().filter(|case| case.code != "ok") {
            let Told { field, text, .. } = door(case, &keys).expect_err(&case.name);
            if let Some(field) = field {
                assert!(text.starts_with(&format!("`{field}` ")), "{}: {text}", case.name);
                named += 1;
            }
            let parts = case.token.split('.').filter(|part| part.len() > 8);
            assert!(parts.into_iter().all(|part| !text.contains(part)), "{}: {text}", case.name);
            assert!(text.len() < 300 && text.is_ascii(), "{}: {text}", case.name);
        }
    }
    assert!(named >= 250, "only {named} cases");
}

#[test]
fn minting_the_claims_of_a_good_token_writes_that_token() {
    let mut minted = 0;
    for file in files::<TokenFile>("token") {
        let keys = keys_of(&file);
        for case in file.cases.iter().filter(|case| case.minted) {
            let claims = verify(&case.token, &keys, case.now).expect(&case.name);
            let key = file.keys.iter().find(|key| Some(&key.kid) == case.kid.as_ref());
            let key = key.expect("a key").signing();
            assert_eq!(mint(&claims, &key).as_ref(), Ok(&case.token), "{}", case.name);
            minted += 1;
        }
    }
    assert!(minted >= 48, "only {minted} cases");
}

#[test]
fn the_twin_of_a_signature_says_the_same() {
    let mut twins = 0;
    for file in files::<TokenFile>("token") {
        let keys = keys_of(&file);
        for case in &file.cases {
            let Some(twin) = &case.twin else { continue };
            assert_ne!(twin, &case.token);
            let claims = verify(twin, &keys, case.now);
            assert_eq!(claims, verify(&case.token, &keys, case.now), "{}", case.name);
            assert!(claims.is_ok(), "{}", case.name);
            twins += 1;
        }
    }
    assert!(twins >= 7, "only {twins} cases");
}

#[test]
fn every_refusal_has_a_case() {
    let cases: BTreeSet<String> = files::<TokenFile>("token")
        .into_iter()
        .flat_map(|file| file.cases)
        .map(|case| case.code)
        .collect();
    let mut codes: BTreeSet<String> =
        Refusal::ALL.iter().map(|refusal| refusal.code().into()).collect();
    codes.extend(["ok".into(), "room_mismatch".into()]);
    assert_eq!(cases, codes);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleFile {
    #[serde(rename = "law")]
    _law: String,
    roles: Value,
    cases: Vec<RoleCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleCase {
    name: String,
    /// A built-in role, or else `template`.
    role: Option<String>,
    template: Option<Value>,
    narrowing: Option<Value>,
    action: Option<Do>,
    expect: String,
    /// With `grants_too_wide`: which rule.
    rule: Option<String>,
    /// With `grants_too_wide` and `template_invalid`: where.
    field: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Do {
    Publish { stream: String, kind: Kind, live: u32 },
    Subscribe { stream: String, publisher_role: String },
    SendRoom,
    SendRole { role: String },
    SendUser { role: String },
    Set { key: String },
    Moderate { verb: Verb, target_rank: Option<u16> },
    Assign { verb: Verb, target_rank: u16, from_rank: u16, to_rank: u16 },
    Ask { role: String },
    Invite { role: String, rank: u16 },
    See { member: String, narrowing: Option<Narrowing> },
}

fn decide(grants: &Grants, what: &Do) -> Decision {
    let member;
    let action = match what {
        Do::Publish { stream, kind, live } => Action::Publish { stream, kind: *kind, live: *live },
        Do::Subscribe { stream, publisher_role } => Action::Subscribe { stream, publisher_role },
        Do::SendRoom => Action::SendRoom,
        Do::SendRole { role } => Action::SendRole(role),
        Do::SendUser { role } => Action::SendUser { role },
        Do::Set { key } => Action::Set { key },
        Do::Moderate { verb, target_rank } => {
            Action::Moderate { verb: *verb, target_rank: *target_rank }
        }
        Do::Assign { verb, target_rank, from_rank, to_rank } => Action::Assign {
            verb: *verb,
            target_rank: *target_rank,
            from_rank: *from_rank,
            to_rank: *to_rank,
        },
        Do::Ask { role } => Action::Ask { role },
        Do::Invite { role, rank } => Action::Invite { role, rank: *rank },
        Do::See { member: role, narrowing } => {
            let role = Roles::built_in().get(role).expect("a built-in role").clone();
            member = narrow(&role, narrowing.as_ref()).expect("a narrowing within the role");
            Action::See { member: &member }
        }
    };
    authorize(grants, &action)
}

/// What a case gives; with `grants_too_wide` the rule, and where that or a template is at fault.
fn outcome(case: &RoleCase) -> (&'static str, Option<&'static str>, Option<String>) {
    let role = match (&case.role, &case.template) {
        (Some(name), None) => Roles::built_in().get(name).expect("a built-in role").clone(),
        (None, Some(template)) => match serde_json::from_value::<Role>(template.clone()) {
            Ok(role) => role,
            Err(_) => {
                let flaw = template_flaw(&template.to_string(), Field::WHOLE).expect(&case.name);
                let field = Some(flaw.field()).filter(|field| !field.is_whole());
                return ("template_invalid", None, field.map(|field| field.to_string()));
            }
        },
        _ => panic!("{}: a role or a template", case.name),
    };
    let narrowing: Option<Narrowing> =
        case.narrowing.clone().map(|wish| serde_json::from_value(wish).expect(&case.name));
    let grants = match narrow(&role, narrowing.as_ref()) {
        Ok(grants) => grants,
        Err(fault) => {
            let rule = narrowing.and_then(|wish| widening(&role, &wish));
            assert_eq!(rule, fault.rule(), "{}", case.name);
            let field = fault.field().map(|field| field.to_string());
            let field = field.and_then(|field| Some(field.strip_prefix("grants.")?.to_owned()));
            return (fault.code(), rule.map(Rule::name), field);
        }
    };
    match case.action.as_ref().map(|what| decide(&grants, what)) {
        None => ("narrows", None, None),
        Some(Decision::Allowed) => ("allowed", None, None),
        Some(Decision::Refused(rule)) => (rule.name(), None, None),
    }
}

#[test]
fn every_action_gives_its_rule_and_every_fault_its_field() {
    let (mut cases, mut faults) = (0, Vec::new());
    for case in files::<RoleFile>("roles").into_iter().flat_map(|file| file.cases) {
        cases += 1;
        let outcome = outcome(&case);
        if outcome != (case.expect.as_str(), case.rule.as_deref(), case.field.clone()) {
            faults.push(format!("{}: {outcome:?}", case.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(cases >= 400, "only {cases} cases");
}

#[test]
fn every_rule_has_a_case() {
    let cases: BTreeSet<String> = files::<RoleFile>("roles")
        .into_iter()
        .flat_map(|file| file.cases)
        // What only a narrowing meets is told with its refusal.
        .map(|case| case.rule.unwrap_or(case.expect))
        .collect();
    for rule in Rule::ALL {
        assert!(cases.contains(rule.name()), "{}", rule.name());
    }
}

#[test]
fn the_built_in_roles_are_those_of_the_vectors() {
    let mut built_in =
        serde_json::to_value(Roles::built_in().iter().collect::<Vec<_>>()).expect("JSON");
    let by_rank = |role: &Value| std::cmp::Reverse(role["rank"].as_u64());
    built_in.as_array_mut().expect("a list").sort_by_key(by_rank);
    for file in files::<RoleFile>("roles") {
        assert_eq!(built_in, file.roles);
    }
}
