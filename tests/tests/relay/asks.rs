//! Raised hands, the waiting room, invitations, caps of roles, and users with several seats.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::{App, Bus};
use stagedoor_tests::{Heard, Member, Stage};
use stagedoor_token::{Claims, KeySet, Roles, SecondLogin, mint};

/// A stage whose app has the built-in roles, changed.
async fn stage(change: impl FnOnce(&mut Vec<Value>)) -> Result<Stage> {
    let stage = Stage::start().await?;
    let mut roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    change(&mut roles);
    set_roles(&stage, &roles, None).await?;
    Ok(stage)
}

async fn set_roles(stage: &Stage, roles: &[Value], second: Option<SecondLogin>) -> Result<()> {
    let roles = Roles::from_json(&serde_json::to_string(roles)?)?.into();
    let keys = vec![(&stage.key).into()];
    let app = App {
        id: stage.app,
        since_ms: stage.since_ms(stage.app),
        keys,
        roles,
        second_login: second,
        token04: None,
    };
    Ok(stage.running.bus.put_app(app).await?)
}

/// Changes the role of this name.
fn role<'a>(roles: &'a mut [Value], name: &str) -> &'a mut Value {
    let at = roles.iter().position(|role| role["role"] == name).unwrap_or_default();
    &mut roles[at]
}

fn token(
    stage: &Stage,
    user: &str,
    role: &str,
    change: impl FnOnce(&mut Claims),
) -> Result<String> {
    let mut claims = stage.claims("lobby", user, role)?;
    change(&mut claims);
    Ok(mint(&claims, &stage.key)?)
}

async fn moderate(by: &mut Member, verb: &str, user: &str, role: Option<&str>) -> Result<Value> {
    by.ask(json!({"op": "moderate", "verb": verb, "user": user, "role": role})).await
}

#[tokio::test]
async fn a_raised_hand_reaches_deciders_and_is_settled() -> Result<()> {
    let stage = stage(|_| {}).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut other = stage.join("lobby", "otto", "audience").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    assert_eq!(bob.code(json!({"op": "ask", "role": "host"})).await?, "ask_denied");
    assert_eq!(bob.code(json!({"op": "unask"})).await?, "ask_unknown");
    bob.ok(json!({"op": "ask", "role": "speaker"})).await?;
    let asked = anna.event("asked").await?;
    assert_eq!((&asked["user"], &asked["wants"]), (&json!("bob"), &json!("speaker")));
    let mut late = stage.connect().await?;
    let seated = late.log_in(&stage.token("lobby", "carla", "cohost")?).await?;
    assert_eq!(seated["asks"][0]["user"], "bob");

    anna.ok(json!({"op": "moderate", "verb": "decline", "user": "bob"})).await?;
    assert_eq!(bob.event("ask_ended").await?["outcome"], "declined");
    assert_eq!(anna.event("ask_ended").await?["outcome"], "declined");
    assert_eq!(moderate(&mut anna, "decline", "bob", None).await?["error"]["code"], "ask_unknown");

    bob.ok(json!({"op": "ask", "role": "speaker"})).await?;
    assert!(moderate(&mut late, "promote", "bob", Some("speaker")).await?["ok"].is_object());
    assert_eq!(bob.event("grants_changed").await?["role"], "speaker");
    assert_eq!(bob.event("ask_ended").await?["outcome"], "accepted");

    bob.ok(json!({"op": "ask", "role": "cohost"})).await?;
    bob.ok(json!({"op": "unask"})).await?;
    other.ok(json!({"op": "members"})).await?;
    let told = |heard: &Heard| matches!(heard, Heard::Control(value) if value["ev"] == "asked");
    assert!(!other.unheard().any(told), "the audience is not told");
    while anna.event("ask_ended").await?["outcome"] != "withdrawn" {}
    Ok(())
}

