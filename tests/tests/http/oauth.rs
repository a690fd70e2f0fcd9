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

/// Checks the fields that each refusal of the token endpoint has.
fn is_in_form(answer: &Answer, fields: &str, status: u16) {
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.body["request_id"].is_string() && answer.body["error_description"].is_string());
    let challenge = answer.field("www-authenticate");
    let wanted = match fields.split(' ').nth(1) {
        Some("Basic" | "Digest") if status == 401 => Some("Basic realm=\"stagedoor\""),
        Some("Bearer") => Some("Bearer realm=\"stagedoor\""),
        _ => None,
    };
    assert_eq!(challenge, wanted, "{fields:?}");
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
        is_in_form(&answer, fields, expected.0);
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

async fn introspect(caller: &Caller, token: &str) -> Result<Value> {
    let answer = caller.as_client("/oauth/introspect", &[("token", token)]).await?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.head, answer.body);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    Ok(answer.body)
}

#[tokio::test]
async fn introspection_tells_a_good_token_and_hides_others() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensVerify, Scope::TokensRevoke]).await?;
    let inactive = json!({"active": false});
    let token = stage.token("lobby", "anna", "audience")?;
    let told = introspect(&client, &token).await?;
    for (field, value) in [
        ("active", json!(true)),
        ("aud", json!(stage.app.to_string())),
        ("sub", json!("anna")),
        ("client_id", json!(stage.key.kid())),
        ("room", json!("lobby")),
        ("role", json!("audience")),
    ] {
        assert_eq!(told[field], value, "{field}: {told}");
    }
    for field in ["exp", "iat", "nbf", "jti", "grants"] {
        assert!(!told[field].is_null(), "{field}: {told}");
    }
    assert_eq!(told.get("scope"), None);
    // Of an access token.
    let other = stage.backend(&[Scope::RoomsRead]).await?;
    let (access, _) = other.access_token(None).await?;
    let told = introspect(&client, &access.credential).await?;
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("rooms:read")));
    assert_eq!(told["client_id"].as_str(), Some(other.id()?));
    assert_eq!((told["sub"].as_str(), &told["token_type"]), (Some(other.id()?), &json!("Bearer")));
    assert!(told["exp"].is_u64());
    // A bearer may ask as well.
    let (verifier, _) = client.access_token(Some("tokens:verify")).await?;
    let body = form(&[("token", &token)]);
    let fields = format!("Authorization: Bearer {}\r\n", verifier.credential);
    let answer = client.post_form("/oauth/introspect", &fields, &body).await?;
    assert_eq!(answer.body["active"], true, "{}", answer.body);
    // What is not shown.
    let made = stage.running.server.create_app("other").await?;
    let scopes = [Scope::TokensVerify];
    let stranger = stage.running.server.create_api_key(made.app, "x", &scopes).await?;
    let stranger = Caller { to: client.to, credential: stranger.api_key };
    let narrow = json!({"bounds": {"rooms": ["team-*"]}});
    let narrow = stage.limited(&[Scope::TokensVerify], &narrow).await?;
    for (asker, text) in [
        (&client, "x"),
        (&client, "a.b.c"),
        (&client, &*client.credential),
        (&client, &token[..token.len() - 1]),
        (&stranger, &token),
        (&stranger, &access.credential),
        (&narrow, &token),
        (&narrow, &access.credential),
    ] {
        assert_eq!(introspect(asker, text).await?, inactive, "{text}");
    }
    // Revoked, banned, expired.
    let revoked = client.as_client("/oauth/revoke", &[("token", &token)]).await?;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(introspect(&client, &token).await?, inactive);
    let path = format!("/v1/apps/{}/revocations", stage.app.0);
    let ban = json!({"target": {"user": "ben"}, "ban": true});
    client.get(201, "POST", &path, Some(&ban)).await?;
    let banned = stage.token("lobby", "ben", "audience")?;
    assert_eq!(introspect(&client, &banned).await?, inactive);
    stage.running.bus.clock().put(901_000);
    let old = stage.token("lobby", "carl", "audience")?;
    for text in [&old, &access.credential] {
        assert_eq!(introspect(&client, text).await?, inactive);
    }
    let refused = other.as_client("/oauth/introspect", &[("token", &token)]).await?;
    assert_eq!(refusal(&refused), (400, "unauthorized_client", "scope_missing"));
    let missing = client.as_client("/oauth/introspect", &[]).await?;
    assert_eq!(refusal(&missing), (400, "invalid_request", "parameter_missing"));
    Ok(())
}

