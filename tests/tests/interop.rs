//! Tokens travel between Stagedoor, PyJWT and jose, in both directions, and clients of OAuth talk to it. Needs what `cargo xtask test` installs; without
//! it these tests fail and say so.

// Helpers may panic, like tests.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "interop/oauth.rs"]
mod oauth;
#[path = "interop/scanning.rs"]
mod scanning;
#[path = "interop/sso.rs"]
mod sso;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagedoor_tests::binary::binary;
use stagedoor_tests::es256::{Es256, twin_of};
use stagedoor_token::{
    Algorithm, AppId, AtExp, Claims, Confirmation, Fault, Key, KeySet, KeyState, Refusal,
    Thumbprint, Until, VerifyingKey, mint, verify,
};

const KID: &str = "k_interop-1";
/// Bytes that as base64url begin with both of its own characters.
const SECRET: [u8; 32] = [0xfb; 32];
const SECRET_BASE64URL: &str = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s";

/// What a script is asked.
#[derive(Serialize)]
struct Asked<'a> {
    kid: &'a str,
    /// `HS256`, `EdDSA` or `ES256`.
    alg: Algorithm,
    /// Of HS256.
    secret: &'a str,
    /// The key pair of the others, as a JWK with its private part.
    jwk: Option<Value>,
    /// What to mint.
    claims: &'a Value,
    /// What to verify.
    token: &'a str,
    /// What to refuse.
    forged: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    header: Value,
    claims: Value,
    forged_refused_for: Option<String>,
    token: String,
    /// Only of HS256.
    token_hs512: Option<String>,
    token_none: String,
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

const APP: AppId = AppId(4_294_967_295);

fn key() -> Key {
    Key::hs256(APP, KID, &SECRET, KeyState::Current).expect("a key")
}

fn ed25519(seed: &[u8; 32]) -> Key {
    Key::ed25519(APP, KID, seed, KeyState::Current).expect("a key")
}

/// A key pair that scripts may have, and what it signs here.
struct Pair {
    /// With its private part.
    jwk: Value,
    public: Value,
    token: String,
}

impl Pair {
    fn eddsa(claims: &Claims, seed: &[u8; 32]) -> Self {
        let key = ed25519(seed);
        let jwk = key.verifying().to_jwk().expect("a public key");
        let public = serde_json::to_value(jwk).expect("JSON");
        let mut jwk = public.clone();
        jwk["d"] = URL_SAFE_NO_PAD.encode(seed).into();
        Self { jwk, public, token: mint(claims, &key).expect("a token") }
    }

    fn es256(claims: &Claims) -> Self {
        let key = Es256::new().expect("a key");
        let token = key.token(KID, claims).expect("a token");
        Self { jwk: key.private_jwk(), public: key.jwk(), token }
    }

    /// What verifies its tokens.
    fn verifying(&self) -> VerifyingKey {
        let jwk = serde_json::from_value(self.public.clone()).expect("a public key");
        VerifyingKey::from_jwk(APP, KID, KeyState::Current, &jwk).expect("a key")
    }
}

/// Claims that use every field, with letters that each library escapes differently.
fn claims() -> Claims {
    let grants =
        r#"{"publish":{"streams":["cam-*"],"kinds":["audio","data"],"streams_max":2},"set":[]}"#;
    let role = "speaker".parse().expect("a role");
    let mut claims = Claims::builder(APP, role)
        .room("the lobby")
        .user("änna/1")
        .jti("t-1~")
        .lifetime(now_s(), 600)
        .build();
    claims.grants = Some(serde_json::from_str(grants).expect("a narrowing"));
    claims.name = Some("Änna \"A\" \\ </script> \u{1f3ad} \u{2028}".into());
    claims.generation = Some(u64::from(u32::MAX) + 1);
    claims.once = true;
    claims.at_exp = AtExp::Grace { s: 30 };
    claims.max_stay = Some(3_600);
    claims.until = Until { publish: Some(now_s() + 300), ..Until::default() };
    claims.cnf = Some(Confirmation { jkt: Thumbprint([0xfb; 32]) });
    claims.meta = Some("{\"color\":\"red\"}\n\u{1}".into());
    claims
}

/// A path from the environment, or where `cargo xtask test` installs it. The error says what to do.
fn installed(variable: &str, default: &str) -> Result<PathBuf, String> {
    let path = env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop").join(default),
        PathBuf::from,
    );
    if path.exists() {
        return Ok(path);
    }
    Err(format!(
        "{variable}: there is no {}; `cargo xtask test` installs it, from tests/interop/requirements.txt \
         (PyJWT, Authlib) and tests/interop/package.json (jose, oidc-provider, openid-client)",
        path.display()
    ))
}

/// Runs a script of `tests/interop`, and asks it.
fn ask(command: &mut Command, script: &str, asked: &Asked<'_>) -> Answer {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
    let mut child = command
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts; `cargo xtask test` installs python3 and node");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(&serde_json::to_vec(asked).expect("JSON")).expect("the script reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "the script fails: its own words are above");
    serde_json::from_slice(&output.stdout).expect("the script answers")
}