#[tokio::test]
async fn a_waiting_member_can_do_and_hear_nothing() -> Result<()> {
    let stage = stage(|roles| role(roles, "audience")["waits"] = true.into()).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    anna.publish("a", json!({})).await?;
    let mut bob = stage.connect().await?;
    let bobs = stage.token("lobby", "bob", "audience")?;
    let seated = bob.log_in(&bobs).await?;
    assert_eq!(
        (&seated["waiting"], &seated["members"], &seated["streams"]),
        (&json!(true), &json!([]), &json!([]))
    );
    let asked = anna.event("asked").await?;
    assert_eq!((&asked["user"], &asked["wants"]), (&json!("bob"), &Value::Null));
    assert_eq!(anna.ok(json!({"op": "members"})).await?["count"], 1);
    anna.ok(json!({"op": "send", "to": "room", "data": "hello"})).await?;
    anna.ok(json!({"op": "set", "key": "k", "value": 1})).await?;
    assert_eq!(bob.code(json!({"op": "subscribe", "streams": ["a"]})).await?, "subscribe_denied");
    let heard: Vec<_> = bob.unheard().cloned().collect();
    assert_eq!(heard, [], "nothing of the room");

    assert!(moderate(&mut anna, "admit", "bob", None).await?["ok"].is_object());
    assert_eq!(bob.event("grants_changed").await?["why"], "admitted");
    bob.subscribe(&["a"]).await?;
    anna.ok(json!({"op": "send", "to": "room", "data": "again"})).await?;
    assert_eq!(bob.event("message").await?["data"], "again");
    let mut back = stage.connect().await?;
    assert_eq!(back.log_in(&bobs).await?["waiting"], Value::Null, "it does not wait again");

    let mut eve = stage.join("lobby", "eve", "audience").await?;
    assert!(moderate(&mut anna, "decline", "eve", None).await?["ok"].is_object());
    assert_eq!(eve.closed().await?.code, 4310);
    Ok(())
}

#[tokio::test]
async fn an_invitation_is_weaker_and_shorter_than_its_inviter() -> Result<()> {
    let stage = stage(|_| {}).await?;
    let mut carla = stage.join("lobby", "carla", "cohost").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    let invite =
        |role: &str| json!({"op": "invite", "role": role, "ttl_s": 100_000, "name": "Guest"});
    assert_eq!(bob.code(invite("audience")).await?, "invite_denied");
    assert_eq!(carla.code(invite("cohost")).await?, "invite_denied");
    assert_eq!(carla.code(invite("nobody")).await?, "role_unknown");
    let short = json!({"op": "invite", "role": "speaker", "ttl_s": 0});
    assert_eq!(carla.code(short).await?, "request_invalid");
    let invited = carla.ok(invite("speaker")).await?;
    let token = invited["token"].as_str().context("a token")?;
    let claims = stagedoor_token::verify(
        token,
        &KeySet::from_iter([stage.key.clone()]),
        stagedoor_tests::stage::now_s(),
    )?;
    let own = stage.claims("lobby", "carla", "cohost")?;
    assert!(claims.exp <= own.exp && claims.room == "lobby" && *claims.role == *"speaker");
    let backend = stage.backend(&[stagedoor_server::Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/audit?kind=seat.invited", stage.app);
    let recorded = backend.records(&path, 1).await?.remove(0);
    assert_eq!((&recorded["actor"], &recorded["jti"]), (&json!("carla"), &invited["jti"]));
    let mut guest = stage.connect().await?;
    let seated = guest.log_in(token).await?;
    assert_eq!((&seated["user"], &seated["name"]), (&invited["user"], &json!("Guest")));
    Ok(())
}

#[tokio::test]
async fn a_full_role_refuses_logins_renewals_and_promotions() -> Result<()> {
    let stage = stage(|roles| role(roles, "speaker")["caps"] = json!({"members_max": 1})).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "speaker").await?;
    let mut eve = stage.connect().await?;
    let login = json!({"op": "login", "token": stage.token("lobby", "eve", "speaker")?});
    assert_eq!(eve.code(login).await?, "role_full");
    assert_eq!(eve.closed().await?.code, 4104);
    let mut eve = stage.join("lobby", "eve", "audience").await?;
    let up = token(&stage, "eve", "speaker", |claims| claims.jti = "up".into())?;
    assert_eq!(eve.code(json!({"op": "renew", "token": up})).await?, "role_full");
    assert_eq!(
        moderate(&mut anna, "promote", "eve", Some("speaker")).await?["error"]["code"],
        "role_full"
    );
    bob.ok(json!({"op": "leave"})).await?;
    bob.closed().await?;
    assert!(moderate(&mut anna, "promote", "eve", Some("speaker")).await?["ok"].is_object());
    Ok(())
}

#[tokio::test]
async fn caps_of_a_role_bound_messages_frames_and_bytes() -> Result<()> {
    let caps = json!({"messages_per_s": 1, "frame_bytes_max": 1_000, "bytes_per_s": 2_000});
    let stage = stage(|roles| role(roles, "speaker")["caps"] = caps).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "speaker").await?;
    let hello = json!({"op": "send", "to": "room", "data": 1});
    bob.ok(hello.clone()).await?;
    assert_eq!(bob.code(hello).await?, "rate_limited");
    let number = bob.publish("a", json!({})).await?;
    anna.subscribe(&["a"]).await?;
    let began = std::time::Instant::now();
    for _ in 0..4 {
        bob.frame(number, false, &[0; 900]).await?;
    }
    for _ in 0..4 {
        anna.next_frame().await?;
    }
    bob.ok(json!({"op": "members"})).await?;
    // 3,600 bytes at 2,000 a second, of which a second's worth may come at once.
    assert!(began.elapsed().as_millis() >= 700, "{:?}", began.elapsed());
    bob.frame(number, false, &[0; 1_000]).await?;
    assert_eq!(bob.closed().await?.reason, "too_large");
    Ok(())
}