#[tokio::test]
async fn revoking_a_room_token_closes_its_seats_first() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensRevoke]).await?;
    let token = stage.token("lobby", "anna", "audience")?;
    let mut member = stage.connect().await?;
    member.log_in(&token).await?;
    let answer = client.as_client("/oauth/revoke", &[("token", &token)]).await?;
    assert_eq!((answer.status, &answer.body), (200, &Value::Null), "{}", answer.head);
    let reader = stage.backend(&[Scope::RoomsRead]).await?;
    let path = format!("/v1/apps/{}/rooms/lobby", stage.app.0);
    reader.get(404, "GET", &path, None).await?;
    assert_eq!(member.closed().await?.reason, "token_revoked");
    // Again, unknown ones, and those of another app: the same.
    let made = stage.running.server.create_app("other").await?;
    let scopes = [Scope::TokensRevoke];
    let stranger = stage.running.server.create_api_key(made.app, "x", &scopes).await?;
    let stranger = Caller { to: client.to, credential: stranger.api_key };
    let kept = stage.token("lobby", "ben", "audience")?;
    let _seat = stage.join("lobby", "ben", "audience").await?;
    for (asker, text) in [(&client, &*token), (&client, "x"), (&stranger, &kept)] {
        let hint = ("token_type_hint", "refresh_token");
        let answer = asker.as_client("/oauth/revoke", &[("token", text), hint]).await?;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    reader.get(200, "GET", &path, None).await?;
    for (asker, code) in [
        (&stage.backend(&[Scope::RoomsRead]).await?, "scope_missing"),
        (
            &stage
                .limited(&[Scope::TokensRevoke], &json!({"bounds": {"rooms": ["team-*"]}}))
                .await?,
            "bounds_exceeded",
        ),
    ] {
        let refused = asker.as_client("/oauth/revoke", &[("token", &kept)]).await?;
        assert_eq!(refusal(&refused), (400, "unauthorized_client", code));
    }
    Ok(())
}

#[tokio::test]
async fn credentials_are_revoked_by_their_holders() -> Result<()> {
    let stage = Stage::start().await?;
    let me = async |caller: &Caller| anyhow::Ok(caller.ask("GET", "/v1/me", None).await?.status);
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let revoke = async |asker: &Caller, text: &str| {
        let answer = asker.as_client("/oauth/revoke", &[("token", text)]).await?;
        anyhow::Ok((answer.status, answer.body["code"].as_str().unwrap_or("none").to_owned()))
    };
    let refused = |status, code: &str| (status, code.to_owned());
    let done = || (200, "none".to_owned());
    // By its client, by itself, by who may revoke; not by others.
    let (first, _) = client.access_token(None).await?;
    let (second, _) = client.access_token(None).await?;
    let (third, _) = client.access_token(None).await?;
    let other = stage.backend(&[Scope::RoomsRead]).await?;
    let (fourth, _) = other.access_token(None).await?;
    assert_eq!(revoke(&other, &first.credential).await?, refused(400, "scope_missing"));
    let by = |caller: &Caller| format!("Authorization: Bearer {}\r\n", caller.credential);
    let body = form(&[("token", &first.credential)]);
    let answer = client.post_form("/oauth/revoke", &by(&fourth), &body).await?;
    assert_eq!(refusal(&answer), (400, "unauthorized_client", "scope_missing"));
    let answer = client.post_form("/oauth/revoke", &by(&second), &body).await?;
    assert_eq!(refusal(&answer), (400, "unauthorized_client", "scope_missing"), "a sibling");
    assert_eq!(me(&first).await?, 200);
    assert_eq!(revoke(&client, &first.credential).await?, done());
    let body = form(&[("token", &second.credential)]);
    assert_eq!(client.post_form("/oauth/revoke", &by(&second), &body).await?.status, 200);
    let revoker = stage.backend(&[Scope::TokensRevoke]).await?;
    assert_eq!(revoke(&revoker, &third.credential).await?, done());
    for token in [&first, &second, &third] {
        assert_eq!(me(token).await?, 401);
    }
    // An API key by itself alone.
    let unsupported = || refused(400, "token_type_unsupported");
    let admin = stage.backend(&[Scope::AppsAdmin]).await?;
    assert_eq!(revoke(&admin, &client.credential).await?, unsupported());
    assert_eq!(revoke(&admin, &stage.operator().credential).await?, unsupported());
    let (token, _) = client.access_token(None).await?;
    let body = form(&[("token", &client.credential)]);
    let answer = client.post_form("/oauth/revoke", &by(&token), &body).await?;
    assert_eq!(refusal(&answer), (400, "unsupported_token_type", "token_type_unsupported"));
    assert_eq!(revoke(&client, &client.credential).await?, done());
    assert_eq!((me(&client).await?, me(&token).await?), (401, 401));
    // An old secret ends alone.
    let rotate = format!("/v1/apps/{}/api-keys/{}/rotate", stage.app.0, other.id()?);
    let overlap = json!({"overlap_s": 60});
    let made = stage.operator().get(200, "POST", &rotate, Some(&overlap)).await?;
    let newer = made["api_key"].as_str().context("a secret")?.to_owned();
    let newer = Caller { to: other.to, credential: newer };
    assert_eq!(revoke(&newer, &other.credential).await?, done());
    assert_eq!((me(&other).await?, me(&newer).await?, me(&fourth).await?), (401, 200, 401));
    Ok(())
}

