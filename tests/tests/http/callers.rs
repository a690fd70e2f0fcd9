//! Authorization, rates, and the form of requests.

use anyhow::Result;
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};

#[tokio::test]
async fn a_missing_or_wrong_credential_is_401_with_a_challenge() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let with = |credential: &str| Caller { to: stage.running.http, credential: credential.into() };
    let missing = with("").ask("POST", &path, Some(&json!({}))).await?;
    assert_eq!(missing.problem(), (401, "credential_missing"));
    assert_eq!(missing.field("www-authenticate"), Some("Bearer realm=\"stagedoor\""));
    let mut altered = backend.credential.clone();
    altered.pop();
    for wrong in ["nonsense", "sd_x_y", "sdroot_x", altered.as_str()] {
        let answer = with(wrong).ask("POST", &path, Some(&json!({}))).await?;
        assert_eq!(answer.problem(), (401, "credential_invalid"), "{wrong}");
        assert_eq!(
            answer.field("www-authenticate"),
            Some("Bearer realm=\"stagedoor\", error=\"invalid_token\"")
        );
        assert!(!answer.body.to_string().contains(wrong));
    }
    Ok(())
}

#[tokio::test]
async fn each_scope_opens_its_own_paths_in_its_own_app() -> Result<()> {
    let stage = Stage::start().await?;
    let _anna = stage.join("lobby", "anna", "host").await?;
    let other = stage.running.server.create_app("other").await?.app;
    let mint = json!({"room": "lobby", "user": "bob", "role": "audience"});
    let message = json!({"to": "room", "data": 1});
    let paths = [
        (Scope::TokensMint, "POST", "/tokens", Some(&mint)),
        (Scope::RoomsRead, "GET", "/rooms", None),
        (Scope::RoomsRead, "GET", "/rooms/lobby", None),
        (Scope::RoomsModerate, "POST", "/rooms/lobby/messages", Some(&message)),
        (Scope::AppsRead, "GET", "", None),
        (Scope::AppsRead, "GET", "/roles", None),
        (Scope::KeysManage, "GET", "/keys", None),
        (Scope::CredentialsManage, "GET", "/api-keys", None),
        (Scope::AuditRead, "GET", "/audit", None),
    ];
    for held in Scope::ALL {
        let backend = stage.backend(&[held]).await?;
        for (needed, method, path, body) in paths {
            let own = backend.ask(method, &format!("/v1/apps/{}{path}", stage.app), body).await?;
            if [needed, Scope::AppsAdmin].contains(&held) {
                assert!(own.status < 300, "{held:?} {path}: {}", own.body);
            } else {
                assert_eq!(own.problem(), (403, "scope_missing"), "{held:?} {path}");
                assert_eq!(own.body["scope"], needed.as_str());
                let challenge =
                    format!("error=\"insufficient_scope\", scope=\"{}\"", needed.as_str());
                assert!(
                    own.field("www-authenticate").is_some_and(|field| field.contains(&challenge))
                );
            }
            for app in [other, 4_000_000_000] {
                let foreign = backend.ask(method, &format!("/v1/apps/{app}{path}"), body).await?;
                assert_eq!(
                    foreign.problem(),
                    (403, "scope_missing"),
                    "an app of others and none look the same"
                );
            }
        }
        assert_eq!(
            backend.ask("POST", "/v1/apps", Some(&json!({"name": "x"}))).await?.problem().0,
            403
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_malformed_request_has_its_status_and_code() -> Result<()> {
    let stage = Stage::configured(|config| config.server.body_bytes_max = 1_000).await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let tokens = format!("/v1/apps/{}/tokens", stage.app);
    let large = format!("{{\"room\":\"{}\"}}", "x".repeat(2_000));
    for (method, path, fields, body, status, code) in [
        ("POST", tokens.as_str(), "", Some("{"), 400, "body_malformed"),
        ("POST", &tokens, "", Some("{}"), 422, "body_invalid"),
        (
            "POST",
            &tokens,
            "Content-Type: text/plain\r\n",
            Some("{}"),
            415,
            "media_type_unsupported",
        ),
        ("POST", &tokens, "", Some(&large), 413, "body_too_large"),
        ("PUT", &tokens, "", Some("{}"), 405, "method_not_allowed"),
        ("GET", "/v1/nothing", "", None, 404, "path_unknown"),
        ("GET", "/v1/apps/x/rooms", "", None, 400, "path_invalid"),
        ("GET", "/v1/apps?limit=0", "", None, 400, "query_invalid"),
        ("GET", "/v1/apps?colour=red", "", None, 400, "query_invalid"),
    ] {
        let answer = backend.ask_with(method, path, fields, body).await?;
        assert_eq!(answer.problem(), (status, code), "{method} {path}");
        assert!(answer.field("x-request-id").is_some());
        assert_eq!(answer.field("allow").is_some(), status == 405);
    }
    let named = backend.ask_with("GET", "/v1/nothing", "X-Request-Id: my-id.1\r\n", None).await?;
    assert_eq!(named.body["request_id"], "my-id.1");
    let insane = backend.ask_with("GET", "/v1/nothing", "X-Request-Id: <b>\r\n", None).await?;
    assert_ne!(insane.body["request_id"], "<b>");
    Ok(())
}

#[tokio::test]
async fn a_path_is_refused_for_the_part_that_is_wrong() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let app = format!("/v1/apps/{}", stage.app);
    for (method, path, part) in [
        ("GET", "/v1/apps/x/rooms", "`app` in the path must be an unsigned integer"),
        ("GET", "/v1/apps/4294967296", "`app` in the path must be an unsigned integer"),
        ("GET", &format!("{app}/rooms/%FF"), "`room` in the path must be UTF-8"),
        ("DELETE", &format!("{app}/rooms/%ff"), "`room` in the path must be UTF-8"),
        ("POST", &format!("{app}/rooms/a/members/%C3/kick"), "`user` in the path must be UTF-8"),
        ("GET", &format!("{app}/roles/%FF"), "`role` in the path must be UTF-8"),
        ("GET", &format!("{app}/roles/versions/-1"), "`version` in the path must be an unsigned"),
        ("DELETE", &format!("{app}/revocations/x"), "`generation` in the path must be an unsigned"),
    ] {
        let answer = operator.ask(method, path, None).await?;
        assert_eq!(answer.problem(), (400, "path_invalid"), "{method} {path}");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(part), "{method} {path}: {detail}");
    }
    Ok(())
}

#[tokio::test]
async fn each_refused_body_names_its_field() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let _bob = stage.join("lobby", "bob", "audience").await?;
    let app = format!("/v1/apps/{}", stage.app);
    let bob = "/rooms/lobby/members/bob";
    for (method, path, body, code, field) in [
        ("POST", "/v1/apps", r#"{"name":""}"#, "name_invalid", "name"),
        ("POST", "/v1/apps", r#"{"name":"a","id":0}"#, "app_id_invalid", "id"),
        ("POST", "/v1/apps", r#"{"name":"a","ttl_s_default":0}"#, "ttl_invalid", "ttl_s_default"),
        ("POST", "/v1/apps", r#"{"name":"a","ttl_s_max":90000}"#, "ttl_invalid", "ttl_s_max"),
        ("POST", "/v1/apps", r#"{"name":["a"]}"#, "body_invalid", "name"),
        ("PATCH", "", r#"{"second_login":"never"}"#, "body_invalid", "second_login"),
        ("PATCH", "", r#"{"colour":"red"}"#, "body_invalid", "colour"),
        ("POST", "/api-keys", r#"{"name":"a","scopes":[]}"#, "scopes_invalid", "scopes"),
        ("POST", "/api-keys", r#"{"name":"a","scopes":["all"]}"#, "body_invalid", "scopes[0]"),
        ("POST", "/api-keys", r#"{"scopes":[]}"#, "body_invalid", "name"),
        ("POST", "/revocations", r#"{"target":{"user":""}}"#, "revocation_invalid", "target.user"),
        ("POST", "/revocations", r#"{"target":{"team":"a"}}"#, "body_invalid", "target"),
        ("POST", "/revocations", r#"{"target":{"role":"A"}}"#, "role_invalid", "target.role"),
        (
            "POST",
            "/revocations",
            r#"{"target":"app","then":{"demote":"king"}}"#,
            "role_unknown",
            "then.demote",
        ),
        (
            "POST",
            "/revocations",
            r#"{"target":"app","margin_s":301}"#,
            "revocation_invalid",
            "margin_s",
        ),
        ("POST", "/rooms/lobby/messages", r#"{"to":"room"}"#, "body_invalid", "data"),
        ("POST", "/rooms/lobby/messages", r#"{"to":"all","data":1}"#, "body_invalid", "to"),
        (
            "POST",
            "/rooms/lobby/messages",
            r#"{"to":"room","data":1,"topic":"a b"}"#,
            "body_invalid",
            "topic",
        ),
        ("POST", &format!("{bob}/role"), r#"{"role":"King"}"#, "role_invalid", "role"),
        ("POST", &format!("{bob}/role"), r#"{"role":"king"}"#, "role_refused", "role"),
        ("POST", &format!("{bob}/mute"), r#"{"kinds":[]}"#, "body_invalid", "kinds"),
        (
            "POST",
            &format!("{bob}/mute"),
            r#"{"kinds":["audio","smell"]}"#,
            "body_invalid",
            "kinds[1]",
        ),
        ("POST", &format!("{bob}/kick"), r#"{"reason":"why"}"#, "revocation_invalid", "reason"),
    ] {
        let path = if path.starts_with("/v1") { path.to_owned() } else { format!("{app}{path}") };
        let answer = operator.ask_with(method, &path, "", Some(body)).await?;
        assert_eq!(answer.problem(), (422, code), "{method} {path} {body}: {}", answer.body);
        assert_eq!(answer.body["field"], field, "{method} {path} {body}: {}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_caller_over_its_rate_learns_when_to_retry() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.server.rate_per_s = 1;
        config.server.rate_burst = 3;
        config.server.refusals_per_s = 1;
        config.server.refusals_burst = 2;
    })
    .await?;
    let backend = stage.backend(&[Scope::RoomsRead]).await?;
    let path = format!("/v1/apps/{}/rooms", stage.app);
    for left in ["2", "1", "0"] {
        let answer = backend.ask("GET", &path, None).await?;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("ratelimit"), Some(format!("\"default\";r={left}").as_str()));
        assert_eq!(answer.field("ratelimit-policy"), Some("\"default\";q=3;w=3"));
    }
    let limited = backend.ask("GET", &path, None).await?;
    assert_eq!(limited.problem(), (429, "rate_limited"));
    assert_eq!(limited.field("retry-after"), Some("1"));
    let stranger = Caller { to: stage.running.http, credential: "sd_wrong_wrong".into() };
    for status in [401, 401, 429] {
        assert_eq!(stranger.ask("GET", &path, None).await?.status, status);
    }
    Ok(())
}

#[tokio::test]
async fn pages_need_no_credential_and_load_only_their_own_files() -> Result<()> {
    let stage = Stage::start().await?;
    let anybody = Caller { to: stage.running.http, credential: String::new() };
    for path in ["/", "/reference"] {
        let answer = anybody.ask("GET", path, None).await?;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer
                .field("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'"))
        );
    }
    let document = anybody.get(200, "GET", "/v1/openapi.json", None).await?;
    assert_eq!(document, serde_json::from_str::<serde_json::Value>(&stagedoor_server::openapi())?);
    Ok(())
}
