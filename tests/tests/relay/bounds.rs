//! Bounds of a key at the door, in the seat, and for guests.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::{App, AppKey, Bus};
use stagedoor_server::Scope;
use stagedoor_tests::{Stage, member::http};
use stagedoor_token::{AtExp, Claims, Key, KeyState, mint};

const WIDE: &str =
    r#"{"rooms":["lobby","hall-*"],"roles":["audience","speaker"],"rank_max":50,"ttl_s_max":600}"#;

fn token(stage: &Stage, role: &str, change: impl FnOnce(&mut Claims)) -> Result<String> {
    let mut claims = stage.claims("lobby", "anna", role)?;
    change(&mut claims);
    Ok(mint(&claims, &stage.key)?)
}

async fn login(stage: &Stage, token: &str) -> Result<Value> {
    stage.connect().await?.ask(json!({"op": "login", "token": token})).await
}

#[tokio::test]
async fn a_token_beyond_its_keys_bounds_is_refused_by_name() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let verify = format!("/v1/apps/{}/tokens/verify", stage.app);
    let demote = AtExp::Demote("observer".parse()?);
    for (bounds, role, change, refused) in [
        (json!({}), "host", None, None),
        (serde_json::from_str(WIDE)?, "speaker", None, None),
        (serde_json::from_str(WIDE)?, "host", None, Some(("roles", "role"))),
        (json!({"rooms": ["hall"]}), "speaker", None, Some(("rooms", "room"))),
        (json!({"rank_max": 49}), "speaker", None, Some(("rank_max", "role"))),
        (json!({"ttl_s_max": 599}), "speaker", None, Some(("ttl_s_max", "exp"))),
        (json!({"once": true}), "speaker", None, Some(("once", "once"))),
        (json!({"bound": true}), "speaker", None, Some(("bound", "cnf"))),
        (json!({"roles": ["speaker"]}), "speaker", Some(demote), Some(("roles", "role"))),
    ] {
        stage.bound(bounds.clone()).await?;
        let token = token(&stage, role, |claims| {
            claims.at_exp = change.unwrap_or_default();
        })?;
        let answer = login(&stage, &token).await?;
        let explained = backend.get(200, "POST", &verify, Some(&json!({"token": token}))).await?;
        let Some((bound, field)) = refused else {
            assert!(answer["ok"].is_object(), "{bounds}: {answer}");
            assert_eq!((&explained["code"], &explained["bound"]), (&json!("ok"), &Value::Null));
            continue;
        };
        let error = &answer["error"];
        assert_eq!(error["code"], "key_bounds_exceeded", "{bounds}: {answer}");
        assert_eq!((&error["bound"], &error["field"]), (&json!(bound), &json!(field)));
        assert_eq!(explained["code"], "key_bounds_exceeded", "{explained}");
        assert_eq!((&explained["valid"], &explained["bound"]), (&json!(false), &json!(bound)));
    }
    Ok(())
}

#[tokio::test]
async fn a_handshake_beyond_its_keys_bounds_is_refused_with_403() -> Result<()> {
    let stage = Stage::start().await?;
    stage.bound(json!({"rooms": ["hall"]})).await?;
    let token = token(&stage, "speaker", |_| {})?;
    let head = format!(
        "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: stagedoor.v1\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let answer = http(stage.running.http, &head).await?;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").context("a body")?;
    let problem: Value = serde_json::from_str(body)?;
    assert_eq!(problem["code"], "key_bounds_exceeded", "{problem}");
    assert_eq!((&problem["bound"], &problem["field"]), (&json!("rooms"), &json!("room")));
    Ok(())
}

#[tokio::test]
async fn bounds_are_told_after_grants_that_are_too_wide() -> Result<()> {
    let stage = Stage::start().await?;
    stage.bound(json!({"rooms": ["hall"]})).await?;
    let token = token(&stage, "audience", |claims| {
        claims.grants = serde_json::from_str(r#"{"publish":{"streams":["*"]}}"#).ok();
    })?;
    assert_eq!(login(&stage, &token).await?["error"]["code"], "grants_too_wide");
    Ok(())
}

#[tokio::test]
async fn a_host_promotes_beyond_bounds_that_hold_for_a_renewal() -> Result<()> {
    let stage = Stage::start().await?;
    let app = stage.app;
    let own = Key::ed25519(app, "k_line", &[7; 32], KeyState::Current)?;
    let put = |bounds: Value| {
        let (stage, own) = (&stage, own.clone());
        async move {
            let known = stage.running.bus.directory();
            let of_app = known.app(app).context("the app")?.clone();
            let keys = vec![
                (&stage.key).into(),
                AppKey::new(own, std::sync::Arc::new(serde_json::from_value(bounds)?)),
            ];
            anyhow::Ok(stage.running.bus.put_app(App { keys, ..of_app }).await?)
        }
    };
    put(json!({"roles": ["audience"]})).await?;
    let mut host = stage.join("lobby", "hans", "host").await?;
    let signed = |role: &str, jti: &str| {
        let mut claims = stage.claims("lobby", "anna", role)?;
        claims.jti = jti.into();
        anyhow::Ok(mint(&claims, &own)?)
    };
    let mut anna = stage.connect().await?;
    anna.log_in(&signed("audience", "t1")?).await?;
    host.ok(json!({"op": "moderate", "verb": "promote", "user": "anna", "role": "speaker"}))
        .await?;
    anna.event("grants_changed").await?;
    anna.ok(json!({"op": "publish", "stream": "a", "kind": "audio", "delivery": "media"})).await?;
    let renew = |token: String| json!({"op": "renew", "token": token});
    let refused = anna.ask(renew(signed("speaker", "t2")?)).await?;
    assert_eq!(refused["error"]["code"], "key_bounds_exceeded", "{refused}");
    assert_eq!(refused["error"]["bound"], "roles");
    let by_main = stage.token("lobby", "anna", "speaker")?;
    assert_eq!(anna.ok(renew(by_main)).await?["role"], "speaker");
    // Narrower bounds hit the next token, not the seat.
    put(json!({"rooms": []})).await?;
    anna.ok(json!({"op": "ping"})).await?;
    assert_eq!(anna.code(renew(signed("audience", "t3")?)).await?, "key_bounds_exceeded");
    Ok(())
}

#[tokio::test]
async fn a_guest_stays_within_the_bounds_of_its_inviters_key() -> Result<()> {
    let stage = Stage::start().await?;
    stage.bound(json!({"roles": ["host", "audience"], "ttl_s_max": 600})).await?;
    let mut anna = stage.connect().await?;
    anna.log_in(&token(&stage, "host", |_| {})?).await?;
    let invite = |role: &str| json!({"op": "invite", "role": role, "ttl_s": 60});
    assert_eq!(anna.code(invite("speaker")).await?, "invite_denied");
    anna.ok(invite("audience")).await?;
    Ok(())
}

#[tokio::test]
async fn a_ticket_is_held_to_the_bounds_of_its_time() -> Result<()> {
    let stage = Stage::start().await?;
    let token = token(&stage, "speaker", |claims| claims.once = true)?;
    let ticket = login(&stage, &token).await?["ok"]["ticket"].take();
    stage.bound(json!({"rooms": ["hall"]})).await?;
    let mut again = stage.connect().await?;
    let login = json!({"op": "login", "ticket": ticket});
    assert_eq!(again.code(login).await?, "key_bounds_exceeded");
    Ok(())
}
