//! Single sign-on against npm's oidc-provider: real ID tokens, logged in for as a browser does.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage, oauth::form};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::installed;

const TOKEN: &str = "/oauth/token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A provider that is running; it ends with this.
struct Provider {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    issuer: String,
    port: u16,
}

impl Provider {
    async fn start(port: u16, alg: &str, kid: &str) -> Result<Self> {
        let modules: PathBuf = installed("STAGEDOOR_NODE_MODULES", "node_modules")
            .map_err(anyhow::Error::msg)?
            .canonicalize()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/provider.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .env("STAGEDOOR_NODE_MODULES", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let ask = child.stdin.take().context("a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let mut provider = Self { child, ask, answers, issuer: String::new(), port };
        let told = provider.ask(&json!({"port": port, "alg": alg, "kid": kid})).await?;
        provider.issuer = told["issuer"].as_str().context("an issuer")?.into();
        provider.port = told["port"].as_u64().context("a port")?.try_into()?;
        Ok(provider)
    }

    async fn ask(&mut self, what: &Value) -> Result<Value> {
        self.ask.write_all(format!("{what}\n").as_bytes()).await?;
        let line = self.answers.next_line();
        let line = tokio::time::timeout(std::time::Duration::from_secs(20), line).await??;
        let answer: Value = serde_json::from_str(&line.context("the provider ended")?)?;
        ensure!(answer["error"].is_null(), "{what}: {answer}");
        Ok(answer)
    }

    /// What a login of this user for a client gives: an access token and an ID token.
    async fn login(&mut self, client: &str, sub: &str) -> Result<Value> {
        let what = json!({"what": "login", "client_id": client, "sub": sub, "nonce": "n-1"});
        self.ask(&what).await
    }

    async fn id_token(&mut self, client: &str, sub: &str) -> Result<String> {
        text(&self.login(client, sub).await?, "id_token")
    }

    /// How often its keys were asked for.
    async fn asked_for_keys(&mut self) -> Result<u64> {
        self.ask(&json!({"what": "count"})).await?["keys"].as_u64().context("a number")
    }

    async fn stop(mut self) -> Result<u16> {
        self.child.kill().await?;
        Ok(self.port)
    }
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().with_context(|| format!("{name}: {value}"))?.to_owned())
}

/// A stage that may reach this machine.
async fn stage() -> Result<Stage> {
    Stage::configured(|config| {
        config.server.outbound.allow = "127.0.0.0/8".parse().into_iter().collect();
        config.server.exchange_burst = 5_000;
    })
    .await
}

/// Puts an issuer of an app, with some members replaced.
async fn put(stage: &Stage, id: &str, issuer: &str, change: &Value) -> Result<()> {
    let mut value = json!({
        "issuer": issuer, "client_ids": ["web", "past"], "user_prefix": format!("{id}:"),
        "algs": ["RS256", "ES256"],
        "rules": [
            {"when": {"groups": {"any_of": ["teachers"]}, "email": {"exists": true}},
             "rooms": ["class-{org.id}-*"], "role": "host", "name": "{name}", "ttl_s": 900},
            {"when": {}, "rooms": ["lobby"], "role": "audience"},
        ],
    });
    if let (Some(value), Some(change)) = (value.as_object_mut(), change.as_object()) {
        value.extend(change.clone());
    }
    let path = format!("/v1/apps/{}/issuers/{id}", stage.app.0);
    stage.operator().get(200, "PUT", &path, Some(&value)).await.map(drop)
}

/// An exchange by a stranger, or by a client if there is one.
async fn exchange(
    stage: &Stage,
    client: Option<&Caller>,
    token: &str,
    more: &[(&str, &str)],
) -> Result<Answer> {
    let app = stage.app.0.to_string();
    let mut all = vec![
        ("grant_type", EXCHANGE),
        ("subject_token", token),
        ("subject_token_type", ID_TOKEN),
        ("audience", &app),
    ];
    all.extend(more);
    if !more.iter().any(|(name, _)| *name == "room") {
        all.push(("room", "lobby"));
    }
    match client {
        Some(client) => client.as_client(TOKEN, &all).await,
        None => stage.operator().post_form(TOKEN, "", &form(&all)).await,
    }
}

fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or("none");
    (answer.status, text("error"), text("code"))
}

