//! Apps, keys and API keys: created, listed, changed, rotated, retired, deleted; and the door's decisions afterwards.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

fn key_of(app: &Value, created: &Value) -> Result<Key> {
    let app = u32::try_from(app.as_u64().context("an AppID")?)?;
    let secret = created["secret"].as_str().context("a secret")?;
    let kid = created["kid"].as_str().context("a key id")?;
    Ok(Key::hs256(
        AppId(app),
        kid,
        &stagedoor_tests::stage::decode_secret(secret),
        KeyState::Current,
    )?)
}

async fn login(stage: &Stage, key: &Key) -> Result<String> {
    let claims = Claims { app: key.app(), ..stage.claims("lobby", "anna", "host")? };
    let mut member = stage.connect().await?;
    let answer = member.ask(json!({"op": "login", "token": mint(&claims, key)?})).await?;
    Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
}

#[tokio::test]
async fn keys_rotate_without_a_gap_and_retired_ones_are_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let app = operator.get(201, "POST", "/v1/apps", Some(&json!({"name": "shop"}))).await?;
    let path = format!("/v1/apps/{}", app["app"]);
    let first = key_of(&app["app"], &app["key"])?;
    assert_eq!(login(&stage, &first).await?, "ok");
    let next = operator.get(201, "POST", &format!("{path}/keys"), None).await?;
    assert_eq!(next["state"], "next");
    let second = key_of(&app["app"], &next)?;
    assert_eq!(
        login(&stage, &second).await?,
        "ok",
        "every relay knows it before anybody signs with it"
    );
    let twice = operator.ask("POST", &format!("{path}/keys"), None).await?;
    assert_eq!(twice.problem(), (409, "next_key_exists"));
    let rotated = operator.get(200, "POST", &format!("{path}/keys/rotate"), None).await?;
    assert_eq!((&rotated["current"], &rotated["retiring"]), (&next["kid"], &app["key"]["kid"]));
    assert_eq!(login(&stage, &first).await?, "ok", "its tokens live on");
    let retire = |kid: &Value| format!("{path}/keys/{}/retire", kid.as_str().unwrap_or_default());
    assert_eq!(
        operator.ask("POST", &retire(&next["kid"]), None).await?.problem(),
        (409, "key_current")
    );
    operator.get(200, "POST", &retire(&app["key"]["kid"]), None).await?;
    assert_eq!(login(&stage, &first).await?, "token_invalid");
    assert_eq!(login(&stage, &second).await?, "ok");
    let unknown = operator.ask("POST", &retire(&json!("k_none")), None).await?;
    assert_eq!(unknown.problem(), (404, "key_unknown"));
    let again = operator.get(200, "POST", &format!("{path}/keys/rotate"), None).await?;
    assert_eq!(login(&stage, &key_of(&app["app"], &again["created"])?).await?, "ok");
    let states = operator.get(200, "GET", &format!("{path}/keys"), None).await?;
    let states: Vec<&str> = states["items"]
        .as_array()
        .context("items")?
        .iter()
        .filter_map(|k| k["state"].as_str())
        .collect();
    assert_eq!(states, ["retired", "retiring", "current"]);
    assert!(
        !operator
            .get(200, "GET", &format!("{path}/keys"), None)
            .await?
            .to_string()
            .contains("secret")
    );
    assert_eq!(operator.ask("DELETE", &path, None).await?.status, 204);
    assert_eq!(login(&stage, &second).await?, "token_invalid");
    assert_eq!(operator.ask("DELETE", &path, None).await?.problem(), (404, "app_unknown"));
    Ok(())
}

#[tokio::test]
async fn apps_are_changed_within_their_bounds_and_listed_in_pages() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    for id in 1..=4 {
        operator.get(201, "POST", "/v1/apps", Some(&json!({"name": "a", "id": id}))).await?;
    }
    let taken = operator.ask("POST", "/v1/apps", Some(&json!({"name": "a", "id": 3}))).await?;
    assert_eq!(taken.problem(), (409, "app_exists"));
    for (body, code) in [
        (json!({"name": "a", "id": 0}), "app_id_invalid"),
        (json!({"name": ""}), "name_invalid"),
        (json!({"name": "a", "ttl_s_default": 9, "ttl_s_max": 8}), "ttl_invalid"),
    ] {
        assert_eq!(operator.ask("POST", "/v1/apps", Some(&body)).await?.problem(), (422, code));
    }
    let page = operator.get(200, "GET", "/v1/apps?limit=3", None).await?;
    assert_eq!((page["items"].as_array().map(Vec::len), &page["next"]), (Some(3), &json!("3")));
    let rest = operator.get(200, "GET", "/v1/apps?limit=3&after=3", None).await?;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(2), &Value::Null));
    let change = json!({"name": "renamed", "ttl_s_default": 10, "ttl_s_max": 20});
    let changed = operator.get(200, "PATCH", "/v1/apps/2", Some(&change)).await?;
    assert_eq!((&changed["name"], &changed["ttl_s_max"]), (&json!("renamed"), &json!(20)));
    let token = json!({"room": "r", "user": "u", "role": "host"});
    assert_eq!(
        operator.get(201, "POST", "/v1/apps/2/tokens", Some(&token)).await?["expires_in_s"],
        10
    );
    assert_eq!(operator.ask("GET", "/v1/apps/99", None).await?.problem(), (404, "app_unknown"));
    Ok(())
}