/// Has a script verify ours and mint its own, and checks both.
fn travels_both_ways(mut command: impl FnMut() -> Command, script: &str) {
    hs256_travels(&mut command(), script);
    let claims = claims();
    let json = serde_json::to_value(&claims).expect("JSON");
    for (alg, pair, other) in [
        (Algorithm::EdDSA, Pair::eddsa(&claims, &SECRET), Pair::eddsa(&claims, &[1; 32])),
        (Algorithm::ES256, Pair::es256(&claims), Pair::es256(&claims)),
    ] {
        let keys = KeySet::from_iter([pair.verifying()]);
        let twin = |token: &str| (alg == Algorithm::ES256).then(|| twin_of(token).expect("a twin"));
        for token in [Some(pair.token.clone()), twin(&pair.token)].into_iter().flatten() {
            let (jwk, token, forged) = (Some(pair.jwk.clone()), &token, &other.token);
            let asked = Asked { kid: KID, alg, secret: "", jwk, claims: &json, token, forged };
            let answer = ask(&mut command(), script, &asked);
            assert_eq!(answer.header, json!({ "alg": alg, "typ": "JWT", "kid": KID }));
            assert_eq!(answer.claims, json, "ours says there what it says here");
            assert_eq!(answer.forged_refused_for.as_deref(), Some("signature"));
            for theirs in [Some(answer.token.clone()), twin(&answer.token)].into_iter().flatten() {
                let theirs = verify(&theirs, &keys, now_s());
                assert_eq!(theirs, Ok(claims.clone()), "theirs says here what it says there");
            }
        }
    }
}

fn hs256_travels(command: &mut Command, script: &str) {
    let (claims, keys) = (claims(), KeySet::from_iter([key()]));
    let token = mint(&claims, &key()).expect("a token");
    let other = Key::hs256(APP, KID, &[1; 32], KeyState::Current).expect("a key");
    let forged = mint(&claims, &other).expect("a token");
    let json = serde_json::to_value(&claims).expect("JSON");
    let (alg, secret, forged) = (Algorithm::HS256, SECRET_BASE64URL, forged.as_str());
    let (token, claims_json) = (token.as_str(), &json);
    let asked = Asked { kid: KID, alg, secret, jwk: None, claims: claims_json, token, forged };
    let answer = ask(command, script, &asked);

    assert_eq!(answer.header, json!({ "alg": "HS256", "typ": "JWT", "kid": KID }));
    assert_eq!(answer.claims, json, "ours says there what it says here");
    assert_eq!(answer.forged_refused_for.as_deref(), Some("signature"));

    assert_eq!(
        verify(&answer.token, &keys, now_s()),
        Ok(claims),
        "theirs says here what it says there"
    );
    let refusal = |token: &str| verify(token, &keys, now_s()).map_err(Fault::refusal).err();
    // As long as one of a public key, and shorter than any.
    let hs512 = answer.token_hs512.expect("a token of HS512");
    assert_eq!(refusal(&hs512), Some(Refusal::AlgUnsupported));
    assert_eq!(refusal(&answer.token_none), Some(Refusal::TokenMalformed));
}

#[test]
fn tokens_travel_to_and_from_pyjwt() {
    let python = installed("STAGEDOOR_PYTHON", "venv/bin/python").expect("it is installed");
    travels_both_ways(|| Command::new(&python), "pyjwt.py");
}

#[test]
fn tokens_travel_to_and_from_jose() {
    let modules = installed("STAGEDOOR_NODE_MODULES", "node_modules").expect("it is installed");
    let node = || {
        let mut node = Command::new("node");
        node.env("STAGEDOOR_NODE_MODULES", &modules);
        node
    };
    travels_both_ways(node, "jose.mjs");
}

/// The verifier of audit exports in Python, with these arguments.
fn python_verifies(arguments: &[&str]) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/audit_verify.py");
    let python = Command::new("python3").arg("-B").arg(script).args(arguments).output();
    python.expect("python3 starts; `cargo xtask test` installs it")
}

#[test]
fn the_python_verifier_agrees_on_every_audit_vector() {
    let done = python_verifies(&["--vectors"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("trails.json: ") && said.contains("excerpts.json: "), "{said}");
}

/// What `stagedoor dev` seals, another implementation of `spec/sealing.md` opens.
#[test]
fn sealed_secrets_open_with_pythons_cryptography() -> anyhow::Result<()> {
    let python = installed("STAGEDOOR_PYTHON", "venv/bin/python").expect("it is installed");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/sealing/sealing.py");
    let checked = Command::new(&python).arg(&script).arg("--check").status()?;
    assert!(checked.success(), "sealing.json is what the script writes");
    let folder = tempfile::tempdir()?;
    let mut dev = Command::new(binary()?)
        .args(["dev", "--json", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(dev.stdout.take().expect("a pipe")).read_line(&mut line)?;
    Command::new("kill").args(["-TERM", &dev.id().to_string()]).status()?;
    dev.wait()?;
    let told: Value = serde_json::from_str(&line)?;
    let file = |name: &str| folder.path().join(name);
    let (database, key) = (file("stagedoor.sqlite"), file("master.key"));
    let opened = Command::new(python).arg(script).arg("--open").args([database, key]).output()?;
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let mut rows = opened.stdout.lines().map_while(Result::ok);
    let ours = rows.find(|row| row.contains(told["kid"].as_str().unwrap_or("no kid")));
    let row: Value = serde_json::from_str(&ours.expect("the key's row"))?;
    assert_eq!((&row["table"], &row["secret"]), (&json!("keys"), &told["secret"]));
    Ok(())
}

#[test]
fn a_missing_tool_is_reported_with_its_installer() {
    let said = installed("STAGEDOOR_NOBODY_SETS_THIS", "not/installed").expect_err("nothing there");
    assert!(said.contains("not/installed") && said.contains("cargo xtask test"), "{said}");
}
