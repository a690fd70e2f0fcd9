//! Personal tokens: they open what their operator's levels open at that moment.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};

use super::{change, give, operator, service, token, within};

/// The answer to a request that reads, as status and code.
async fn read(caller: &Caller, path: &str) -> Result<(u16, String)> {
    let answer = caller.ask("GET", path, None).await?;
    Ok((answer.status, answer.body["code"].as_str().unwrap_or_default().into()))
}

fn invalid() -> (u16, String) {
    (401, "credential_invalid".into())
}

#[tokio::test]
async fn a_token_follows_the_levels_of_its_operator() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let trail = format!("/v1/apps/{}/audit", stage.app);
        let id = operator(&stage, "robot", "service", "none").await?;
        give(&stage, &id, "support").await?;
        let robot = token(&stage, &id, &[Scope::AuditRead, Scope::AppsRead]).await?;
        assert_eq!(read(&robot, &trail).await?.0, 200);
        give(&stage, &id, "viewer").await?;
        assert_eq!(read(&robot, &trail).await?, (403, "scope_missing".into()));
        assert_eq!(read(&robot, "/v1/apps").await?.0, 200);
        change(&stage, &id, json!({"level": "admin"})).await?;
        assert_eq!(read(&robot, &trail).await?.0, 200, "beside the level in the app");
        let keys = format!("/v1/apps/{}/keys", stage.app);
        let beyond = read(&robot, &keys).await?;
        assert_eq!(beyond, (403, "scope_missing".into()), "the token has not that scope");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ending_an_operator_ends_its_tokens_before_the_answer() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, robot) = service(&stage, "robot", "viewer").await?;
        assert_eq!(read(&robot, "/v1/apps").await?.0, 200);
        change(&stage, &id, json!({"disabled": true})).await?;
        assert_eq!(read(&robot, "/v1/apps").await?, invalid());
        change(&stage, &id, json!({"disabled": false})).await?;
        assert_eq!(read(&robot, "/v1/apps").await?, invalid(), "it does not come back");
        let again = token(&stage, &id, &[Scope::AppsRead]).await?;
        assert_eq!(read(&again, "/v1/apps").await?.0, 200);
        stage.operator().get(204, "DELETE", &format!("/v1/operators/{id}"), None).await?;
        assert_eq!(read(&again, "/v1/apps").await?, invalid());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_token_is_listed_used_and_ended_by_its_operator() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, robot) = service(&stage, "robot", "developer").await?;
        let new = json!({"name": "ci", "scopes": ["tokens:mint"], "ttl_s": 60, "bounds": {"rooms": ["a"]}});
        let made = robot.get(201, "POST", "/v1/me/tokens", Some(&new)).await?;
        let credential = made["token"].as_str().context("a token")?.to_owned();
        let narrow = Caller { to: stage.running.http, credential };
        let mint = format!("/v1/apps/{}/tokens", stage.app);
        let of = |room: &str| json!({"room": room, "user": "u", "role": "audience"});
        narrow.get(201, "POST", &mint, Some(&of("a"))).await?;
        let beyond = narrow.ask("POST", &mint, Some(&of("b"))).await?;
        assert_eq!(beyond.problem(), (403, "bounds_exceeded"));
        let me = narrow.get(200, "GET", "/v1/me", None).await?;
        assert_eq!((me["id"].as_str(), me["credential"].as_str()), (Some(&*id), Some("personal_token")));
        assert_eq!((&me["credential_id"], &me["scopes"]), (&made["id"], &json!(["tokens:mint", "tokens:verify"])));
        let listed = robot.get(200, "GET", "/v1/me/tokens", None).await?;
        let listed = listed["items"].as_array().context("tokens")?;
        let one = listed.iter().find(|token| token["id"] == made["id"]).context("the token")?;
        assert_eq!((one["name"].as_str(), &one["last_used_from"]), (Some("ci"), &json!("127.0.0.0/24")));
        assert!(one["last_used_ms"].is_u64() && !one.to_string().contains("sdpat_"));
        // It ends itself, and nothing that has more than it has.
        let wide = format!("/v1/me/tokens/{}", robot.id()?);
        assert_eq!(narrow.ask("DELETE", &wide, None).await?.problem(), (403, "scope_missing"));
        narrow.get(204, "DELETE", &format!("/v1/me/tokens/{}", narrow.id()?), None).await?;
        assert_eq!(read(&narrow, "/v1/me").await?, invalid());
        let gone = robot.ask("DELETE", &format!("/v1/me/tokens/{}", narrow.id()?), None).await?;
        assert_eq!(gone.problem(), (404, "personal_token_unknown"));
        // An owner ends anybody's.
        let path = format!("/v1/operators/{id}/tokens");
        let listed = stage.operator().get(200, "GET", &path, None).await?;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
        stage.operator().get(204, "DELETE", &format!("{path}/{}", robot.id()?), None).await?;
        assert_eq!(read(&robot, "/v1/me").await?, invalid());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_token_expires_and_a_clock_that_jumps_back_revives_it_only_for_its_time() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (_, robot) = service(&stage, "robot", "viewer").await?;
        let new = json!({"name": "short", "scopes": ["apps:read"], "ttl_s": 1});
        let made = robot.get(201, "POST", "/v1/me/tokens", Some(&new)).await?;
        let credential = made["token"].as_str().context("a token")?.to_owned();
        let short = Caller { to: stage.running.http, credential };
        assert_eq!(read(&short, "/v1/apps").await?.0, 200);
        stage.running.bus.clock().put(1_500);
        assert_eq!(read(&short, "/v1/apps").await?, (401, "credential_expired".into()));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_token_made_by_a_token_has_no_more_and_no_longer() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, _) = service(&stage, "robot", "developer").await?;
        let path = format!("/v1/operators/{id}/tokens");
        let new = json!({"name": "n", "scopes": ["tokens:mint"], "ttl_s": 600, "bounds": {"rooms": ["a-*"]}});
        let made = stage.operator().get(201, "POST", &path, Some(&new)).await?;
        let credential = made["token"].as_str().context("a token")?.to_owned();
        let narrow = Caller { to: stage.running.http, credential };
        let bounds = json!({"rooms": ["a-1"]});
        for (new, problem) in [
            (json!({"name": "n", "scopes": ["rooms:read"], "bounds": bounds}), (403, "scope_missing")),
            (json!({"name": "n", "scopes": ["tokens:mint"]}), (422, "bounds_too_wide")),
            (json!({"name": "n", "scopes": [], "bounds": bounds}), (422, "scopes_invalid")),
            (json!({"name": "n", "scopes": ["tokens:mint"], "bounds": {"x": 1}}), (422, "bounds_invalid")),
            (json!({"name": "n", "scopes": ["tokens:mint"], "bounds": bounds, "ttl_s": 601}), (422, "expires_invalid")),
            (json!({"name": "n", "scopes": ["tokens:mint"], "bounds": bounds, "ttl_s": 0}), (422, "expires_invalid")),
            (json!({"name": "", "scopes": ["tokens:mint"], "bounds": bounds}), (422, "name_invalid")),
        ] {
            let answer = narrow.ask("POST", "/v1/me/tokens", Some(&new)).await?;
            assert_eq!(answer.problem(), problem, "{new}");
        }
        let good = json!({"name": "n", "scopes": ["tokens:verify"], "bounds": bounds});
        let inner = narrow.get(201, "POST", "/v1/me/tokens", Some(&good)).await?;
        assert_eq!(inner["expires_ms"], made["expires_ms"], "it ends with the one that made it");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn tokens_are_of_operators_and_bounded_in_number() -> Result<()> {
    within(async {
        let stage =
            Stage::configured(|config| config.server.personal_tokens_per_operator_max = 2).await?;
        let new = json!({"name": "n", "scopes": ["apps:read"], "ttl_s": 1});
        for caller in [stage.operator(), stage.backend(&[Scope::AppsAdmin]).await?] {
            let refused = caller.ask("POST", "/v1/me/tokens", Some(&new)).await?;
            assert_eq!(refused.problem(), (403, "operator_only"));
            let refused = caller.ask("GET", "/v1/me/tokens", None).await?;
            assert_eq!(refused.problem(), (403, "operator_only"));
        }
        let (id, robot) = service(&stage, "robot", "viewer").await?;
        robot.get(201, "POST", "/v1/me/tokens", Some(&new)).await?;
        let full = robot.ask("POST", "/v1/me/tokens", Some(&new)).await?;
        assert_eq!(full.problem(), (409, "personal_tokens_exceeded"));
        let person = operator(&stage, "maria", "person", "viewer").await?;
        let path = format!("/v1/operators/{person}/tokens");
        let refused = stage.operator().ask("POST", &path, Some(&new)).await?;
        assert_eq!(refused.problem(), (409, "operator_kind"), "people make their own");
        let path = format!("/v1/operators/{id}/tokens/abcdefghijkmnpqr");
        let refused = stage.operator().ask("DELETE", &path, None).await?;
        assert_eq!(refused.problem(), (404, "personal_token_unknown"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_token_opens_nothing_and_is_recognised_again() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (_, robot) = service(&stage, "robot", "viewer").await?;
        let report = json!({"credentials": [robot.credential], "found_at": "https://example.com/"});
        for state in ["revoked", "ended"] {
            let told = stage.operator().get(200, "POST", "/v1/leaks", Some(&report)).await?;
            let item: &Value = &told["items"][0];
            assert_eq!((&item["kind"], &item["state"]), (&json!("personal_token"), &json!(state)));
            assert_eq!(item["id"], robot.id()?);
        }
        assert_eq!(read(&robot, "/v1/me").await?, invalid());
        Ok(())
    })
    .await
}

/// Posts a form of a client whose secret is this caller's credential.
async fn form(client: &Caller, path: &str, more: &str) -> Result<stagedoor_tests::Answer> {
    let stranger = Caller { to: client.to, credential: String::new() };
    let body = format!("client_id={}&client_secret={}{more}", client.id()?, client.credential);
    let fields = "Content-Type: application/x-www-form-urlencoded\r\n";
    stranger.ask_with("POST", path, fields, Some(&body)).await
}

#[tokio::test]
async fn a_service_account_is_an_oauth_client_until_it_ends() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, robot) = service(&stage, "robot", "support").await?;
        let asked = "&grant_type=client_credentials";
        let given = form(&robot, "/oauth/token", asked).await?;
        assert_eq!(given.status, 200, "{}", given.body);
        let credential = given.body["access_token"].as_str().context("a token")?.to_owned();
        let access = Caller { to: stage.running.http, credential };
        let me = access.get(200, "GET", "/v1/me", None).await?;
        assert_eq!((&me["id"], &me["credential"]), (&json!(id), &json!("access_token")));
        let told =
            form(&robot, "/oauth/introspect", &format!("&token={}", access.credential)).await?;
        assert_eq!((&told.body["active"], &told.body["sub"]), (&json!(true), &json!(id)));
        let told =
            form(&robot, "/oauth/introspect", &format!("&token={}", robot.credential)).await?;
        assert_eq!((&told.body["active"], &told.body["sub"]), (&json!(true), &json!(id)));
        // For one app it opens that app alone.
        let app = format!("{asked}&resource=urn:stagedoor:app:{}&scope=apps:read", stage.app);
        let given = form(&robot, "/oauth/token", &app).await?;
        let credential = given.body["access_token"].as_str().context("a token")?.to_owned();
        let one = Caller { to: stage.running.http, credential };
        let other = stage.running.server.create_app("other").await?.app;
        assert_eq!(read(&one, &format!("/v1/apps/{}", stage.app)).await?.0, 200);
        assert_eq!(read(&one, &format!("/v1/apps/{other}")).await?, (403, "scope_missing".into()));
        // Levels are read at each use, of the access token too.
        change(&stage, &id, json!({"level": "viewer"})).await?;
        let trail = format!("/v1/apps/{}/audit", stage.app);
        assert_eq!(read(&access, &trail).await?, (403, "scope_missing".into()));
        change(&stage, &id, json!({"disabled": true})).await?;
        for gone in [&access, &one, &robot] {
            assert_eq!(read(gone, "/v1/me").await?, invalid());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_persons_token_is_no_oauth_client() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (_, browser) = super::person(&stage, "maria", "viewer").await?;
        let new = json!({"name": "laptop", "scopes": ["apps:read"]});
        let made = browser.ask("POST", "/console/v1/me/tokens", Some(&new)).await?;
        let credential = made.body["token"].as_str().context("a token")?.to_owned();
        let laptop = Caller { to: stage.running.http, credential };
        assert_eq!(read(&laptop, "/v1/apps").await?.0, 200);
        let refused = form(&laptop, "/oauth/token", "&grant_type=client_credentials").await?;
        assert_eq!((refused.status, refused.body["error"].as_str()), (401, Some("invalid_client")));
        let gone = form(&laptop, "/oauth/revoke", &format!("&token={}", laptop.credential)).await?;
        assert_eq!(gone.status, 401, "nor is it revoked as one");
        Ok(())
    })
    .await
}