#[tokio::test]
async fn an_id_token_of_oidc_provider_becomes_a_seat() -> Result<()> {
    let stage = stage().await?;
    for alg in ["RS256", "ES256"] {
        let mut provider = Provider::start(0, alg, "k1").await?;
        let id = alg.to_lowercase();
        put(&stage, &id, &provider.issuer, &json!({})).await?;
        let token = provider.id_token("web", "anna").await?;
        let more = [("room", "class-7-maths"), ("nonce", "n-1")];
        let answer = exchange(&stage, None, &token, &more).await?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let Answer { body, .. } = answer;
        let kind = "urn:ietf:params:oauth:token-type:jwt";
        assert_eq!(
            (&body["issued_token_type"], &body["token_type"]),
            (&json!(kind), &json!("Bearer"))
        );
        assert_eq!((&body["expires_in"], &body["role"]), (&json!(900), &json!("host")));
        let user = format!("{id}:anna");
        assert_eq!(body["user"], user.as_str());
        let mut member = stage.connect().await?;
        let seat = member.log_in(&text(&body, "access_token")?).await?;
        assert_eq!(
            (&seat["room"], &seat["user"]),
            (&json!("class-7-maths"), &json!(user)),
            "{seat}"
        );
        let trail = format!("/v1/apps/{}/audit?kind=token.exchange&user={user}", stage.app.0);
        let records = stage.operator().records(&trail, 1).await?;
        let detail = records[0]["detail"].as_str().context("a detail")?;
        assert!(detail.starts_with(&format!("issuer={id} id_token=")), "{detail}");
        assert!(detail.ends_with(" rule=0") && !detail.contains(&token), "{detail}");
        assert_eq!((&records[0]["code"], &records[0]["role"]), (&json!("ok"), &json!("host")));
        assert_eq!(records[0]["actor"], user.as_str());
        // A ban blocks it like any mint.
        let ban = json!({"target": {"user": user}, "ban": true});
        let path = format!("/v1/apps/{}/revocations", stage.app.0);
        stage.operator().get(201, "POST", &path, Some(&ban)).await?;
        let answer = exchange(&stage, None, &token, &more).await?;
        assert_eq!(refusal(&answer), (400, "access_denied", "banned"));
    }
    Ok(())
}

