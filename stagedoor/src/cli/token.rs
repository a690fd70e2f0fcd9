//! `token mint|verify|inspect`: needs a key's secret, but no server.

use std::{io::Write, path::PathBuf, sync::Arc};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use stagedoor_token::{
    Algorithm, AppId, Claims, Fault, Field, Key, KeySet, KeyState, MintError, Narrowing, Refusal,
    Roles, VerifyingKey, explain_signature,
    form::{Flaw, narrowing_flaw, roles_flaw},
    mint, seat, secret_of_text, verify,
};

use super::{
    failure::{Done, Failure, usage},
    http::glance,
    key_file::KeyFile,
    print::print,
    secret::secret,
    stay::Stay,
    time::{Span, now_s},
    token04,
};

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Mint a token with a key. If STAGEDOOR_URL and STAGEDOOR_API_KEY are set, asks that server whether the
    /// app still signs with the key and has the role, and warns if not.
    #[command(
        after_help = "Example:\n  stagedoor token mint --app 7 --kid k_1 --secret-file key.txt --room lobby --user anna --role host"
    )]
    Mint(Box<Mint>),
    /// Verify a token with a key; exits with 0 if it is valid, 1 if it is refused.
    #[command(
        after_help = "Example:\n  stagedoor token verify --app 7 --kid k_1 --secret-file key.txt < token.txt"
    )]
    Verify(Verify),
    /// Show a token's claims, without a secret and without verifying it.
    Inspect {
        /// The token's file; by default standard input.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct KeyArguments {
    /// The AppID.
    #[arg(long)]
    app: AppId,
    /// The key id.
    #[arg(long)]
    kid: String,
    /// The file with the key's secret, in base64url or as `sdsec_…`, `-` for standard input; by default STAGEDOOR_SECRET.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The file with the key itself, `-` for standard input, instead of a secret: a JWK, or PEM (a private key of
    /// Ed25519 as PKCS#8 mints and verifies; a public key of Ed25519 or P-256 verifies).
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Mint {
    #[command(flatten)]
    key: KeyArguments,
    /// The room.
    #[arg(long)]
    room: String,
    /// The user id.
    #[arg(long)]
    user: String,
    /// The role.
    #[arg(long)]
    role: String,
    /// Mint a token of ZEGOCLOUD's form, with a secret of 32 characters; the role is then `publish` or `join`.
    #[arg(long, conflicts_with = "key")]
    token04: bool,
    /// Its lifetime.
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: Span,
    /// Restricts the role: JSON in the form of spec/roles.md.
    #[arg(long, value_name = "JSON")]
    grants: Option<String>,
    /// The user's name, visible to other members.
    #[arg(long)]
    name: Option<String>,
    /// Data about the user, visible to other members.
    #[arg(long)]
    meta: Option<String>,
    #[command(flatten)]
    stay: Stay,
    #[command(flatten)]
    roles: AppRoles,
}

#[derive(Debug, Args)]
struct AppRoles {
    /// The file with the app's roles, as `role export` prints them; by default the built-in ones.
    #[arg(long, value_name = "FILE")]
    roles: Option<PathBuf>,
}

impl AppRoles {
    fn read(&self) -> Result<Arc<Roles>, Failure> {
        let Some(file) = &self.roles else { return Ok(Roles::built_in()) };
        let named = || file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(named).map_err(Failure::Usage)?;
        let roles = Roles::from_json(&text).map_err(|error| unfit(roles_flaw(&text), error));
        Ok(Arc::new(roles.with_context(named).map_err(Failure::Usage)?))
    }
}

/// Why JSON does not fit: with the field if known, otherwise in the parser's words.
fn unfit(flaw: Option<Flaw>, error: serde_json::Error) -> anyhow::Error {
    flaw.map_or_else(|| error.into(), |flaw| anyhow::anyhow!("{flaw}"))
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    key: KeyArguments,
    /// The token's file; by default standard input.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The room to check it against.
    #[arg(long)]
    room: Option<String>,
    #[command(flatten)]
    roles: AppRoles,
}

fn key(arguments: &KeyArguments) -> Result<Key, Failure> {
    let KeyArguments { app, kid, secret_file, key } = arguments;
    match key {
        Some(file) => KeyFile::read(file)?.signing(*app, kid),
        None => key_of(*app, kid, secret_file.as_ref()),
    }
}

/// What verifies, and the secret if there is one, which explains a signature by its text.
fn verifying(arguments: &KeyArguments) -> Result<(VerifyingKey, Option<Vec<u8>>), Failure> {
    let KeyArguments { app, kid, secret_file, key } = arguments;
    if let Some(file) = key {
        return Ok((KeyFile::read(file)?.verifying(*app, kid)?, None));
    }
    let secret = secret_of(secret_file.as_ref())?;
    Ok((key_with(*app, kid, &secret)?.verifying(), Some(secret)))
}

/// A key, with its secret from a file or from STAGEDOOR_SECRET.
pub(super) fn key_of(app: AppId, kid: &str, file: Option<&PathBuf>) -> Result<Key, Failure> {
    key_with(app, kid, &secret_of(file)?)
}

fn key_with(app: AppId, kid: &str, secret: &[u8]) -> Result<Key, Failure> {
    Key::hs256(app, kid, secret, KeyState::Current).map_err(|e| Failure::Usage(e.into()))
}

fn secret_of(file: Option<&PathBuf>) -> Result<Vec<u8>, Failure> {
    let text = secret(file, "STAGEDOOR_SECRET", "the key's secret")?;
    secret_of_text(&text).map_err(|error| usage(&format!("the key's secret: {error}")))
}

fn token(file: Option<&PathBuf>) -> Result<String, Failure> {
    let input = PathBuf::from("-");
    secret(Some(file.unwrap_or(&input)), "", "the token")
}

/// Runs a command.
pub(super) fn run(command: Token, json: bool) -> Done {
    match command {
        Token::Mint(arguments) => minted(*arguments, json),
        Token::Verify(arguments) => verified(&arguments, json),
        Token::Inspect { token_file } => inspected(&token(token_file.as_ref())?, json),
    }
}

/// What the app's server would object to in the token's key and role. Empty if no server can be asked.
fn doubts(app: AppId, kid: &str, role: &str) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(keys) = glance(&format!("/v1/apps/{app}/keys")) {
        let keys = keys["items"].as_array().cloned().unwrap_or_default();
        let state = |key: &Value| key["state"].as_str().unwrap_or_default().to_owned();
        let current = keys.iter().find(|key| state(key) == "current");
        let current = current.and_then(|key| key["kid"].as_str()).unwrap_or("none");
        match keys.iter().find(|key| key["kid"] == *kid).map(state).as_deref() {
            Some("current") => {}
            Some(state @ ("retiring" | "next")) => all.push(format!(
                "key {kid} is {state}: the app signs with {current}, and the door accepts this token only until {kid} is \
                 retired"
            )),
            Some(state) => all.push(format!(
                "key {kid} is {state}: the door refuses this token; the app signs with {current}"
            )),
            None => all.push(format!(
                "app {app} has no key {kid}: the door refuses this token; the app signs with {current}"
            )),
        }
    }
    if let Some(set) = glance(&format!("/v1/apps/{app}/roles")) {
        let roles: Vec<&str> = set["roles"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|role| role["role"].as_str())
            .collect();
        if !roles.contains(&role) {
            let roles = roles.join(", ");
            all.push(format!(
                "app {app} has no role `{role}`: the door refuses this token; its roles are {roles}"
            ));
        }
    }
    all
}

