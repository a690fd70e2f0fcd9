//! Revocations over the API: what they refuse, what the mint answers, how long they stay.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage, stage::now_s};

/// An app's backend with every scope, and the paths of its app.
struct App {
    backend: Caller,
    revocations: String,
    tokens: String,
}

impl App {
    async fn of(stage: &Stage) -> Result<Self> {
        let backend = stage.backend(&Scope::ALL).await?;
        let path = format!("/v1/apps/{}", stage.app);
        Ok(Self {
            backend,
            revocations: format!("{path}/revocations"),
            tokens: format!("{path}/tokens"),
        })
    }

    async fn revoke(&self, asked: Value) -> Result<Value> {
        self.backend.get(201, "POST", &self.revocations, Some(&asked)).await
    }

    async fn refused(&self, asked: &Value) -> Result<(u16, String)> {
        let answer = self.backend.ask("POST", &self.revocations, Some(asked)).await?;
        let (status, code) = answer.problem();
        Ok((status, code.to_owned()))
    }

    async fn lift(&self, generation: &Value) -> Result<u16> {
        let path = format!("{}/{generation}", self.revocations);
        Ok(self.backend.ask("DELETE", &path, None).await?.status)
    }

    /// Numbers on the list, newest first.
    async fn listed(&self) -> Result<Vec<u64>> {
        let page = self.backend.get(200, "GET", &self.revocations, None).await?;
        let items = page["items"].as_array().context("items")?;
        Ok(items.iter().filter_map(|entry| entry["generation"].as_u64()).collect())
    }

    async fn mint(&self, room: &str, user: &str, role: &str) -> Result<String> {
        let body = json!({"room": room, "user": user, "role": role});
        let token = self.backend.get(201, "POST", &self.tokens, Some(&body)).await?;
        Ok(token["token"].as_str().context("a token")?.to_owned())
    }

    /// The code with which a mint is refused.
    async fn not_minted(&self, room: &str, user: &str, role: &str) -> Result<(u16, String)> {
        let body = json!({"room": room, "user": user, "role": role});
        let answer = self.backend.ask("POST", &self.tokens, Some(&body)).await?;
        let (status, code) = answer.problem();
        Ok((status, code.to_owned()))
    }

    /// The explanation of a token.
    async fn code(&self, token: &str) -> Result<String> {
        let path = format!("{}/verify", self.tokens);
        let said = self.backend.get(200, "POST", &path, Some(&json!({"token": token}))).await?;
        Ok(said["code"].as_str().context("a code")?.to_owned())
    }
}

fn targets(jti: &str, kid: &str) -> Vec<Value> {
    vec![
        json!({"jti": jti}),
        json!({"user": "anna"}),
        json!({"room_user": {"room": "main", "user": "anna"}}),
        json!({"room": "main"}),
        json!({"room_role": {"room": "main", "role": "speaker"}}),
        json!({"role": "speaker"}),
        json!({"key": kid}),
        json!("app"),
    ]
}

#[tokio::test]
async fn each_target_revokes_earlier_tokens_until_lifted() -> Result<()> {
    let stage = Stage::start().await?;
    let app = App::of(&stage).await?;
    let before = app.mint("main", "anna", "speaker").await?;
    let other = app.mint("other", "ben", "audience").await?;
    let said = json!({"token": before});
    let said = app.backend.get(200, "POST", &format!("{}/verify", app.tokens), Some(&said)).await?;
    let jti = said["claims"]["jti"].as_str().context("an id")?;
    for target in targets(jti, stage.key.kid()) {
        let made = app.revoke(json!({"target": target, "reason": "lost laptop"})).await?;
        assert_eq!((&made["target"], &made["ban"]), (&target, &json!(false)));
        assert_eq!(app.code(&before).await?, "token_revoked", "{target}");
        let wide = target == json!("app") || target.get("key").is_some();
        let expected = if wide { "token_revoked" } else { "ok" };
        assert_eq!(app.code(&other).await?, expected, "{target}");
        let after = app.mint("main", "anna", "speaker").await?;
        assert_eq!(app.code(&after).await?, "ok", "{target} hits a token from after");
        assert_eq!(app.lift(&made["generation"]).await?, 204);
        assert_eq!(app.lift(&made["generation"]).await?, 404);
        assert_eq!(app.code(&before).await?, "ok", "{target} is lifted");
    }
    let audit = format!("/v1/apps/{}/audit?kind=revocation.add", stage.app);
    let records = app.backend.get(200, "GET", &audit, None).await?;
    let newest = &records["items"][7];
    assert_eq!((&newest["jti"], &newest["code"]), (&json!(jti), &json!("ok")));
    let detail = newest["detail"].as_str().context("a detail")?;
    assert!(detail.contains("generation=1 ") && detail.contains("reason=lost laptop"), "{detail}");
    Ok(())
}