#[tokio::test]
async fn a_second_login_is_refused_but_the_same_client_may_return() -> Result<()> {
    let stage = stage(|roles| role(roles, "speaker")["second_login"] = "reject".into()).await?;
    let first = token(&stage, "bob", "speaker", |_| {})?;
    let mut bob = stage.connect().await?;
    bob.log_in(&first).await?;
    let other = token(&stage, "bob", "speaker", |claims| claims.jti = "other".into())?;
    let mut thief = stage.connect().await?;
    assert_eq!(thief.code(json!({"op": "login", "token": other})).await?, "seat_held");
    assert_eq!(thief.closed().await?.code, 4105);
    let mut back = stage.connect().await?;
    back.log_in(&first).await?;
    assert_eq!(bob.closed().await?.reason, "replaced");
    Ok(())
}

#[tokio::test]
async fn a_user_with_several_seats_is_seen_once_and_acted_on_in_all() -> Result<()> {
    let stage = Stage::start().await?;
    let roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    set_roles(&stage, &roles, Some(SecondLogin::Allow(2))).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bobs = Vec::new();
    for jti in ["phone", "laptop"] {
        let token = token(&stage, "bob", "speaker", |claims| claims.jti = jti.into())?;
        let mut bob = stage.connect().await?;
        bob.log_in(&token).await?;
        bobs.push(bob);
    }
    let third = token(&stage, "bob", "speaker", |claims| claims.jti = "third".into())?;
    let mut bob = stage.connect().await?;
    assert_eq!(bob.code(json!({"op": "login", "token": third})).await?, "seat_held");
    let members = anna.ok(json!({"op": "members"})).await?;
    assert_eq!(
        (&members["count"], members["members"].as_array().map(Vec::len)),
        (&json!(2), Some(2))
    );
    anna.ok(json!({"op": "send", "to": {"user": "bob"}, "data": "both"})).await?;
    for bob in &mut bobs {
        assert_eq!(bob.event("message").await?["data"], "both");
        bob.publish("a", json!({"kind": "data"})).await?;
    }
    assert!(moderate(&mut anna, "demote", "bob", Some("audience")).await?["ok"].is_object());
    for bob in &mut bobs {
        assert_eq!(bob.event("grants_changed").await?["role"], "audience");
    }
    let mut laptop = bobs.pop().context("two")?;
    laptop.ok(json!({"op": "leave"})).await?;
    laptop.closed().await?;
    let members = anna.ok(json!({"op": "members"})).await?;
    assert_eq!(members["count"], 2, "the phone is still there");
    anna.ok(json!({"op": "moderate", "verb": "kick", "user": "bob"})).await?;
    assert_eq!(bobs[0].closed().await?.reason, "kicked");
    assert_eq!(anna.ok(json!({"op": "members"})).await?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_raised_hand_does_not_replace_a_wait() -> Result<()> {
    let stage = stage(|_| {}).await?;
    let mut roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    role(&mut roles, "audience")["waits"] = true.into();
    role(&mut roles, "speaker")["ask"] = json!(["cohost"]);
    set_roles(&stage, &roles, Some(SecondLogin::Allow(2))).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let (mut phone, mut laptop) = (stage.connect().await?, stage.connect().await?);
    laptop.log_in(&token(&stage, "bob", "speaker", |_| {})?).await?;
    let waits = token(&stage, "bob", "audience", |claims| claims.jti = "2".into())?;
    assert_eq!(phone.log_in(&waits).await?["waiting"], true);
    let asked = anna.event("asked").await?;
    assert_eq!((&asked["user"], &asked["wants"]), (&json!("bob"), &Value::Null));
    let hand = json!({"op": "ask", "role": "cohost"});
    assert_eq!(laptop.code(hand.clone()).await?, "asks_exceeded");
    let admitted = moderate(&mut anna, "admit", "bob", None).await?;
    assert!(admitted.get("ok").is_some(), "{admitted}");
    assert_eq!(anna.event("ask_ended").await?["outcome"], "accepted");
    assert_eq!(phone.event("grants_changed").await?["why"], "admitted");
    laptop.ok(hand).await?;
    assert_eq!(anna.event("asked").await?["wants"], "cohost");
    Ok(())
}
