//! OAuth 2.0 for backends: access tokens, and every error of the token endpoint.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{
    Answer, Caller, Stage,
    oauth::{basic, form},
};

const TOKEN: &str = "/oauth/token";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// The error of RFC 6749, our code, and the status.
fn refusal(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or("none");
    (answer.status, text("error"), text("code"))
}

#[tokio::test]
async fn a_client_gets_an_access_token_that_acts_as_it() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensMint, Scope::RoomsRead]).await?;
    let answer = client.as_client(TOKEN, &[GRANT]).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 900);
    assert_eq!(answer.body["scope"], "tokens:mint rooms:read");
    let (token, _) = client.access_token(None).await?;
    assert!(token.credential.starts_with("sdoat_"));
    let me = token.get(200, "GET", "/v1/me", None).await?;
    assert_eq!((&me["kind"], me["id"].as_str()), (&json!("api_key"), Some(client.id()?)));
    assert_eq!(me["access_token"].as_str(), Some(token.id()?));
    assert_eq!(me["scopes"], json!(["tokens:mint", "rooms:read"]));
    assert!(me["expires_ms"].is_u64());
    let own = client.get(200, "GET", "/v1/me", None).await?;
    assert_eq!(own["access_token"], Value::Null);
    let path = format!("/v1/apps/{}/tokens", stage.app.0);
    let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
    token.get(201, "POST", &path, Some(&new)).await?;
    // By the form as well.
    let body = form(&[GRANT, ("client_id", client.id()?), ("client_secret", &client.credential)]);
    let answer = client.post_form(TOKEN, "", &body).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Ok(())
}

#[tokio::test]
async fn an_access_token_has_the_scopes_asked_for_alone() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensMint]).await?;
    let (token, answer) = client.access_token(Some("tokens:verify")).await?;
    assert_eq!(answer["scope"], "tokens:verify");
    let path = format!("/v1/apps/{}/tokens", stage.app.0);
    let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
    let refused = token.ask("POST", &path, Some(&new)).await?;
    assert_eq!(refused.problem(), (403, "scope_missing"));
    let explained = json!({"token": "x"});
    token.get(200, "POST", &format!("{path}/verify"), Some(&explained)).await?;
    Ok(())
}

#[tokio::test]
async fn bounds_of_the_client_bind_its_access_tokens() -> Result<()> {
    let stage = Stage::start().await?;
    let how = json!({"bounds": {"rooms": ["team-a-*"]}});
    let client = stage.limited(&[Scope::TokensMint], &how).await?;
    let (token, _) = client.access_token(None).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app.0);
    for (room, status) in [("team-a-1", 201), ("team-b-1", 403)] {
        let new = json!({"room": room, "user": "anna", "role": "audience"});
        token.get(status, "POST", &path, Some(&new)).await?;
    }
    let far = json!({"bounds": {"addresses": ["192.0.2.0/24"]}});
    let far = stage.limited(&[Scope::TokensMint], &far).await?;
    let refused = far.as_client(TOKEN, &[GRANT]).await?;
    assert_eq!(refusal(&refused), (400, "unauthorized_client", "address_refused"));
    Ok(())
}

#[tokio::test]
async fn an_access_token_ends_with_its_client_or_its_secret() -> Result<()> {
    let stage = Stage::start().await?;
    let root = stage.operator();
    let keys = format!("/v1/apps/{}/api-keys", stage.app.0);
    let gone = async |token: &Caller, code: &str| {
        let refused = token.ask("GET", "/v1/me", None).await?;
        assert_eq!(refused.problem(), (401, code));
        anyhow::Ok(())
    };
    // Deleted.
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let (token, _) = client.access_token(None).await?;
    root.get(204, "DELETE", &format!("{keys}/{}", client.id()?), None).await?;
    gone(&token, "credential_invalid").await?;
    // Rotated: at once, or with what the old secret has left.
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let rotate = format!("{keys}/{}/rotate", client.id()?);
    let (token, _) = client.access_token(None).await?;
    let rotated = root.get(200, "POST", &rotate, Some(&json!({"overlap_s": 60}))).await?;
    token.get(200, "GET", "/v1/me", None).await?;
    let secret = rotated["api_key"].as_str().context("a secret")?.to_owned();
    let (newer, _) = Caller { to: client.to, credential: secret }.access_token(None).await?;
    root.get(200, "POST", &rotate, Some(&json!({"overlap_s": 60}))).await?;
    gone(&token, "credential_invalid").await?;
    newer.get(200, "GET", "/v1/me", None).await?;
    stage.running.bus.clock().put(60_000);
    gone(&newer, "credential_expired").await?;
    // Leaked, and good again by another secret: what the finder got meanwhile is not.
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let (token, _) = client.access_token(None).await?;
    let report = json!({"credentials": [client.credential]});
    root.get(200, "POST", "/v1/leaks", Some(&report)).await?;
    gone(&token, "credential_invalid").await?;
    root.get(200, "POST", &format!("{keys}/{}/rotate", client.id()?), None).await?;
    gone(&token, "credential_invalid").await?;
    // Expired: itself, and its client.
    let client = stage.limited(&[Scope::RoomsRead], &json!({"ttl_s": 1_000})).await?;
    let (token, _) = client.access_token(None).await?;
    stage.running.bus.clock().put(899_000);
    let (late, _) = client.access_token(None).await?;
    token.get(200, "GET", "/v1/me", None).await?;
    stage.running.bus.clock().put(2_000);
    gone(&token, "credential_expired").await?;
    stage.running.bus.clock().put(100_000);
    gone(&late, "credential_expired").await?;
    Ok(())
}