#[tokio::test]
async fn a_ban_refuses_every_token_and_blocks_minting() -> Result<()> {
    let stage = Stage::configured(|config| config.server.audit_repeat_window_s = 0).await?;
    let app = App::of(&stage).await?;
    for target in targets("none", stage.key.kid()).into_iter().skip(1) {
        let made = app.revoke(json!({"target": target, "ban": true})).await?;
        assert_eq!((&made["ends_at"], &made["over_at"]), (&Value::Null, &Value::Null));
        let refused = app.not_minted("main", "anna", "speaker").await?;
        assert_eq!(refused, (403, "banned".to_owned()), "{target}");
        let own = stage.token("main", "anna", "speaker")?;
        assert_eq!(app.code(&own).await?, "banned", "{target}");
        app.revoke(json!({"target": target})).await?;
        assert_eq!(app.lift(&made["generation"]).await?, 204);
        let token = app.mint("main", "anna", "speaker").await?;
        assert_eq!(app.code(&token).await?, "ok", "{target}: the ban is lifted");
        assert_eq!(app.code(&own).await?, "token_revoked", "{target}: what is left of it stands");
    }
    let audit = format!("/v1/apps/{}/audit?kind=token.mint&code=banned", stage.app);
    assert_eq!(app.backend.records(&audit, 7).await?.len(), 7);
    Ok(())
}

#[tokio::test]
async fn an_ended_ban_leaves_the_list() -> Result<()> {
    let stage = Stage::configured(|config| {
        (config.server.rate_per_s, config.server.rate_burst) = (100_000, 100_000);
    })
    .await?;
    let app = App::of(&stage).await?;
    let ends_at = now_s() + 2;
    let made = app.revoke(json!({"target": {"user": "anna"}, "ends_at": ends_at})).await?;
    let told = (&made["ban"], &made["ends_at"], &made["over_at"]);
    assert_eq!(told, (&json!(true), &json!(ends_at), &json!(ends_at)));
    let own = stage.token("main", "anna", "speaker")?;
    assert_eq!(app.code(&own).await?, "banned");
    while app.code(&own).await? != "ok" {
        assert!(now_s() < ends_at + 5, "the ban does not end");
    }
    assert!(now_s() >= ends_at, "the ban ended before its end");
    assert!(app.listed().await?.is_empty());
    app.mint("main", "anna", "speaker").await?;
    Ok(())
}

#[tokio::test]
async fn revocations_are_listed_in_pages_newest_first() -> Result<()> {
    let stage = Stage::start().await?;
    let app = App::of(&stage).await?;
    for user in ["a", "b", "c"] {
        let made = app.revoke(json!({"target": {"user": user}})).await?;
        assert_eq!(made["seats"], 0);
    }
    assert_eq!(app.listed().await?, [3, 2, 1]);
    let first = format!("{}?limit=2", app.revocations);
    let page = app.backend.get(200, "GET", &first, None).await?;
    assert_eq!(page["next"], "2");
    let entry = &page["items"][0];
    assert_eq!((&entry["target"], &entry["ban"]), (&json!({"user": "c"}), &json!(false)));
    let at = entry["at"].as_u64().context("a time")?;
    assert_eq!(entry["over_at"], at + 86_410, "the longest life of a token, and the leeway");
    let rest = app.backend.get(200, "GET", &(first + "&after=2"), None).await?;
    assert_eq!((&rest["items"][0]["generation"], &rest["next"]), (&json!(1), &Value::Null));
    let bad = app.backend.ask("GET", &format!("{}?after=x", app.revocations), None).await?;
    assert_eq!(bad.problem(), (400, "query_invalid"));
    Ok(())
}

