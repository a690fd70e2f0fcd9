//! Issuers of ID tokens, and the exchange as far as no issuer is needed for it; `interop/sso.rs` has the rest.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage, oauth::form};

const TOKEN: &str = "/oauth/token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const PAGE: &str = "https://app.example";

fn path(stage: &Stage, rest: &str) -> String {
    format!("/v1/apps/{}/issuers{rest}", stage.app.0)
}

/// An issuer, with some members replaced; `null` takes one out.
fn issuer(change: &Value) -> Value {
    let mut value = json!({
        "issuer": "https://id.example", "client_ids": ["web"], "user_prefix": "corp:",
        "rules": [
            {"when": {"groups": {"any_of": ["teachers"]}}, "rooms": ["class-{org.id}-*"],
             "role": "host", "name": "{name}", "ttl_s": 60},
            {"when": {}, "rooms": ["lobby"], "role": "audience"},
        ],
    });
    if let (Some(value), Some(change)) = (value.as_object_mut(), change.as_object()) {
        value.extend(change.clone());
        value.retain(|_, member| !member.is_null());
    }
    value
}

/// An ID token that nobody signed.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.AAAA", part(header), part(claims))
}

async fn exchanged(caller: &Caller, parameters: &[(&str, &str)], fields: &str) -> Result<Answer> {
    let all: Vec<(&str, &str)> =
        [("grant_type", EXCHANGE)].into_iter().chain(parameters.iter().copied()).collect();
    caller.post_form(TOKEN, fields, &form(&all)).await
}

fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or("none");
    (answer.status, text("error"), text("code"))
}

fn stranger(stage: &Stage) -> Caller {
    Caller { to: stage.running.http, credential: String::new() }
}