fn minted(arguments: Mint, json: bool) -> Done {
    let key = (!arguments.token04).then(|| key(&arguments.key)).transpose()?;
    let narrowing = |json: &str| {
        serde_json::from_str::<Narrowing>(json)
            .map_err(|error| unfit(narrowing_flaw(json, Field::WHOLE), error))
    };
    let grants = arguments.grants.as_deref().map(narrowing).transpose();
    let grants = grants.context("--grants").map_err(Failure::Usage)?;
    let role =
        arguments.role.parse().map_err(|error| Failure::Usage(Refusal::from(error).into()))?;
    let mut id = [0; 9];
    getrandom::fill(&mut id).ok().context("the system provides no random bytes")?;
    let jti = format!("t_{}", URL_SAFE_NO_PAD.encode(id));
    let now_s = now_s();
    let claims = Claims {
        grants,
        name: arguments.name,
        meta: arguments.meta,
        ..Claims::builder(arguments.key.app, role)
            .room(&arguments.room)
            .user(&arguments.user)
            .jti(&jti)
            .lifetime(now_s, arguments.ttl.s)
            .build()
    };
    let claims = arguments.stay.of(claims, now_s)?;
    let Some(key) = key else {
        let file = arguments.key.secret_file.as_ref();
        let secret = secret(file, "STAGEDOOR_SECRET", "the key's secret")?;
        return token04::minted(&claims, &arguments.key.kid, &secret, json);
    };
    // No server is involved, so what a door would refuse is refused here.
    let refused = |fault: Fault| anyhow::anyhow!("refused: {}: {fault}", fault.code());
    let roles = arguments.roles.read()?;
    seat(&claims, &roles).map_err(refused)?;
    let token = mint(&claims, &key).map_err(|error| match error {
        MintError::Refused(fault) => refused(fault),
        MintError::KeyNotCurrent => error.into(),
    })?;
    for doubt in doubts(claims.app, &arguments.key.kid, &claims.role) {
        writeln!(std::io::stderr(), "warning: {doubt}")?;
    }
    if json {
        print(&json!({"token": token, "jti": jti, "exp": claims.exp}), true)
    } else {
        print(&json!(token), false)
    }
}