/// What is exchanged, with which further parameters, whether a stranger is told why not, and what is told.
type Case = (String, &'static [(&'static str, &'static str)], bool, &'static str, &'static str);

/// ID tokens, and what is none, each with its refusal.
async fn refused(provider: &mut Provider, twin: &mut Provider) -> Result<Vec<Case>> {
    let mut stranger = Provider::start(0, "RS256", "k1").await?;
    let login = provider.login("web", "anna").await?;
    let good = text(&login, "id_token")?;
    let of_twin = twin.id_token("web", "anna").await?;
    // The claims of one, signed by the other under the same key id.
    let signed = good.rsplit_once('.').context("three parts")?.0;
    let mixed = format!("{signed}.{}", of_twin.rsplit_once('.').context("three parts")?.1);
    let header = |header: Value| -> Result<String> {
        let rest = good.split_once('.').context("three parts")?.1;
        Ok(format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())))
    };
    let logout = provider.ask(&json!({"what": "logout", "sub": "anna"})).await?;
    let jwt = text(&provider.login("jwt", "anna").await?, "access_token")?;
    let odd = provider.id_token("web", "a*b").await?;
    Ok(vec![
        (text(&login, "access_token")?, &[], false, "invalid_request", "id_token_malformed"),
        (jwt, &[], false, "invalid_request", "id_token_type"),
        (text(&logout, "logout_token")?, &[], false, "invalid_request", "id_token_type"),
        (stranger.id_token("web", "anna").await?, &[], false, "invalid_target", "issuer_unknown"),
        (
            header(json!({"alg": "HS256", "kid": "k1"}))?,
            &[],
            false,
            "invalid_request",
            "id_token_alg",
        ),
        (header(json!({"alg": "none"}))?, &[], false, "invalid_request", "id_token_alg"),
        (mixed, &[], false, "invalid_request", "id_token_signature"),
        (
            header(json!({"alg": "RS256", "kid": "k2"}))?,
            &[],
            false,
            "invalid_request",
            "id_token_signature",
        ),
        (
            provider.id_token("other", "anna").await?,
            &[],
            true,
            "invalid_request",
            "id_token_audience",
        ),
        (
            provider.id_token("past", "anna").await?,
            &[],
            true,
            "invalid_request",
            "id_token_expired",
        ),
        (good.clone(), &[("nonce", "n-2")], true, "invalid_request", "id_token_nonce"),
        (
            provider.id_token("web", "ben").await?,
            &[("room", "class-7-a")],
            true,
            "invalid_target",
            "room_refused",
        ),
        (good.clone(), &[("room", "class-8-a")], true, "invalid_target", "room_refused"),
        (good.clone(), &[("role", "host")], true, "access_denied", "rules_matched_none"),
        (odd, &[], true, "access_denied", "claim_refused"),
    ])
}

#[tokio::test]
async fn each_refused_id_token_has_its_code() -> Result<()> {
    let stage = stage().await?;
    let mut provider = Provider::start(0, "RS256", "k1").await?;
    // Another issuer, whose key has the same id.
    let mut twin = Provider::start(0, "RS256", "k1").await?;
    put(&stage, "corp", &provider.issuer, &json!({})).await?;
    put(&stage, "twin", &twin.issuer, &json!({})).await?;
    let client = stage.backend(&[Scope::TokensMint]).await?;

    let of_twin = twin.id_token("web", "anna").await?;
    let answer = exchange(&stage, None, &of_twin, &[]).await?;
    assert_eq!((answer.status, &answer.body["user"]), (200, &json!("twin:anna")));
    for (token, more, is_told, error, code) in refused(&mut provider, &mut twin).await? {
        let answer = exchange(&stage, Some(&client), &token, more).await?;
        assert_eq!(refusal(&answer), (400, error, code), "{}", answer.body);
        // A stranger that has proven nothing learns nothing.
        let answer = exchange(&stage, None, &token, more).await?;
        let told =
            if is_told { (400, error, code) } else { (400, "invalid_request", "id_token_invalid") };
        assert_eq!(refusal(&answer), told, "{code}");
        let trail = format!("/v1/audit?kind=token.exchange&code={code}");
        stage.operator().records(&trail, 1).await?;
    }
    // The trail of the app has those that name one of its issuers.
    let trail = format!("/v1/apps/{}/audit?kind=token.exchange&limit=100", stage.app.0);
    let records = stage.operator().records(&trail, 1).await?;
    assert!(records.iter().any(|record| record["code"] == "id_token_signature"));
    assert!(records.iter().all(|record| record["code"] != "issuer_unknown"));
    Ok(())
}