#[tokio::test]
async fn the_token_endpoint_refuses_each_fault_by_name() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensMint]).await?;
    let root = stage.operator();
    let (token, _) = client.access_token(None).await?;
    let (id, secret) = (client.id()?, &*client.credential);
    let own = basic(id, secret);
    let grant = form(&[GRANT]);
    let with = |more: (&str, &str)| form(&[GRANT, more]);
    let post = form(&[GRANT, ("client_id", id), ("client_secret", secret)]);
    let long = form(&[GRANT, ("x", &"y".repeat(16_384))]);
    let app = stage.app.0.to_string();
    let other = format!("urn:stagedoor:app:{}", stage.app.0 ^ 1);
    let wrong = basic(id, &secret.replace("sdkey_", "sdkey_0"));
    let (invalid, client_error) = ("invalid_request", "invalid_client");
    for (fields, body, expected) in [
        (&*own, "grant_type", (400, invalid, "form_malformed")),
        (&own, &*(grant.clone() + "&" + &grant), (400, invalid, "parameter_repeated")),
        (&own, "scope=tokens%3Amint", (400, invalid, "parameter_missing")),
        (&own, "grant_type=", (400, invalid, "parameter_missing")),
        (&own, &post, (400, invalid, "client_ambiguous")),
        ("", &form(&[GRANT, ("client_secret", secret)]), (400, invalid, "parameter_missing")),
        (&own, &long, (413, invalid, "body_too_large")),
        ("", &grant, (401, client_error, "credential_missing")),
        (&wrong, &grant, (401, client_error, "credential_invalid")),
        (&basic("other", secret), &grant, (401, client_error, "credential_invalid")),
        ("Authorization: Digest x\r\n", &grant, (401, client_error, "credential_invalid")),
        (&basic(root.id()?, &root.credential), &grant, (401, client_error, "credential_invalid")),
        (&basic(token.id()?, &token.credential), &grant, (401, client_error, "credential_invalid")),
        (
            &format!("Authorization: Bearer {}\r\n", token.credential),
            &grant,
            (401, client_error, "credential_missing"),
        ),
        (
            &own,
            "grant_type=password&username=a&password=b",
            (400, "unsupported_grant_type", "grant_type_unsupported"),
        ),
        (
            &own,
            "grant_type=refresh_token&refresh_token=x",
            (400, "unsupported_grant_type", "grant_type_unsupported"),
        ),
        (&own, &with(("scope", "root")), (400, "invalid_scope", "scopes_invalid")),
        (&own, &with(("scope", "tokens:mint  ")), (400, "invalid_scope", "scopes_invalid")),
        (&own, &with(("scope", "rooms:read")), (400, "invalid_scope", "scope_missing")),
        (&own, &with(("scope", "deployment:admin")), (400, "invalid_scope", "scope_missing")),
        (&own, &with(("resource", &app)), (400, "invalid_target", "resource_invalid")),
        (
            &own,
            &with(("resource", "urn:stagedoor:app:+7")),
            (400, "invalid_target", "resource_invalid"),
        ),
        (&own, &with(("resource", &other)), (400, "invalid_target", "app_unknown")),
    ] {
        let answer = client.post_form(TOKEN, fields, body).await?;
        assert_eq!(refusal(&answer), expected, "{fields:?} {body}: {}", answer.body);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert!(
            answer.body["request_id"].is_string() && answer.body["error_description"].is_string()
        );
        let challenge = answer.field("www-authenticate");
        let wanted = match fields.split(' ').nth(1) {
            Some("Basic" | "Digest") if expected.0 == 401 => Some("Basic realm=\"stagedoor\""),
            Some("Bearer") => Some("Bearer realm=\"stagedoor\""),
            _ => None,
        };
        assert_eq!(challenge, wanted, "{fields:?}");
        assert!(!answer.body.to_string().contains(secret));
    }
    let of_app = format!("urn:stagedoor:app:{app}");
    let good = client.as_client(TOKEN, &[GRANT, ("resource", &of_app)]).await?;
    assert_eq!(good.status, 200, "{}", good.body);
    let expired = stage.limited(&[Scope::RoomsRead], &json!({"ttl_s": 1})).await?;
    stage.running.bus.clock().put(1_500);
    let answer = expired.as_client(TOKEN, &[GRANT]).await?;
    assert_eq!(refusal(&answer), (401, client_error, "credential_expired"));
    Ok(())
}

#[tokio::test]
async fn what_http_itself_refuses_is_in_oauths_form() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensMint]).await?;
    let own = basic(client.id()?, &client.credential);
    let query = format!("{TOKEN}?client_secret={}", client.credential);
    let answer = client.post_form(&query, "", &form(&[GRANT])).await?;
    assert_eq!(refusal(&answer), (400, "invalid_request", "query_invalid"));
    let stranger = Caller { to: client.to, credential: String::new() };
    let json = stranger.ask_with("POST", TOKEN, &own, Some("{}")).await?;
    assert_eq!(refusal(&json), (415, "invalid_request", "media_type_unsupported"));
    let get = stranger.ask("GET", TOKEN, None).await?;
    assert_eq!(refusal(&get), (405, "invalid_request", "method_not_allowed"));
    let unknown = stranger.ask("GET", "/oauth/authorize", None).await?;
    assert_eq!(refusal(&unknown), (404, "invalid_request", "path_unknown"));
    let keyed = format!("{own}Idempotency-Key: a\r\n");
    let keyed = client.post_form(TOKEN, &keyed, &form(&[GRANT])).await?;
    assert_eq!(refusal(&keyed), (400, "invalid_request", "idempotency_unsupported"));
    Ok(())
}