fn verified(arguments: &Verify, json: bool) -> Done {
    let (key, secret) = verifying(&arguments.key)?;
    let keys = KeySet::from_iter([key]);
    let token = token(arguments.token_file.as_ref())?;
    let roles = arguments.roles.read()?;
    let now_s = now_s();
    let checked = verify(&token, &keys, now_s).and_then(|claims| {
        let grants = seat(&claims, &roles)?;
        Ok((claims, grants))
    });
    let (code, message, field) = match checked {
        Ok((claims, grants)) if arguments.room.as_ref().is_none_or(|room| *room == claims.room) => {
            let left = claims.exp.saturating_sub(now_s);
            let answer = json!({
                "valid": true, "code": "ok", "seconds_left": left, "claims": claims, "grants": grants
            });
            return print(&answer, json);
        }
        Ok(_) => ("room_mismatch", "the token is for another room".to_owned(), None),
        Err(fault) => {
            let explained = |secret: &Vec<u8>| explain_signature(fault, &token, secret);
            let fault = secret.as_ref().map_or(fault, explained);
            (fault.code(), fault.to_string(), fault.field())
        }
    };
    let mut answer = json!({"valid": false, "code": code, "message": message});
    if let Some(field) = field {
        answer["field"] = field.as_str().into();
    }
    print(&answer, json)?;
    Err(Failure::Refused(anyhow::anyhow!("refused: {code}: {message}")))
}

fn part(text: Option<&str>, what: &str) -> Result<Value, Failure> {
    let refuse = || {
        Failure::Refused(anyhow::anyhow!(
            "token_malformed: the {what} is not JSON in base64url without padding"
        ))
    };
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).ok_or_else(refuse)?;
    serde_json::from_slice(&bytes).map_err(|_| refuse())
}

fn inspected(token: &str, json: bool) -> Done {
    let mut parts = token.split('.');
    let header = part(parts.next(), "header")?;
    let claims = part(parts.next(), "second part")?;
    let now_s = now_s();
    let left =
        claims["exp"].as_u64().map(|exp| i64::try_from(exp).unwrap_or(i64::MAX) - now_s as i64);
    let mut notes = vec!["not verified: anybody could have written this".to_owned()];
    if parts.clone().count() != 1 {
        notes.push("it does not have three parts".into());
    }
    for name in ["app", "room", "sub", "role", "iat", "nbf", "exp", "jti"] {
        if claims.get(name).is_none() {
            notes.push(format!("the claim `{name}` is missing"));
        }
    }
    if header["alg"].as_str().is_none_or(|alg| alg.parse::<Algorithm>().is_err()) {
        notes.push("`alg` is none of HS256, EdDSA and ES256".into());
    }
    match left {
        Some(left) if left <= 0 => notes.push(format!("it expired {} s ago", -left)),
        None => notes.push("`exp` is not a number".into()),
        Some(_) => {}
    }
    print(&json!({"header": header, "claims": claims, "seconds_left": left, "notes": notes}), json)
}