#[tokio::test]
async fn a_senseless_revocation_is_refused() -> Result<()> {
    let stage = Stage::configured(|config| {
        config.server.revocation_margin_s_max = 20;
        config.server.revocation_reason_bytes_max = 4;
    })
    .await?;
    let app = App::of(&stage).await?;
    let (anna, soon) = (json!({"user": "anna"}), now_s() + 60);
    let long = "r".repeat(129);
    for (asked, status, code) in [
        (json!({"target": {"user": ""}}), 422, "revocation_invalid"),
        (json!({"target": {"room": long}}), 422, "revocation_invalid"),
        (json!({"target": {"key": "k\n"}}), 422, "revocation_invalid"),
        (json!({"target": {"role": "No Role"}}), 422, "role_invalid"),
        (json!({"target": {"team": "red"}}), 422, "body_invalid"),
        (json!({"target": {"user": "anna", "room": "main"}}), 422, "body_invalid"),
        (json!({}), 422, "body_invalid"),
        (json!({"target": anna, "odd": 1}), 422, "body_invalid"),
        (json!({"target": anna, "reason": "whyso"}), 422, "revocation_invalid"),
        (json!({"target": anna, "margin_s": 21}), 422, "revocation_invalid"),
        (json!({"target": anna, "ban": false, "ends_at": soon}), 422, "revocation_invalid"),
        (json!({"target": anna, "ends_at": now_s() - 1}), 422, "revocation_invalid"),
        (json!({"target": anna, "ban": true, "margin_s": 1}), 422, "revocation_invalid"),
        (
            json!({"target": anna, "ban": true, "then": {"demote": "audience"}}),
            422,
            "revocation_invalid",
        ),
        (json!({"target": anna, "then": {"demote": "king"}}), 422, "role_unknown"),
        (json!({"target": anna, "then": "explode"}), 422, "body_invalid"),
    ] {
        assert_eq!(app.refused(&asked).await?, (status, code.to_owned()), "{asked}");
    }
    assert!(app.listed().await?.is_empty());
    let good = json!({
        "target": anna, "margin_s": 20, "then": {"demote": "audience"}, "reason": "why?",
    });
    app.revoke(good).await?;
    Ok(())
}

#[tokio::test]
async fn revoking_needs_its_scope_and_affects_only_its_app() -> Result<()> {
    let stage = Stage::start().await?;
    let app = App::of(&stage).await?;
    let all = json!({"target": "app", "ban": true});
    let opens = [Scope::TokensRevoke, Scope::AppsAdmin];
    let others: Vec<Scope> =
        Scope::ALL.into_iter().filter(|scope| !opens.contains(scope)).collect();
    let stranger = stage.backend(&others).await?;
    let one = format!("{}/1", app.revocations);
    for (method, path, body) in [
        ("POST", &app.revocations, Some(&all)),
        ("GET", &app.revocations, None),
        ("DELETE", &one, None),
    ] {
        let refused = stranger.ask(method, path, body).await?;
        assert_eq!(refused.problem(), (403, "scope_missing"), "{method}");
    }
    let second = stage.operator().get(201, "POST", "/v1/apps", Some(&json!({"name": "b"}))).await?;
    let second = format!("/v1/apps/{}/revocations", second["app"]);
    let refused = app.backend.ask("POST", &second, Some(&all)).await?;
    assert_eq!(refused.problem(), (403, "scope_missing"));
    let made = stage.operator().get(201, "POST", &second, Some(&all)).await?;
    assert_eq!(made["generation"], 1);
    app.mint("main", "anna", "speaker").await?;
    let nowhere = stage.operator().ask("POST", "/v1/apps/1/revocations", Some(&all)).await?;
    assert_eq!(nowhere.problem(), (404, "app_unknown"));
    Ok(())
}

#[tokio::test]
async fn a_repeated_revocation_happens_once() -> Result<()> {
    let stage = Stage::start().await?;
    let app = App::of(&stage).await?;
    let asked = json!({"target": {"user": "anna"}}).to_string();
    let ask = |body: String| {
        let (app, fields) = (&app, "Idempotency-Key: one\r\n");
        async move { app.backend.ask_with("POST", &app.revocations, fields, Some(&body)).await }
    };
    let (mut first, second) = (ask(asked.clone()).await?, ask(asked).await?);
    assert_eq!(first.body["replayed"].take(), false);
    first.body["replayed"] = json!(true);
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(second.field("idempotency-replayed"), Some("true"));
    assert_eq!(app.listed().await?, [1]);
    let other = ask(json!({"target": {"user": "ben"}}).to_string()).await?;
    assert_eq!(other.problem(), (422, "idempotency_mismatch"));
    Ok(())
}

#[tokio::test]
async fn an_apps_revoked_targets_are_limited() -> Result<()> {
    let stage = Stage::configured(|config| config.server.revocations_per_app_max = 2).await?;
    let app = App::of(&stage).await?;
    let of = |user: &str| json!({"target": {"user": user}});
    let made = app.revoke(of("a")).await?;
    app.revoke(of("b")).await?;
    assert_eq!(app.refused(&of("c")).await?, (409, "revocations_exceeded".to_owned()));
    for jti in ["t1", "t2"] {
        app.revoke(json!({"target": {"jti": jti}})).await.context("ids are counted apart")?;
    }
    let third = json!({"target": {"jti": "t3"}});
    assert_eq!(app.refused(&third).await?, (409, "revocations_exceeded".to_owned()));
    app.lift(&made["generation"]).await?;
    app.revoke(of("c")).await?;
    Ok(())
}