#[tokio::test]
async fn metadata_is_of_the_public_url_alone() -> Result<()> {
    let path = "/.well-known/oauth-authorization-server";
    let stage = Stage::start().await?;
    let stranger = Caller { to: stage.running.http, credential: String::new() };
    let answer = stranger.ask("GET", path, None).await?;
    assert_eq!(answer.problem(), (404, "public_url_missing"));
    let stage = Stage::configured(|config| {
        config.server.public_url = "https://stagedoor.example".parse().ok();
    })
    .await?;
    let stranger = Caller { to: stage.running.http, credential: String::new() };
    let fields = "X-Forwarded-Host: evil.example\r\n";
    let answer = stranger.ask_with("GET", path, fields, None).await?;
    let told = &answer.body;
    assert_eq!(told["issuer"], "https://stagedoor.example");
    for (field, value) in [
        ("token_endpoint", json!("https://stagedoor.example/oauth/token")),
        ("introspection_endpoint", json!("https://stagedoor.example/oauth/introspect")),
        ("revocation_endpoint", json!("https://stagedoor.example/oauth/revoke")),
        ("response_types_supported", json!([])),
    ] {
        assert_eq!(told[field], value, "{told}");
    }
    assert!(
        told["grant_types_supported"]
            .as_array()
            .is_some_and(|all| { all.contains(&json!("client_credentials")) })
    );
    let client = stage.backend(&[Scope::TokensVerify]).await?;
    let url = format!("https://stagedoor.example/v1/apps/{}", stage.app.0);
    let answer = client.as_client(TOKEN, &[GRANT, ("resource", &url)]).await?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = stage.token("lobby", "anna", "audience")?;
    assert_eq!(introspect(&client, &token).await?["iss"], "https://stagedoor.example");
    Ok(())
}

#[tokio::test]
async fn access_tokens_of_one_client_are_bounded_and_pruned() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.server.access_tokens_per_client_max = 3;
        config.server.clock_settle_s = 0;
    })
    .await?;
    let (client, other) =
        (stage.backend(&[Scope::RoomsRead]).await?, stage.backend(&[Scope::RoomsRead]).await?);
    for _ in 0..3 {
        client.access_token(None).await?;
    }
    let refused = client.as_client(TOKEN, &[GRANT]).await?;
    assert_eq!(refusal(&refused), (429, "temporarily_unavailable", "access_tokens_exceeded"));
    let retry_s: u64 = refused.field("retry-after").context("Retry-After")?.parse()?;
    assert!((800..=901).contains(&retry_s), "{retry_s}");
    other.access_token(None).await?;
    stage.running.bus.clock().put(901_000);
    client.access_token(None).await?;
    Ok(())
}

#[tokio::test]
async fn a_leaked_access_token_ends_and_its_client_stays() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let (token, _) = client.access_token(None).await?;
    let report = json!({"credentials": [token.credential]});
    for state in ["revoked", "ended"] {
        let told = stage.operator().get(200, "POST", "/v1/leaks", Some(&report)).await?;
        let item = &told["items"][0];
        assert_eq!((&item["kind"], &item["state"]), (&json!("access_token"), &json!(state)));
        assert_eq!(item["id"].as_str(), Some(token.id()?));
        assert_eq!(item["app"], stage.app.0);
    }
    assert_eq!(token.ask("GET", "/v1/me", None).await?.problem(), (401, "credential_invalid"));
    client.get(200, "GET", "/v1/me", None).await?;
    Ok(())
}

#[tokio::test]
async fn the_trail_names_the_access_token_and_never_its_secret() -> Result<()> {
    let stage = Stage::start().await?;
    let client = stage.backend(&[Scope::TokensMint, Scope::AuditRead]).await?;
    let (token, _) = client.access_token(None).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app.0);
    let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
    token.get(201, "POST", &path, Some(&new)).await?;
    client.as_client("/oauth/revoke", &[("token", &token.credential)]).await?;
    let trail = format!("/v1/apps/{}/audit?limit=50", stage.app.0);
    let records = client.records(&trail, 3).await?;
    let of = |kind: &str| records.iter().find(|record| record["kind"] == kind);
    for (kind, says) in [
        ("access_token.create", format!("access_token={} scopes=tokens:mint", token.id()?)),
        ("token.mint", format!("access_token={}", token.id()?)),
        ("access_token.revoke", format!("revoked={}", token.id()?)),
    ] {
        let record = of(kind).with_context(|| format!("no {kind}: {records:?}"))?;
        let detail = record["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(&says), "{kind}: {detail}");
        assert_eq!(record["actor"].as_str(), Some(client.id()?));
    }
    assert!(!format!("{records:?}").contains(&token.credential[22..]));
    Ok(())
}

#[tokio::test]
async fn guesses_at_clients_are_counted_and_owners_go_on() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.server.refusals_per_s = 1;
        config.server.refusals_burst = 5;
    })
    .await?;
    let client = stage.backend(&[Scope::RoomsRead]).await?;
    let other = stage.backend(&[Scope::RoomsRead]).await?;
    let guess = basic(client.id()?, &other.credential);
    let mut told = Vec::new();
    for _ in 0..8 {
        let answer = client.post_form(TOKEN, &guess, &form(&[GRANT])).await?;
        told.push((answer.status, answer.field("retry-after").is_some()));
    }
    assert_eq!((told[0], told[7]), ((401, false), (429, true)), "{told:?}");
    client.access_token(None).await?;
    Ok(())
}
