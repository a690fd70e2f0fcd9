//! Who asks, and may they: every operation of the document with and without its scope, and `GET /v1/me`.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Operation, Stage, operations};
use stagedoor_token::{Credential, CredentialKind};

/// The scopes, of those of an app, that open an operation which needs this one.
fn opening(needed: &str) -> Vec<Scope> {
    let opens = |scope: &Scope| {
        scope.as_str() == needed
            || (*scope == Scope::AppsAdmin && needed != "deployment:admin")
            || (*scope == Scope::TokensMint && needed == "tokens:verify")
    };
    Scope::ALL.into_iter().filter(opens).collect()
}

async fn ask(caller: &Caller, operation: &Operation, path: &str) -> Result<(u16, Value)> {
    let answer = caller.ask(&operation.method, path, operation.body.as_ref()).await?;
    Ok((answer.status, answer.body))
}

#[tokio::test]
async fn each_operation_opens_with_its_scope_alone() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.server.api_keys_per_app_max = 1_000;
        config.server.refusals_burst = 1_000;
    })
    .await?;
    let doomed = stage.running.server.create_app("doomed").await?.app;
    let all = operations(stage.app.0)?;
    assert!(all.iter().filter(|operation| operation.scope.is_some()).count() > 35);
    for operation in &all {
        let Operation { name, path, scope, .. } = operation;
        let stranger = Caller { to: stage.running.http, credential: String::new() };
        let (status, body) = ask(&stranger, operation, path).await?;
        if name == "post /v1/session" {
            assert_eq!((status, body["code"].as_str()), (403, Some("csrf_refused")), "{name}");
            continue;
        }
        if !operation.needs_caller {
            assert_eq!(status, 200, "{name} without a credential: {body}");
            continue;
        }
        assert_eq!((status, body["code"].as_str()), (401, Some("credential_missing")), "{name}");
        let Some(scope) = scope else {
            let (status, body) =
                ask(&stage.backend(&[Scope::UsageRead]).await?, operation, path).await?;
            let is_of_operators = body["code"] == "operator_only" && path.starts_with("/v1/me/");
            assert!(status == 200 || is_of_operators, "{name} with any credential: {body}");
            continue;
        };
        let opening = opening(scope);
        let others: Vec<Scope> =
            Scope::ALL.into_iter().filter(|scope| !opening.contains(scope)).collect();
        let (status, body) = ask(&stage.backend(&others).await?, operation, path).await?;
        assert_eq!((status, body["code"].as_str()), (403, Some("scope_missing")), "{name}: {body}");
        assert_eq!(body["scope"], scope.as_str(), "{name}");
        let path =
            if name == "delete /v1/apps/{app}" { &format!("/v1/apps/{doomed}") } else { path };
        let holders = match opening.as_slice() {
            [] => vec![stage.operator()],
            scopes => {
                let mut holders = Vec::new();
                for scope in scopes {
                    holders.push(stage.backend(&[*scope]).await?);
                }
                holders
            }
        };
        for holder in holders {
            let (status, body) = ask(&holder, operation, path).await?;
            assert!(!matches!(status, 401 | 403), "{name} with its scope: {status} {body}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_document_names_its_schemes_and_every_scope() -> Result<()> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let flow = &schemes["oauth2"]["flows"]["clientCredentials"];
    assert_eq!(flow["tokenUrl"], "/oauth/token");
    let scopes = flow["scopes"].as_object().context("scopes")?;
    let listed: Vec<&str> = scopes.keys().map(String::as_str).collect();
    let mut every: Vec<&str> = Scope::EVERY.iter().map(|scope| scope.as_str()).collect();
    every.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, every);
    for item in document["paths"].as_object().context("paths")?.values() {
        for operation in item.as_object().context("operations")?.values() {
            let scope = &operation["x-required-scope"];
            let ways = operation["security"].as_array().context("ways")?;
            let of_oauth2: Vec<&Value> = ways.iter().filter_map(|way| way.get("oauth2")).collect();
            match scope.as_str() {
                Some(scope) => assert_eq!(of_oauth2, [&json!([scope])]),
                None => assert!(of_oauth2.iter().all(|scopes| **scopes == json!([]))),
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_credential_and_a_wrong_secret_look_the_same() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::RoomsRead]).await?;
    let expired = stage.limited(&[Scope::RoomsRead], &json!({"ttl_s": 1})).await?;
    stage.running.bus.clock().put(1_500);
    let ask = async |credential: &str| {
        let caller = Caller { to: stage.running.http, credential: credential.into() };
        let mut answer = caller.ask("GET", "/v1/me", None).await?;
        if let Some(body) = answer.body.as_object_mut() {
            body.remove("request_id");
        }
        anyhow::Ok((answer.status, answer.body))
    };
    // Their checks are right, so that they are looked up.
    let guessed = |id: &str| Credential::make(CredentialKind::ApiKey, id, &[7; 32]);
    let unknown = guessed("abcdefghijkmnpqr")?;
    let wrong = ask(&guessed(backend.id()?)?).await?;
    assert_eq!((wrong.0, wrong.1["code"].as_str()), (401, Some("credential_invalid")));
    assert_eq!(ask(&unknown).await?, wrong, "an unknown id");
    assert_eq!(ask(&guessed(expired.id()?)?).await?, wrong, "an expired key's wrong secret");
    let told = ask(&expired.credential).await?;
    assert_eq!((told.0, told.1["code"].as_str()), (401, Some("credential_expired")));
    Ok(())
}

#[tokio::test]
async fn me_says_who_asks_and_what_it_may_do() -> Result<()> {
    let stage = Stage::start().await?;
    let root = stage.operator().get(200, "GET", "/v1/me", None).await?;
    assert_eq!(
        (&root["kind"], &root["id"], &root["app"]),
        (&json!("root"), &json!("root"), &Value::Null)
    );
    assert_eq!(root["scopes"].as_array().map(Vec::len), Some(Scope::EVERY.len()));
    let bounds = json!({"rooms": ["team-a-*"], "rank_max": 50, "addresses": ["127.0.0.0/8"]});
    let how = json!({"bounds": bounds, "ttl_s": 60});
    let key = stage.limited(&[Scope::TokensMint, Scope::RoomsRead], &how).await?;
    let me = key.get(200, "GET", "/v1/me", None).await?;
    assert_eq!(me["kind"], "api_key");
    assert_eq!(me["name"], "limited");
    assert_eq!(me["app"], stage.app.0);
    assert_eq!(me["scopes"], json!(["tokens:mint", "rooms:read"]));
    assert_eq!(me["bounds"], bounds);
    assert_eq!(me["address"], "127.0.0.1");
    assert!(me["expires_ms"].is_u64());
    assert!(key.credential.contains(me["id"].as_str().context("an id")?));
    assert!(!me.to_string().contains(&key.credential));
    Ok(())
}

#[tokio::test]
async fn no_api_key_has_a_scope_of_the_deployment() -> Result<()> {
    let stage = Stage::start().await?;
    let path = format!("/v1/apps/{}/api-keys", stage.app);
    let new = json!({"name": "n", "scopes": ["rooms:read", "deployment:admin"]});
    for caller in [stage.operator(), stage.backend(&[Scope::AppsAdmin]).await?] {
        let refused = caller.ask("POST", &path, Some(&new)).await?;
        assert_eq!(refused.problem(), (422, "scopes_invalid"));
        assert_eq!(refused.body["field"], "scopes[1]");
    }
    Ok(())
}