#[tokio::test]
async fn api_keys_rotate_at_once_and_grant_only_own_scopes() -> Result<()> {
    let stage = Stage::start().await?;
    let admin = stage.backend(&[Scope::CredentialsManage, Scope::RoomsRead]).await?;
    let path = format!("/v1/apps/{}/api-keys", stage.app);
    let wide = json!({"name": "w", "scopes": ["tokens:mint"]});
    assert_eq!(admin.ask("POST", &path, Some(&wide)).await?.problem(), (403, "scope_missing"));
    let none = json!({"name": "n", "scopes": []});
    assert_eq!(admin.ask("POST", &path, Some(&none)).await?.problem(), (422, "scopes_invalid"));
    let made = admin
        .get(201, "POST", &path, Some(&json!({"name": "r", "scopes": ["rooms:read"]})))
        .await?;
    let with = |answer: &Value| Caller {
        to: stage.running.http,
        credential: answer["api_key"].as_str().unwrap_or_default().into(),
    };
    let rooms = format!("/v1/apps/{}/rooms", stage.app);
    assert_eq!(with(&made).ask("GET", &rooms, None).await?.status, 200);
    let id = made["id"].as_str().context("an id")?;
    let rotated = admin.get(200, "POST", &format!("{path}/{id}/rotate"), None).await?;
    assert_eq!(with(&made).ask("GET", &rooms, None).await?.status, 401);
    assert_eq!(with(&rotated).ask("GET", &rooms, None).await?.status, 200);
    let listed = admin.get(200, "GET", &path, None).await?;
    let used = listed["items"]
        .as_array()
        .context("items")?
        .iter()
        .find(|key| key["id"] == id)
        .context("it is listed")?;
    assert!(used["last_used_ms"].is_u64() && used.get("api_key").is_none());
    assert_eq!(admin.ask("DELETE", &format!("{path}/{id}"), None).await?.status, 204);
    assert_eq!(with(&rotated).ask("GET", &rooms, None).await?.status, 401);
    assert_eq!(
        admin.ask("DELETE", &format!("{path}/{id}"), None).await?.problem(),
        (404, "api_key_unknown")
    );
    let short = json!({"name": "s", "scopes": ["rooms:read"], "ttl_s": 60});
    let short = admin.get(201, "POST", &path, Some(&short)).await?;
    stage.running.bus.clock().put(61_000);
    assert_eq!(with(&short).ask("GET", &rooms, None).await?.problem(), (401, "credential_expired"));
    Ok(())
}

#[tokio::test]
async fn a_repeated_creation_happens_once_and_shows_no_secret() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let create = async |key: &str, name: &str| {
        let body = json!({"name": name}).to_string();
        operator
            .ask_with("POST", "/v1/apps", &format!("Idempotency-Key: {key}\r\n"), Some(&body))
            .await
    };
    let first = create("one", "shop").await?;
    let second = create("one", "shop").await?;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.body["app"], second.body["app"]);
    assert!(first.body["key"]["secret"].is_string() && second.body["key"]["secret"].is_null());
    assert_eq!(second.field("idempotency-replayed"), Some("true"));
    assert_eq!(create("one", "other").await?.problem(), (422, "idempotency_mismatch"));
    assert_ne!(create("two", "shop").await?.body["app"], first.body["app"]);
    for key in [&*"k".repeat(129), "a key", "a\tkey"] {
        assert_eq!(create(key, "shop").await?.problem(), (400, "idempotency_key_invalid"));
    }
    Ok(())
}

#[tokio::test]
async fn an_apps_second_login_policy_applies_at_once() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let new = json!({"name": "shop", "second_login": "reject"});
    let app = operator.get(201, "POST", "/v1/apps", Some(&new)).await?;
    let key = key_of(&app["app"], &app["key"])?;
    let token = |jti: &str| -> Result<String> {
        let claims = stage.claims("lobby", "anna", "host")?;
        Ok(mint(&Claims { app: key.app(), jti: jti.into(), ..claims }, &key)?)
    };
    let mut first = stage.connect().await?;
    first.log_in(&token("first")?).await?;
    let mut second = stage.connect().await?;
    let login = json!({"op": "login", "token": token("second")?});
    assert_eq!(second.code(login.clone()).await?, "seat_held");
    let path = format!("/v1/apps/{}", app["app"]);
    let change = json!({"second_login": {"allow": 2}});
    let changed = operator.get(200, "PATCH", &path, Some(&change)).await?;
    assert_eq!(changed["second_login"], json!({"allow": 2}));
    stage.connect().await?.ok(login).await?;
    first.ok(json!({"op": "members"})).await?;
    let bad = operator.ask("PATCH", &path, Some(&json!({"second_login": {"allow": 1}}))).await?;
    assert_eq!(bad.status, 422, "{bad:?}");
    Ok(())
}
