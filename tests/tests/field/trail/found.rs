//! Each recorded refusal is found within a second, by its time and code, over the API and on the command line; each
//! other code has a reason.

#[path = "found/codes.rs"]
mod codes;

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage, binary::binary, stage::now_s};
use stagedoor_token::{Confirmation, Thumbprint, mint};

use self::codes::{AT_THE_DOOR, BY_CALL, CLAIMS, NOBODYS, NOT_FOUND, UNPROVEN};
use super::in_time;

const INDEX: &str = include_str!("../../../../spec/codes.md");

/// How long a record may take to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn every_code_in_the_index_is_found_or_excused() {
    let found = [&CLAIMS[..], &UNPROVEN, &NOBODYS, &AT_THE_DOOR, &BY_CALL].concat();
    let not = NOT_FOUND.iter().flat_map(|(_, codes)| codes.iter().copied());
    let placed: Vec<&str> = found.into_iter().chain(not).collect();
    let all: BTreeSet<&str> = placed.iter().copied().collect();
    assert_eq!(all.len(), placed.len(), "each code has one place");
    let table = INDEX.split("\n## Codes by name").nth(1).unwrap_or_default();
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    // A code that only a close frame has ends a connection, and is in `seat.left`.
    let refusals = rows.filter(|(_, rest)| !rest.starts_with("close "));
    assert_eq!(all, refusals.map(|(code, _)| code).collect());
}

/// Finds the record of a refusal that was just answered: over the API, and then on the command line.
struct Search<'a> {
    stage: &'a Stage,
    operator: Caller,
    since_s: u64,
}

impl<'a> Search<'a> {
    fn new(stage: &'a Stage) -> Self {
        Self { stage, operator: stage.operator(), since_s: now_s() }
    }

    async fn finds(&self, code: &str, is_of_app: bool) -> Result<()> {
        let app = if is_of_app { self.stage.app.to_string() } else { "none".into() };
        let path = format!("/v1/audit?app={app}&code={code}&from_ms={}", self.since_s * 1_000);
        let answered = Instant::now();
        while self.operator.records(&path, 0).await?.is_empty() {
            ensure!(answered.elapsed() < FOUND_WITHIN, "{code} is not found in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (to, root) = (self.stage.running.http, self.operator.credential.clone());
        let from = format!("@{}", self.since_s);
        let mut command = Command::new(binary()?);
        command.args(["audit", "--json", "--app", &app, "--code", code, "--from", &from]);
        command.env("STAGEDOOR_URL", format!("http://{to}")).env("STAGEDOOR_API_KEY", root);
        // In a thread: the server is in this process.
        let ran = tokio::task::spawn_blocking(move || command.output()).await??;
        let listed: Value = serde_json::from_slice(&ran.stdout)
            .with_context(|| String::from_utf8_lossy(&ran.stderr).into_owned())?;
        let first = &listed["items"][0];
        ensure!(first["code"] == code, "{code} by the command line: {listed}");
        Ok(())
    }

    /// Logs in and is refused.
    async fn login(&self, code: &str, login: Value, is_of_app: bool) -> Result<()> {
        let mut member = self.stage.connect().await?;
        let mut asked = json!({"op": "login"});
        if let (Value::Object(asked), Value::Object(more)) = (&mut asked, login) {
            asked.extend(more);
        }
        let answer = member.ask(asked).await?;
        ensure!(answer.get("error").is_some(), "{code}: {answer}");
        self.finds(code, is_of_app).await
    }

    async fn token(&self, code: &str, token: String) -> Result<()> {
        self.login(code, json!({"token": token}), true).await
    }
}

fn generous(config: &mut stagedoor::Config) {
    config.server.audit_repeat_window_s = 0;
    config.server.refusals_burst = 1_000;
    config.server.rate_burst = 10_000;
    config.relay.limits.address_logins_burst = 1_000;
    config.relay.limits.login_refusals_burst = 1_000;
}

#[tokio::test]
async fn refusals_of_a_tokens_claims_are_found_in_a_second() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(generous).await?;
        let (search, now) = (Search::new(&stage), now_s());
        let mut changes = vec![
            ("app_mismatch", json!({"app": 1})),
            ("at_exp_invalid", json!({"at_exp": "never"})),
            ("claim_missing", json!({"jti": null})),
            ("claim_unknown", json!({"aud": "us"})),
            ("claims_malformed", json!({"iat": 1.5})),
            ("cnf_invalid", json!({"cnf": {}})),
            ("grants_invalid", json!({"grants": {"all": true}})),
            ("grants_too_wide", json!({"grants": {"send": {"room": true}}})),
            ("jti_invalid", json!({"jti": ""})),
            ("lifetime_too_long", json!({"exp": now + 10_000_000})),
            ("max_stay_invalid", json!({"max_stay": 0})),
            ("meta_invalid", json!({"meta": "x".repeat(1_025)})),
            ("name_invalid", json!({"name": "x".repeat(129)})),
            ("role_invalid", json!({"role": "The King"})),
            ("role_unknown", json!({"role": "king"})),
            ("room_invalid", json!({"room": ""})),
            ("times_invalid", json!({"exp": now - 1})),
            ("token_expired", json!({"iat": now - 9, "nbf": now - 9, "exp": now - 1})),
            ("token_not_yet_valid", json!({"iat": now + 99, "nbf": now + 99, "exp": now + 200})),
            ("until_invalid", json!({"until": {"breathe": 1}})),
            ("user_invalid", json!({"sub": ".."})),
        ];
        assert_eq!(changes.len() + 1, CLAIMS.len());
        for (code, change) in changes.drain(..) {
            ensure!(CLAIMS.contains(&code), "{code}");
            search.token(code, stage.sign(&stage.claims_with(&change)?)).await?;
        }
        let token = stage.token("lobby", "anna", "host")?;
        search.login("user_mismatch", json!({"token": token, "user": "ben"}), true).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn refusals_before_the_signature_are_found_in_a_second() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(generous).await?;
        let search = Search::new(&stage);
        let good = stage.sign(&stage.claims_with(&json!({}))?);
        let (signed, signature) = good.rsplit_once('.').context("a signature")?;
        let (_, claims) = signed.split_once('.').context("a header")?;
        let kid = stage.key.kid();
        search.token("signature_invalid", format!("{signed}.{}", "A".repeat(43))).await?;
        let large = stage.sign(&stage.claims_with(&json!({"meta": "x".repeat(3_300)}))?);
        search.token("token_too_large", large).await?;
        let with = |header: Value| {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            format!("{header}.{claims}.{signature}")
        };
        for (code, token) in [
            ("alg_unsupported", with(json!({"alg": "none", "typ": "JWT", "kid": kid}))),
            (
                "crit_unsupported",
                with(json!({"alg": "HS256", "typ": "JWT", "kid": kid, "crit": ["x"]})),
            ),
            ("header_invalid", with(json!({"alg": "HS256", "typ": "JWS", "kid": kid}))),
            ("key_unknown", with(json!({"alg": "HS256", "typ": "JWT", "kid": "none"}))),
            ("token_malformed", "x.y.z".into()),
        ] {
            ensure!(NOBODYS.contains(&code), "{code}");
            search.login(code, json!({"token": token}), false).await?;
        }
        search.login("ticket_unknown", json!({"ticket": "none"}), false).await?;
        let keys = format!("/v1/apps/{}/keys", stage.app);
        search.operator.get(200, "POST", &format!("{keys}/rotate"), None).await?;
        search.operator.get(200, "POST", &format!("{keys}/{kid}/retire"), None).await?;
        search.token("key_retired", good.clone()).await?;
        let stage = Stage::configured(|config| {
            generous(config);
            config.relay.limits.login_refusals_burst = 1;
        })
        .await?;
        stage.connect().await?.ask(json!({"op": "login", "token": good.clone()})).await?;
        Search::new(&stage).login("rate_limited", json!({"token": good}), false).await
    })
    .await
}