#[tokio::test]
async fn an_issuer_is_put_shown_listed_and_removed() -> Result<()> {
    let stage = Stage::start().await?;
    let manager = stage.backend(&[Scope::IssuersManage, Scope::AuditRead]).await?;
    let one = path(&stage, "/corp");
    let unknown = manager.ask("GET", &one, None).await?;
    assert_eq!(unknown.problem(), (404, "issuer_unknown"));
    let put = manager.get(200, "PUT", &one, Some(&issuer(&json!({})))).await?;
    assert_eq!(put["algs"], json!(["RS256"]));
    assert_eq!((&put["user"], &put["user_prefix"]), (&json!("{sub}"), &json!("corp:")));
    assert_eq!(put["id_token_age_s_max"], 3_600);
    assert_eq!(put["rules"], issuer(&json!({}))["rules"]);
    assert_eq!(manager.get(200, "GET", &one, None).await?, put);
    let change = issuer(&json!({"algs": ["ES256", "EdDSA"], "origins": [PAGE]}));
    let changed = manager.get(200, "PUT", &one, Some(&change)).await?;
    assert_eq!(changed["algs"], json!(["ES256", "EdDSA"]));
    let list = manager.get(200, "GET", &path(&stage, ""), None).await?;
    assert_eq!(list["items"], json!([changed]));
    manager.get(204, "DELETE", &one, None).await?;
    assert_eq!(manager.ask("DELETE", &one, None).await?.problem(), (404, "issuer_unknown"));
    let trail = format!("/v1/apps/{}/audit?kind=issuer.*", stage.app.0);
    let records = manager.records(&trail, 3).await?;
    let kinds: Vec<&str> = records.iter().filter_map(|record| record["kind"].as_str()).collect();
    assert_eq!(kinds, ["issuer.delete", "issuer.put", "issuer.put"]);
    assert!(records.iter().all(|record| record["detail"] == "issuer=corp"));
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_cannot_be_is_refused_with_its_field() -> Result<()> {
    let stage = Stage::configured(|config| config.server.issuers_per_app_max = 2).await?;
    let manager = stage.backend(&[Scope::IssuersManage]).await?;
    let rule = |change: Value| {
        let mut rule = json!({"when": {}, "rooms": ["lobby"], "role": "audience"});
        if let (Some(rule), Some(change)) = (rule.as_object_mut(), change.as_object()) {
            rule.extend(change.clone());
        }
        json!({"rules": [{"when": {}, "rooms": ["a"], "role": "host"}, rule]})
    };
    for (change, code, field) in [
        (json!({"issuer": "http://"}), "issuer_invalid", "issuer"),
        (json!({"algs": ["HS256"]}), "issuer_invalid", "algs[0]"),
        (json!({"origins": ["*"]}), "issuer_invalid", "origins[0]"),
        (json!({"user_prefix": null}), "user_prefix_missing", "user_prefix"),
        (json!({"rules": []}), "rules_invalid", "rules"),
        (rule(json!({"role": "teacher"})), "rules_invalid", "rules[1].role"),
        (rule(json!({"rooms": ["a b"]})), "rules_invalid", "rules[1].rooms[0]"),
        (rule(json!({"when": {"a": {"like": "b"}}})), "rules_invalid", "rules[1].when.a.like"),
        (rule(json!({"ttl_s": 86_401})), "rules_invalid", "rules[1].ttl_s"),
        (
            rule(json!({"grants": {"publish": {"streams": ["*"]}}})),
            "rules_invalid",
            "rules[1].grants.publish.streams[0]",
        ),
    ] {
        let answer = manager.ask("PUT", &path(&stage, "/corp"), Some(&issuer(&change))).await?;
        assert_eq!(answer.problem(), (422, code), "{change}: {}", answer.body);
        assert_eq!(answer.body["field"], field, "{change}");
    }
    let bad_id = manager.ask("PUT", &path(&stage, "/a%20b"), Some(&issuer(&json!({})))).await?;
    assert_eq!(bad_id.problem(), (422, "issuer_invalid"));
    let unknown =
        manager.ask("PUT", &path(&stage, "/a"), Some(&issuer(&json!({"name": 1})))).await?;
    assert_eq!(unknown.problem(), (422, "body_invalid"));
    // An empty prefix is for the only issuer.
    let bare = issuer(&json!({"user_prefix": ""}));
    manager.get(200, "PUT", &path(&stage, "/a"), Some(&bare)).await?;
    let second = |change: Value| {
        let mut second = issuer(&json!({"issuer": "https://b.example", "user_prefix": "b:"}));
        if let (Some(second), Some(change)) = (second.as_object_mut(), change.as_object()) {
            second.extend(change.clone());
        }
        second
    };
    let put =
        async |id: &str, body: Value| manager.ask("PUT", &path(&stage, id), Some(&body)).await;
    let refused = put("/b", second(json!({}))).await?;
    assert_eq!(refused.problem(), (422, "user_prefix_missing"));
    put("/a", issuer(&json!({}))).await?;
    for (change, code, field) in [
        (json!({"user_prefix": ""}), "user_prefix_missing", "user_prefix"),
        (json!({"user_prefix": "corp:b:"}), "issuer_invalid", "user_prefix"),
        (json!({"issuer": "https://id.example"}), "issuer_invalid", "issuer"),
    ] {
        let answer = put("/b", second(change)).await?;
        assert_eq!(answer.problem(), (422, code));
        assert_eq!(answer.body["field"], field);
    }
    assert_eq!(put("/b", second(json!({}))).await?.status, 200);
    let third = second(json!({"issuer": "https://c.example", "user_prefix": "c:"}));
    assert_eq!(put("/c", third).await?.problem(), (409, "issuers_exceeded"));
    Ok(())
}

#[tokio::test]
async fn a_credential_with_bounds_manages_no_issuer() -> Result<()> {
    let stage = Stage::start().await?;
    let how = json!({"bounds": {"rooms": ["team-*"]}});
    let bounded = stage.limited(&[Scope::IssuersManage], &how).await?;
    let put = bounded.ask("PUT", &path(&stage, "/corp"), Some(&issuer(&json!({})))).await?;
    assert_eq!(put.problem(), (403, "bounds_exceeded"));
    let manager = stage.backend(&[Scope::IssuersManage]).await?;
    manager.get(200, "PUT", &path(&stage, "/corp"), Some(&issuer(&json!({})))).await?;
    let removed = bounded.ask("DELETE", &path(&stage, "/corp"), None).await?;
    assert_eq!(removed.problem(), (403, "bounds_exceeded"));
    let trial = json!({"claims": {"sub": "anna"}, "room": "lobby"});
    let tried = bounded.ask("POST", &path(&stage, "/corp/try"), Some(&trial)).await?;
    assert_eq!(tried.problem(), (403, "bounds_exceeded"));
    Ok(())
}

#[tokio::test]
async fn claims_are_tried_against_every_check_and_rule() -> Result<()> {
    let stage = Stage::start().await?;
    let manager = stage.backend(&[Scope::IssuersManage]).await?;
    manager.get(200, "PUT", &path(&stage, "/corp"), Some(&issuer(&json!({})))).await?;
    let one = path(&stage, "/corp/try");
    let tried = async |claims: Value, room: &str| {
        let trial = json!({"claims": claims, "room": room});
        manager.get(200, "POST", &one, Some(&trial)).await
    };
    let teacher = json!({"sub": "anna", "groups": ["teachers"], "org": {"id": 7}, "name": "Anna"});
    let told = tried(teacher.clone(), "class-7-a").await?;
    assert_eq!((&told["code"], &told["rule"]), (&json!("ok"), &json!(0)), "{told}");
    assert_eq!((&told["user"], &told["role"]), (&json!("corp:anna"), &json!("host")));
    assert_eq!((&told["ttl_s"], &told["grants"]["role"]), (&json!(60), &json!("host")));
    let no = |rule: u32, why: &str, claim: Value| json!({"rule": rule, "matches": false, "why": why, "claim": claim});
    let yes = json!({"rule": 0, "matches": true, "why": null, "claim": null});
    assert_eq!(told["rules"], json!([yes, no(1, "rooms", json!(null))]));
    let told = tried(teacher, "class-8-a").await?;
    assert_eq!(told["code"], "room_refused");
    let told = tried(json!({"sub": "ben"}), "class-7-a").await?;
    assert_eq!(told["code"], "room_refused", "the lobby would be open");
    assert_eq!(told["rules"][0], no(0, "when", json!("groups")));
    let told = tried(json!({"sub": "b*n"}), "lobby").await?;
    assert_eq!((&told["code"], &told["user"]), (&json!("claim_refused"), &json!(null)));
    let bad = json!({"groups": ["teachers"], "org": {"id": "*"}, "sub": "anna"});
    let told = tried(bad, "class-7-a").await?;
    assert_eq!(told["code"], "claim_refused");
    assert_eq!(told["rules"][0], no(0, "claim", json!("org.id")));
    let old =
        json!({"sub": "anna", "iss": "https://other.example", "aud": "x", "exp": 1, "iat": 0});
    let told = tried(old, "lobby").await?;
    let checks = told["checks"].as_array().context("checks")?.iter();
    let failing: Vec<&Value> = checks.filter(|check| check["passes"] == false).collect();
    let failing = json!(failing.iter().map(|check| &check["code"]).collect::<Vec<_>>());
    assert_eq!(failing, json!(["issuer_unknown", "id_token_audience", "id_token_expired"]));
    assert_eq!(told["code"], "issuer_unknown");
    for (trial, code) in [
        (json!({"room": "lobby"}), "body_invalid"),
        (json!({"room": "lobby", "claims": {}, "id_token": "a.b.c"}), "body_invalid"),
    ] {
        assert_eq!(manager.ask("POST", &one, Some(&trial)).await?.problem(), (422, code));
    }
    let malformed = json!({"room": "lobby", "id_token": "a.b.c"});
    let told = manager.get(200, "POST", &one, Some(&malformed)).await?;
    assert_eq!(told["code"], "id_token_malformed");
    let gone = manager.ask("POST", &path(&stage, "/x/try"), Some(&malformed)).await?;
    assert_eq!(gone.problem(), (404, "issuer_unknown"));
    Ok(())
}

#[tokio::test]
async fn a_malformed_exchange_has_its_code() -> Result<()> {
    let stage = Stage::start().await?;
    let app = stage.app.0.to_string();
    let manager = stage.backend(&[Scope::IssuersManage]).await?;
    let mine = issuer(&json!({"origins": [PAGE]}));
    manager.get(200, "PUT", &path(&stage, "/corp"), Some(&mine)).await?;
    let header = json!({"alg": "RS256", "kid": "k"});
    let text = unsigned(&header, &json!({"iss": "https://other.example"}));
    let good = [
        ("subject_token", text.as_str()),
        ("subject_token_type", ID_TOKEN),
        ("audience", &app),
        ("room", "lobby"),
    ];
    let with = |name: &'static str, value: &'static str| {
        let mut parameters = good.to_vec();
        parameters.retain(|(of, _)| *of != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
        parameters
    };
    let stranger = stranger(&stage);
    for (parameters, error, code) in [
        (with("subject_token", ""), "invalid_request", "parameter_missing"),
        (with("subject_token_type", ""), "invalid_request", "parameter_missing"),
        (with("audience", ""), "invalid_request", "parameter_missing"),
        (with("room", ""), "invalid_request", "parameter_missing"),
        (with("subject_token_type", "urn:x"), "invalid_request", "token_type_unsupported"),
        (with("requested_token_type", "urn:x"), "invalid_request", "token_type_unsupported"),
        (with("actor_token", "x"), "invalid_request", "token_type_unsupported"),
        (with("scope", "tokens:mint"), "invalid_scope", "scopes_invalid"),
        (with("audience", "x"), "invalid_target", "app_unknown"),
        (with("audience", "0001"), "invalid_target", "app_unknown"),
        (with("audience", "4294967295"), "invalid_target", "app_unknown"),
        (with("subject_token", "x"), "invalid_request", "id_token_invalid"),
        (good.to_vec(), "invalid_request", "id_token_invalid"),
    ] {
        let answer = exchanged(&stranger, &parameters, "").await?;
        assert_eq!(refusal(&answer), (400, error, code), "{}", answer.body);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    // A client that proved who it is learns more.
    let client = stage.backend(&[Scope::TokensMint]).await?;
    let answer =
        client.as_client(TOKEN, &[&[("grant_type", EXCHANGE)], &good[..]].concat()).await?;
    assert_eq!(refusal(&answer), (400, "invalid_target", "issuer_unknown"));
    let reader = stage.backend(&[Scope::TokensVerify]).await?;
    let answer =
        reader.as_client(TOKEN, &[&[("grant_type", EXCHANGE)], &good[..]].concat()).await?;
    assert_eq!(refusal(&answer), (400, "unauthorized_client", "scope_missing"));
    // Pages of listed origins may read that, others not.
    for (origin, allowed) in [(PAGE, Some(PAGE)), ("https://b.example", None), ("null", None)] {
        let answer = exchanged(&stranger, &good, &format!("Origin: {origin}\r\n")).await?;
        assert_eq!(answer.field("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(answer.field("access-control-allow-credentials"), None);
        assert!(answer.field("vary").is_some_and(|vary| vary.contains("origin")), "{origin}");
    }
    Ok(())
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_503() -> Result<()> {
    let stage = Stage::start().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let name = format!("http://{}", listener.local_addr()?);
    let manager = stage.backend(&[Scope::IssuersManage]).await?;
    let mine = issuer(&json!({ "issuer": name }));
    manager.get(200, "PUT", &path(&stage, "/corp"), Some(&mine)).await?;
    let text = unsigned(&json!({"alg": "RS256", "kid": "k"}), &json!({ "iss": name }));
    let app = stage.app.0.to_string();
    let parameters = [
        ("subject_token", text.as_str()),
        ("subject_token_type", ID_TOKEN),
        ("audience", &app),
        ("room", "lobby"),
    ];
    for _ in 0..3 {
        let answer = exchanged(&stranger(&stage), &parameters, "").await?;
        let unreachable = (503, "temporarily_unavailable", "issuer_unreachable");
        assert_eq!(refusal(&answer), unreachable, "{}", answer.body);
        assert_eq!(answer.field("retry-after"), Some("30"));
    }
    // This machine is open only by `outbound.allow`.
    let nobody =
        tokio::time::timeout(std::time::Duration::from_millis(20), listener.accept()).await;
    assert!(nobody.is_err(), "it is not connected to");
    Ok(())
}

#[tokio::test]
async fn exchanges_of_one_address_are_limited() -> Result<()> {
    let stage = Stage::configured(|config| {
        (config.server.exchange_per_s, config.server.exchange_burst) = (1, 3);
    });
    let stage = stage.await?;
    let mut codes = Vec::new();
    for _ in 0..4 {
        let answer = exchanged(&stranger(&stage), &[], "").await?;
        codes.push(answer.body["code"].as_str().unwrap_or_default().to_owned());
    }
    let missing = "parameter_missing";
    assert_eq!(codes, [missing, missing, missing, "rate_limited"]);
    Ok(())
}
