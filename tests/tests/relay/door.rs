//! The door: each refusal of a login, and what the stranger learns from it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Member, Stage, stage::now_s};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

/// Tries to log in; the answer's code, the close code and its reason.
async fn refused(stage: &Stage, login: Value) -> Result<(String, u16, String)> {
    let mut stranger = stage.connect().await?;
    let code = stranger.code(login).await?;
    let closed = stranger.closed().await?;
    Ok((code, closed.code, closed.reason))
}

async fn refused_token(stage: &Stage, token: &str) -> Result<(String, u16, String)> {
    refused(stage, json!({"op": "login", "token": token})).await
}

fn expected(code: &str, close: u16, reason: &str) -> (String, u16, String) {
    (code.into(), close, reason.into())
}

#[tokio::test]
async fn unproven_clients_see_only_token_invalid() -> Result<()> {
    let stage = Stage::start().await?;
    let good = stage.token("lobby", "anna", "host")?;
    let foreign = Key::hs256(stage.app, "k_other", &[9; 32], KeyState::Current)?;
    let (before, after) = (&good[..good.len() - 20], &good[good.len() - 19..]);
    let other = if good.as_bytes()[before.len()] == b'A' { 'B' } else { 'A' };
    let flipped = format!("{before}{other}{after}");
    let forged = Key::hs256(stage.app, stage.key.kid(), &[9; 32], KeyState::Current)?;
    let claims = stage.claims("lobby", "anna", "host")?;
    for token in [
        "nonsense".into(),
        "a.b.c".into(),
        String::new(),
        "x".repeat(5_000),
        mint(&claims, &foreign)?,
        mint(&claims, &forged)?,
        flipped,
    ] {
        assert_eq!(
            refused_token(&stage, &token).await?,
            expected("token_invalid", 4200, "token_invalid")
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_proven_tokens_refusal_says_exactly_what_is_wrong() -> Result<()> {
    let stage = Stage::start().await?;
    let now = now_s();
    let with = |change: &dyn Fn(&mut Claims)| -> Result<String> {
        let mut claims = stage.claims("lobby", "anna", "audience")?;
        change(&mut claims);
        Ok(mint(&claims, &stage.key)?)
    };
    let expired =
        with(&|claims| (claims.iat, claims.nbf, claims.exp) = (now - 60, now - 60, now - 1))?;
    assert_eq!(
        refused_token(&stage, &expired).await?,
        expected("token_expired", 4201, "token_expired")
    );
    let early = with(&|claims| (claims.nbf, claims.exp) = (now + 60, now + 90))?;
    assert_eq!(
        refused_token(&stage, &early).await?,
        expected("token_not_yet_valid", 4202, "token_not_yet_valid")
    );
    let nobody = with(&|claims| claims.role = "king".parse().expect("a name"))?;
    assert_eq!(
        refused_token(&stage, &nobody).await?,
        expected("role_unknown", 4203, "token_refused")
    );
    let wide = serde_json::from_str(r#"{"publish":{"streams":["*"]}}"#)?;
    let wide = with(&|claims| claims.grants = Some(Clone::clone(&wide)))?;
    assert_eq!(
        refused_token(&stage, &wide).await?,
        expected("grants_too_wide", 4203, "token_refused")
    );
    Ok(())
}

/// Claims, and the refusal of their token: code, field, rule, and words of its text.
fn faults() -> Vec<(Value, [&'static str; 4])> {
    let beyond = json!({"subscribe": {"from": ["host", "audience"]}});
    vec![
        (json!({"iat": 1_795_737_000.5}), ["claims_malformed", "iat", "", "integer of seconds"]),
        (json!({"sub": 1_234}), ["claims_malformed", "sub", "", "must be a string"]),
        (json!({"exp": null}), ["claim_missing", "exp", "", "is missing"]),
        (json!({"aud": "us"}), ["claim_unknown", "aud", "", "the claims"]),
        (json!({"room": ".."}), ["room_invalid", "room", "", "neither `.` nor `..`"]),
        (
            json!({"grants": {"publish": {"kinds": ["audio", "smell"]}}}),
            ["grants_invalid", "grants.publish.kinds[1]", "", "one of `audio`"],
        ),
        (
            json!({"grants": beyond}),
            ["grants_too_wide", "grants.subscribe.from[1]", "subscribe.from", "may only narrow"],
        ),
        (json!({"at_exp": {"demote": "king"}}), ["role_unknown", "at_exp.demote", "", "no role"]),
    ]
}

fn says(refusal: &Value, [code, field, rule, text]: [&str; 4]) {
    let told = |name: &str| refusal[name].as_str().unwrap_or_default().to_owned();
    assert_eq!([told("code"), told("field"), told("rule")], [code, field, rule], "{refusal}");
    let message = told("message") + &told("detail");
    assert!(message.starts_with(&format!("`{field}` ")) && message.contains(text), "{message}");
}

#[tokio::test]
async fn a_refusal_names_the_field_on_each_way_in() -> Result<()> {
    let stage = Stage::start().await?;
    let mut seated = stage.join("lobby", "anna", "audience").await?;
    for (change, expected) in faults() {
        let token = stage.sign(&stage.claims_with(&change)?);
        let login = json!({"op": "login", "token": token});
        says(&stage.connect().await?.ask(login).await?["error"], expected);
        says(&seated.ask(json!({"op": "renew", "token": token})).await?["error"], expected);
        let bearer = format!("Bearer {token}");
        let fields = [("sec-websocket-protocol", "stagedoor.v1"), ("authorization", &bearer)];
        let tcp = tokio::net::TcpStream::connect(stage.running.http).await?;
        let answer = Member::connect_over(tcp, &fields).await?.err().context("a refusal")?;
        let body = answer.into_body().unwrap_or_default();
        says(&serde_json::from_slice(&body).context("a problem")?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn strangers_learn_no_field_whatever_they_claim() -> Result<()> {
    let stage = Stage::start().await?;
    for (change, _) in faults() {
        let claims = stage.claims_with(&change)?;
        let token = stagedoor_tests::stage::sign(stage.key.kid(), &[9; 32], &claims);
        let answer = stage.connect().await?.ask(json!({"op": "login", "token": token})).await?;
        let attempt = answer["error"]["attempt"].as_str().context("a number")?;
        let message = "the token is not valid";
        let told = json!({"attempt": attempt, "code": "token_invalid", "message": message});
        assert_eq!(answer["error"], told);
    }
    Ok(())
}

#[tokio::test]
async fn a_token_opens_only_its_room_for_its_user() -> Result<()> {
    let stage = Stage::start().await?;
    let token = stage.token("lobby", "anna", "audience")?;
    let login = json!({"op": "login", "token": token, "room": "backstage"});
    assert_eq!(refused(&stage, login).await?, expected("room_mismatch", 4204, "room_mismatch"));
    let login = json!({"op": "login", "token": token, "user": "bob"});
    assert_eq!(refused(&stage, login).await?, expected("user_mismatch", 4204, "room_mismatch"));
    let mut anna = stage.connect().await?;
    let seat =
        anna.ok(json!({"op": "login", "token": token, "room": "lobby", "user": "anna"})).await?;
    assert_eq!(
        (&seat["room"], &seat["user"], &seat["role"]),
        (&json!("lobby"), &json!("anna"), &json!("audience"))
    );
    Ok(())
}

#[tokio::test]
async fn rooms_of_two_apps_never_meet() -> Result<()> {
    let stage = Stage::start().await?;
    let other = stage.running.server.create_app("other").await?;
    let secret =
        stagedoor_tests::stage::decode_secret(other.key.secret.as_deref().unwrap_or_default());
    let key = Key::hs256(AppId(other.app), &other.key.kid, &secret, KeyState::Current)?;
    let claims = Claims { app: AppId(other.app), ..stage.claims("lobby", "zoe", "host")? };
    let mut theirs = stage.connect().await?;
    theirs.log_in(&mint(&claims, &key)?).await?;
    let number = theirs.publish("cam", json!({})).await?;
    let mut ours = stage.join("lobby", "anna", "host").await?;
    let found = ours.subscribe(&["*"]).await?;
    assert_eq!(found["streams"], json!([]));
    assert_eq!(ours.ok(json!({"op": "members"})).await?["count"], 1);
    theirs.frame(number, true, b"theirs").await?;
    theirs.ok(json!({"op": "send", "to": "room", "data": 1})).await?;
    ours.ok(json!({"op": "members"})).await?;
    let heard: Vec<_> = ours.unheard().collect();
    assert!(heard.iter().all(|heard| !format!("{heard:?}").contains("zoe")), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn a_users_newer_login_replaces_the_older_one() -> Result<()> {
    let stage = Stage::start().await?;
    let mut first = stage.join("lobby", "anna", "host").await?;
    first.publish("cam", json!({})).await?;
    let mut viewer = stage.join("lobby", "bob", "audience").await?;
    viewer.subscribe(&["cam"]).await?;
    let mut second = stage.join("lobby", "anna", "host").await?;
    assert_eq!(first.closed().await?.reason, "replaced");
    assert_eq!(viewer.event("ended").await?["reason"], "replaced");
    assert_eq!(second.ok(json!({"op": "members"})).await?["count"], 2);
    Ok(())
}

#[tokio::test]
async fn full_rooms_and_apps_refuse_until_somebody_leaves() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.room_members_max = 1;
        limits.connections_per_app_max = 2;
    })
    .await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let login = json!({"op": "login", "token": stage.token("lobby", "bob", "host")?});
    assert_eq!(refused(&stage, login.clone()).await?, expected("room_full", 4102, "room_full"));
    let _carl = stage.join("other", "carl", "host").await?;
    let third = json!({"op": "login", "token": stage.token("third", "dora", "host")?});
    assert_eq!(
        refused(&stage, third).await?,
        expected("connections_exceeded", 4100, "connections_exceeded")
    );
    anna.ok(json!({"op": "leave"})).await?;
    assert_eq!(anna.closed().await?.reason, "left");
    stage.connect().await?.ok(login).await?;
    Ok(())
}

#[tokio::test]
async fn before_login_other_requests_are_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let mut stranger = stage.connect().await?;
    assert_eq!(stranger.code(json!({"op": "members"})).await?, "login_required");
    assert_eq!(stranger.code(json!({"op": "fly"})).await?, "op_unknown");
    assert_eq!(stranger.code(json!({"op": "login"})).await?, "request_invalid");
    stranger.log_in(&stage.token("lobby", "anna", "host")?).await?;
    let again = json!({"op": "login", "token": "x"});
    assert_eq!(stranger.code(again).await?, "already_logged_in");

    let mut stray = stage.connect().await?;
    for _ in 0..8 {
        assert_eq!(stray.code(json!({"op": "members"})).await?, "login_required");
    }
    assert_eq!(stray.closed().await?.reason, "rate_exceeded");

    let mut early = stage.connect().await?;
    early.frame(1, true, b"frame before login").await?;
    assert_eq!(early.closed().await?.reason, "protocol_error");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_log_in_in_time_is_closed() -> Result<()> {
    let stage = Stage::with(|limits| limits.login_timeout_ms = 50).await?;
    let mut stranger: Member = stage.connect().await?;
    let closed = stranger.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4101, "login_timeout"));
    Ok(())
}