#[tokio::test]
async fn refusals_at_the_door_are_found_in_a_second() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(generous).await?;
        let search = Search::new(&stage);
        let app = format!("/v1/apps/{}", stage.app);
        let call = |method: &'static str, status, path: String, body: Value| {
            let (operator, app) = (search.operator.clone(), app.clone());
            async move { operator.get(status, method, &format!("{app}{path}"), Some(&body)).await }
        };
        let token = |user: &str, role: &str| stage.token("lobby", user, role);
        let anna = token("anna", "host")?;
        search.login("room_mismatch", json!({"token": anna, "room": "hall"}), true).await?;
        let public = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
        let jkt = Sha256::digest(r#"{"crv":"P-256","kty":"EC","x":"AA","y":"AA"}"#);
        let mut bound = stage.claims("lobby", "bob", "host")?;
        bound.cnf = Some(Confirmation { jkt: Thumbprint(jkt.into()) });
        let bound = mint(&bound, &stage.key)?;
        search.token("proof_required", bound.clone()).await?;
        let proof = |jwk: &Value| {
            let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
            format!("{}.{}.AAAA", part(header), part(json!({})))
        };
        let mut private = public.clone();
        private["d"] = "AAAA".into();
        for (code, jwk) in [("proof_invalid", public), ("proof_key_private", private)] {
            let mut member = stage.connect().await?;
            let asked = json!({"op": "login", "token": bound});
            ensure!(member.code(asked).await? == "proof_required");
            let login = json!({"op": "login", "token": bound, "proof": proof(&jwk)});
            ensure!(member.code(login).await? == code, "{code}");
            search.finds(code, true).await?;
        }
        call(
            "POST",
            201,
            "/revocations".into(),
            json!({"target": {"jti": stage.claims("lobby", "anna", "host")?.jti}}),
        )
        .await?;
        search.token("token_revoked", anna).await?;
        call("POST", 201, "/revocations".into(), json!({"target": {"user": "ben"}, "ban": true}))
            .await?;
        search.token("banned", token("ben", "host")?).await?;
        call("PATCH", 200, String::new(), json!({"second_login": "reject"})).await?;
        let _carl = stage.join("lobby", "carl", "host").await?;
        search
            .token(
                "seat_held",
                stage.sign(&stage.claims_with(&json!({"sub": "carl", "jti": "other"}))?),
            )
            .await?;
        call(
            "PUT",
            200,
            "/roles/only".into(),
            json!({"template": {"role": "only", "rank": 1, "caps": {"members_max": 1}}}),
        )
        .await?;
        let _dora = stage.join("lobby", "dora", "only").await?;
        search.token("role_full", token("emil", "only")?).await?;
        stage.bound(json!({"rooms": ["hall"]})).await?;
        search.token("key_bounds_exceeded", token("fred", "host")?).await
    })
    .await
}

