//! What a member may do changes during its stay: by a new token, a moderator, the app's backend, and time.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage};
use stagedoor_token::{AtExp, Claims, Until, mint};

/// A token with a new id.
fn token(stage: &Stage, role: &str, change: impl FnOnce(&mut Claims)) -> Result<String> {
    let mut claims = stage.claims("lobby", "bob", role)?;
    change(&mut claims);
    Ok(mint(&claims, &stage.key)?)
}

async fn moderate(by: &mut Member, verb: &str, more: Value) -> Result<Value> {
    let mut request = json!({"op": "moderate", "verb": verb, "user": "bob"});
    if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
        request.extend(more);
    }
    by.ask(request).await
}

async fn seat(stage: &Stage, token: &str) -> Result<Member> {
    let mut member = stage.connect().await?;
    member.log_in(token).await?;
    Ok(member)
}

#[tokio::test]
async fn a_renewal_changes_role_and_grants_in_both_directions() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    // Once its join is announced, a member's change is announced; before, it joins as what it then is.
    while anna.event("joined").await?["members"][0]["user"] != "bob" {}
    assert_eq!(
        bob.code(json!({"op": "publish", "stream": "a", "kind": "data"})).await?,
        "publish_denied"
    );
    let up = token(&stage, "speaker", |claims| {
        claims.jti = "up".into();
        claims.exp += 60;
    })?;
    let answer = bob.ok(json!({"op": "renew", "token": up})).await?;
    assert_eq!(answer["role"], "speaker");
    assert_eq!(answer["grants"]["publish"]["streams_max"], 8);
    assert_eq!(anna.event("role_changed").await?["role"], "speaker");
    let number = bob.publish("a", json!({})).await?;
    anna.subscribe(&["a"]).await?;
    bob.frame(number, false, b"one").await?;
    assert_eq!(anna.next_frame().await?.2, "one");

    let down = token(&stage, "audience", |claims| claims.jti = "down".into())?;
    bob.ok(json!({"op": "renew", "token": down})).await?;
    let ended = anna.event("ended").await?;
    assert_eq!(
        (&ended["name"], &ended["reason"], &ended["seq"]),
        (&json!("a"), &json!("denied"), &json!(1))
    );
    assert_eq!(anna.event("unpublished").await?["reason"], "denied");
    bob.frame(number, false, b"two").await?;
    assert_eq!(
        bob.code(json!({"op": "publish", "stream": "a", "kind": "data"})).await?,
        "publish_denied"
    );
    anna.ok(json!({"op": "members"})).await?;
    assert!(!anna.unheard().any(|heard| matches!(heard, Heard::Frame(..))));
    assert_eq!(stage.metric("stagedoor_relay_frames_dropped_total").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_renewal_for_another_room_user_or_app_is_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let mut bob = stage.join("lobby", "bob", "speaker").await?;
    let room = mint(&stage.claims("other", "bob", "host")?, &stage.key)?;
    assert_eq!(bob.code(json!({"op": "renew", "token": room})).await?, "room_mismatch");
    let user = mint(&stage.claims("lobby", "eve", "host")?, &stage.key)?;
    assert_eq!(bob.code(json!({"op": "renew", "token": user})).await?, "user_mismatch");
    assert_eq!(bob.code(json!({"op": "renew", "token": "x"})).await?, "token_invalid");
    let other = stage.running.server.create_app("other").await?;
    let key = stagedoor_token::Key::hs256(
        stagedoor_token::AppId(other.app),
        &other.key.kid,
        &stagedoor_tests::stage::decode_secret(other.key.secret.as_deref().unwrap_or_default()),
        stagedoor_token::KeyState::Current,
    )?;
    let mut claims = stage.claims("lobby", "bob", "host")?;
    claims.app = stagedoor_token::AppId(other.app);
    let app = mint(&claims, &key)?;
    assert_eq!(bob.code(json!({"op": "renew", "token": app})).await?, "room_mismatch");
    bob.publish("a", json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn a_set_role_survives_a_reconnect_until_a_newer_token() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let first = token(&stage, "audience", |_| {})?;
    let mut bob = seat(&stage, &first).await?;
    assert!(moderate(&mut anna, "promote", json!({"role": "speaker"})).await?["ok"].is_object());
    let told = bob.event("grants_changed").await?;
    assert_eq!(
        (&told["role"], &told["why"], &told["by"]),
        (&json!("speaker"), &json!("promoted"), &json!("anna"))
    );
    bob.publish("a", json!({})).await?;

    let again = token(&stage, "audience", |claims| claims.jti = "again".into())?;
    drop(bob);
    for token in [&first, &again] {
        let mut bob = stage.connect().await?;
        let answer = bob.log_in(token).await?;
        assert_eq!(answer["role"], "speaker", "the given role holds");
    }
    let host = token(&stage, "cohost", |claims| claims.jti = "host".into())?;
    let mut bob = stage.connect().await?;
    assert_eq!(bob.log_in(&host).await?["role"], "cohost");
    let mut bob = stage.connect().await?;
    assert_eq!(bob.log_in(&first).await?["role"], "audience", "what was given is gone");
    Ok(())
}

#[tokio::test]
async fn a_set_role_survives_an_empty_room() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let first = token(&stage, "speaker", |_| {})?;
    let mut bob = seat(&stage, &first).await?;
    assert!(moderate(&mut anna, "demote", json!({"role": "audience"})).await?["ok"].is_object());
    assert_eq!(bob.event("grants_changed").await?["why"], "demoted");
    for member in [&mut anna, &mut bob] {
        member.ok(json!({"op": "leave"})).await?;
        member.closed().await?;
    }
    stage.until_metric("stagedoor_relay_rooms_open", 0).await?;
    let mut bob = stage.connect().await?;
    assert_eq!(bob.log_in(&first).await?["role"], "audience");
    Ok(())
}