#[tokio::test]
async fn an_old_id_token_is_refused_and_can_be_tried() -> Result<()> {
    let stage = stage().await?;
    let mut provider = Provider::start(0, "ES256", "k1").await?;
    let good = provider.id_token("web", "anna").await?;
    // Too old: this issuer's may be one second old.
    put(&stage, "corp", &provider.issuer, &json!({"id_token_age_s_max": 1})).await?;
    let too_old = async {
        loop {
            let answer = exchange(&stage, None, &good, &[]).await?;
            if answer.status != 200 {
                return anyhow::Ok(answer);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), too_old).await??;
    assert_eq!(refusal(&answer), (400, "invalid_request", "id_token_too_old"));
    let path = format!("/v1/apps/{}/issuers/corp/try", stage.app.0);
    let trial = json!({"id_token": good, "room": "class-7-a", "nonce": "n-2"});
    let told = stage.operator().get(200, "POST", &path, Some(&trial)).await?;
    let passes = |check: &Value| (check["check"].clone(), check["passes"].clone());
    let checks: Vec<_> = told["checks"].as_array().context("checks")?.iter().map(passes).collect();
    assert!(checks.contains(&(json!("signature"), json!(true))), "{told}");
    assert!(checks.contains(&(json!("age"), json!(false))), "{told}");
    assert!(checks.contains(&(json!("nonce"), json!(false))), "{told}");
    assert_eq!((&told["code"], &told["rule"]), (&json!("id_token_too_old"), &json!(0)), "{told}");
    Ok(())
}

#[tokio::test]
async fn rotated_keys_are_found_and_an_outage_is_survived() -> Result<()> {
    let stage = stage().await?;
    let mut provider = Provider::start(0, "RS256", "k1").await?;
    let issuer = provider.issuer.clone();
    put(&stage, "corp", &issuer, &json!({})).await?;
    let old = provider.id_token("web", "anna").await?;
    let answer = exchange(&stage, None, &old, &[]).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut member = stage.connect().await?;
    member.log_in(&text(&answer.body, "access_token")?).await?;

    let port = provider.stop().await?;
    let answer = exchange(&stage, None, &old, &[]).await?;
    assert_eq!(answer.status, 200, "known keys go on: {}", answer.body);
    let other = self::stage().await?;
    put(&other, "corp", &issuer, &json!({})).await?;
    let answer = exchange(&other, None, &old, &[]).await?;
    assert_eq!(refusal(&answer), (503, "temporarily_unavailable", "issuer_unreachable"));
    assert_eq!(answer.field("retry-after"), Some("30"));

    let mut provider = Provider::start(port, "RS256", "k2").await?;
    assert_eq!(provider.issuer, issuer);
    let new = provider.id_token("web", "anna").await?;
    let answer = exchange(&stage, None, &new, &[]).await?;
    assert_eq!(answer.status, 200, "the new key is asked for at once: {}", answer.body);
    let answer = exchange(&stage, None, &old, &[]).await?;
    assert_eq!(
        refusal(&answer),
        (400, "invalid_request", "id_token_invalid"),
        "the old one is gone"
    );
    assert_eq!(provider.asked_for_keys().await?, 1);
    // The seat never noticed.
    member.subscribe(&["cam"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_thousand_random_kids_ask_the_provider_once() -> Result<()> {
    let stage = Arc::new(stage().await?);
    let mut provider = Provider::start(0, "ES256", "k1").await?;
    put(&stage, "corp", &provider.issuer, &json!({})).await?;
    let good = provider.id_token("web", "anna").await?;
    assert_eq!(exchange(&stage, None, &good, &[]).await?.status, 200);
    let before = provider.asked_for_keys().await?;
    let rest = good.split_once('.').context("three parts")?.1;
    let mut tasks = Vec::new();
    for task in 0..20 {
        let (stage, rest) = (stage.clone(), rest.to_owned());
        tasks.push(tokio::spawn(async move {
            for n in 0..50 {
                let header = json!({"alg": "ES256", "kid": format!("random-{task}-{n}")});
                let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
                let answer = exchange(&stage, None, &token, &[]).await?;
                ensure!(refusal(&answer).2 == "id_token_invalid", "{}", answer.body);
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let asked = provider.asked_for_keys().await? - before;
    assert!(asked <= 1, "{asked} requests");
    assert_eq!(exchange(&stage, None, &good, &[]).await?.status, 200, "known keys go on");
    Ok(())
}