#[tokio::test]
async fn refusals_for_lack_of_room_are_found_in_a_second() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(|config| {
            generous(config);
            config.relay.limits.room_members_max = 1;
            config.relay.limits.connections_per_app_max = 2;
            config.relay.limits.logins_burst = 2;
            config.relay.limits.logins_per_s = 1;
        })
        .await?;
        let search = Search::new(&stage);
        let _anna = stage.join("lobby", "anna", "host").await?;
        search.token("room_full", stage.token("lobby", "ben", "host")?).await?;
        let _carl = stage.join("hall", "carl", "host").await?;
        let dora = stage.token("third", "dora", "host")?;
        search.token("connections_exceeded", dora.clone()).await?;
        stage.connect().await?.ask(json!({"op": "login", "token": dora})).await?;
        search.token("rate_exceeded", dora).await?;
        let stage = Stage::with(|limits| limits.memory_bytes_max = 1).await?;
        Search::new(&stage).token("memory_exceeded", stage.token("lobby", "anna", "host")?).await
    })
    .await
}

#[tokio::test]
async fn refused_calls_are_found_in_a_second() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(generous).await?;
        let (search, to) = (Search::new(&stage), stage.running.http);
        let app = format!("/v1/apps/{}", stage.app);
        for (credential, code) in [("", "credential_missing"), ("sd_x_y", "credential_invalid")] {
            let stranger = Caller { to, credential: credential.into() };
            let answer = stranger.ask("GET", &app, None).await?;
            ensure!(answer.problem() == (401, code), "{}", answer.body);
            search.finds(code, false).await?;
        }
        let limited = [
            (json!({"ttl_s": 1}), 401, "credential_expired"),
            (json!({"bounds": {"addresses": ["192.0.2.7"]}}), 403, "address_refused"),
            (json!({"bounds": {"rooms": ["team-*"]}}), 403, "bounds_exceeded"),
        ];
        for (how, status, code) in limited {
            let caller = stage.limited(&[Scope::RoomsRead], &how).await?;
            stage.running.bus.clock().put(1_500);
            let answer = caller.ask("GET", &format!("{app}/rooms/lobby"), None).await?;
            stage.running.bus.clock().put(-1_500);
            ensure!(answer.problem() == (status, code), "{}", answer.body);
            search.finds(code, status == 403).await?;
        }
        let reader = stage.backend(&[Scope::RoomsRead]).await?;
        let kick = |user: &str| format!("{app}/rooms/lobby/members/{user}/kick");
        let moderator = stage.backend(&[Scope::RoomsModerate]).await?;
        let mut anna = stage.join("lobby", "anna", "audience").await?;
        let role = json!({"role": "king"});
        for (caller, path, body, code) in [
            (&reader, kick("anna"), None, "scope_missing"),
            (&moderator, kick("nobody"), None, "user_unknown"),
            (&moderator, format!("{app}/rooms/hall/members/anna/kick"), None, "room_unknown"),
            (&moderator, format!("{app}/rooms/lobby/members/anna/admit"), None, "ask_unknown"),
            (
                &moderator,
                format!("{app}/rooms/lobby/members/anna/role"),
                Some(&role),
                "role_refused",
            ),
        ] {
            let answer = caller.ask("POST", &path, body).await?;
            ensure!(answer.problem().1 == code, "{code}: {}", answer.body);
            search.finds(code, true).await?;
        }
        let mint = json!({"room": "lobby", "user": "anna", "role": "host"});
        let none = "/v1/apps/4294967294/tokens";
        let answer = search.operator.ask("POST", none, Some(&mint)).await?;
        ensure!(answer.problem().1 == "app_unknown", "{}", answer.body);
        search.finds("app_unknown", false).await?;
        let denied = json!({"op": "moderate", "verb": "kick", "user": "anna"});
        ensure!(anna.code(denied).await? == "moderate_denied");
        search.finds("moderate_denied", true).await
    })
    .await
}