#[tokio::test]
async fn only_lower_ranks_are_moderated_and_lower_roles_given() -> Result<()> {
    let stage = Stage::start().await?;
    let mut cohost = stage.join("lobby", "carla", "cohost").await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let _bob = stage.join("lobby", "bob", "audience").await?;
    let refused = |answer: Value| answer["error"]["rule"].clone();
    let up = json!({"role": "cohost"});
    assert_eq!(refused(moderate(&mut cohost, "promote", up).await?), "rank");
    let none = json!({"role": "nobody"});
    assert_eq!(moderate(&mut cohost, "promote", none).await?["error"]["code"], "role_unknown");
    let wrong = json!({"role": "observer"});
    assert_eq!(refused(moderate(&mut anna, "promote", wrong).await?), "moderate.direction");
    let on_host = json!({"op": "moderate", "verb": "mute", "user": "anna"});
    assert_eq!(refused(cohost.ask(on_host).await?), "rank");
    assert_eq!(
        moderate(&mut anna, "promote", json!({})).await?["error"]["code"],
        "request_invalid"
    );
    let kinds = json!({"kinds": ["audio"]});
    assert_eq!(moderate(&mut anna, "kick", kinds).await?["error"]["code"], "request_invalid");
    Ok(())
}

#[tokio::test]
async fn a_mute_ends_its_streams_and_survives_a_reconnect() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let first = token(&stage, "speaker", |_| {})?;
    let mut bob = seat(&stage, &first).await?;
    bob.publish("mic", json!({"kind": "audio"})).await?;
    let chat = bob.publish("chat", json!({})).await?;
    anna.subscribe(&["*"]).await?;
    assert!(moderate(&mut anna, "mute", json!({"kinds": ["audio"]})).await?["ok"].is_object());
    assert_eq!(anna.event("ended").await?["name"], "mic");
    let told = bob.event("grants_changed").await?;
    assert_eq!(told["grants"]["publish"]["kinds"], json!(["video", "screen", "data"]));
    bob.frame(chat, false, b"still").await?;
    assert_eq!(anna.next_frame().await?.2, "still");
    let mut bob = seat(&stage, &first).await?;
    let mic = json!({"op": "publish", "stream": "mic", "kind": "audio"});
    assert_eq!(bob.ask(mic.clone()).await?["error"]["rule"], "publish.kinds");
    assert!(moderate(&mut anna, "unmute", json!({})).await?["ok"].is_object());
    assert_eq!(bob.event("grants_changed").await?["why"], "unmuted");
    bob.ok(mic).await?;
    Ok(())
}

#[tokio::test]
async fn a_kicked_members_token_does_not_log_in_again() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let first = token(&stage, "speaker", |_| {})?;
    let second = token(&stage, "speaker", |claims| claims.jti = "second".into())?;
    let third = token(&stage, "speaker", |claims| claims.jti = "third".into())?;
    let mut bob = seat(&stage, &first).await?;
    bob.ok(json!({"op": "renew", "token": second})).await?;
    assert!(moderate(&mut anna, "kick", json!({})).await?["ok"].is_object());
    assert_eq!(bob.closed().await?.reason, "kicked");
    for used in [&first, &second] {
        let mut bob = stage.connect().await?;
        assert_eq!(bob.code(json!({"op": "login", "token": used})).await?, "token_revoked");
        assert_eq!(bob.closed().await?.code, 4205);
    }
    seat(&stage, &third).await?;
    Ok(())
}

#[tokio::test]
async fn a_banned_user_stays_out_until_the_ban_ends() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "speaker").await?;
    assert!(moderate(&mut anna, "ban", json!({"for_s": 60})).await?["ok"].is_object());
    assert_eq!(bob.closed().await?.code, 4308);
    let fresh = token(&stage, "host", |claims| claims.jti = "fresh".into())?;
    let mut bob = stage.connect().await?;
    assert_eq!(bob.code(json!({"op": "login", "token": &fresh})).await?, "banned");
    assert_eq!(bob.closed().await?.code, 4308);
    stage.join("elsewhere", "bob", "speaker").await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(61));
    seat(&stage, &fresh).await?;
    Ok(())
}

#[tokio::test]
async fn a_token_ends_as_it_says() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let ends = |at_exp: AtExp| {
        token(&stage, "speaker", |claims| {
            claims.exp = claims.iat + 100;
            claims.at_exp = at_exp;
        })
    };
    let mut bob = seat(&stage, &ends(AtExp::Demote("audience".parse()?))?).await?;
    bob.publish("a", json!({})).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(75));
    assert!(bob.event("token_expiring").await?["now"].is_u64());
    stage.running.relay.put_clock_forward(Duration::from_secs(30));
    let told = bob.event("grants_changed").await?;
    assert_eq!((&told["role"], &told["why"]), (&json!("audience"), &json!("expired")));
    assert_eq!(anna.event("unpublished").await?["reason"], "denied");
    Ok(())
}

#[tokio::test]
async fn a_token_with_grace_closes_later_unless_renewed() -> Result<()> {
    let stage = Stage::start().await?;
    let graced = token(&stage, "speaker", |claims| {
        claims.exp = claims.iat + 100;
        claims.at_exp = AtExp::Grace { s: 50 };
    })?;
    let mut bob = seat(&stage, &graced).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(101));
    let told = bob.event("token_expired").await?;
    assert_eq!(
        told["until"].as_u64().zip(told["now"].as_u64()).map(|(until, now)| until > now),
        Some(true)
    );
    bob.publish("a", json!({})).await?;
    let longer = token(&stage, "speaker", |claims| {
        claims.jti = "longer".into();
        claims.exp = claims.iat + 200;
    })?;
    bob.ok(json!({"op": "renew", "token": longer})).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(60));
    bob.publish("b", json!({})).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(60));
    assert_eq!(bob.closed().await?.code, 4201);
    Ok(())
}

#[tokio::test]
async fn a_privilege_may_end_before_the_token() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let partly = token(&stage, "speaker", |claims| {
        claims.until = Until { publish: Some(claims.iat + 100), ..Until::default() };
    })?;
    let mut bob = seat(&stage, &partly).await?;
    bob.publish("a", json!({})).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(101));
    let told = bob.event("grants_changed").await?;
    assert_eq!(
        (&told["why"], &told["grants"]["publish"]["streams"]),
        (&json!("expired"), &json!([]))
    );
    assert_eq!(anna.event("unpublished").await?["reason"], "denied");
    bob.subscribe(&["*"]).await?;
    Ok(())
}

#[tokio::test]
async fn the_longest_stay_ends_a_seat_despite_renewals() -> Result<()> {
    let stage = Stage::start().await?;
    let bounded = token(&stage, "speaker", |claims| claims.max_stay = Some(100))?;
    drop(seat(&stage, &bounded).await?);
    let _anna = stage.join("lobby", "anna", "host").await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(60));
    let mut bob = seat(&stage, &bounded).await?;
    let next = token(&stage, "speaker", |claims| {
        claims.jti = "next".into();
        claims.max_stay = Some(100);
    })?;
    bob.ok(json!({"op": "renew", "token": next})).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(41));
    assert_eq!(bob.closed().await?.code, 4309);
    Ok(())
}

#[tokio::test]
async fn cursors_end_and_return_with_the_right_to_subscribe() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let number = anna.publish("a", json!({})).await?;
    let mut bob = stage.join("lobby", "bob", "speaker").await?;
    bob.subscribe(&["*"]).await?;
    anna.frame(number, false, b"one").await?;
    assert_eq!(bob.next_frame().await?.2, "one");
    let blind = token(&stage, "speaker", |claims| {
        claims.jti = "blind".into();
        claims.grants = serde_json::from_value(json!({"subscribe": {"streams": []}})).ok();
    })?;
    bob.ok(json!({"op": "renew", "token": blind})).await?;
    assert_eq!(bob.event("ended").await?["reason"], "denied");
    anna.frame(number, false, b"two").await?;
    anna.ok(json!({"op": "members"})).await?;
    let seeing = token(&stage, "speaker", |claims| claims.jti = "seeing".into())?;
    bob.ok(json!({"op": "renew", "token": seeing})).await?;
    assert_eq!(bob.event("subscribed").await?["streams"][0]["seq"], 2);
    anna.frame(number, false, b"three").await?;
    assert_eq!(bob.next_frame().await?.2, "three");
    Ok(())
}
