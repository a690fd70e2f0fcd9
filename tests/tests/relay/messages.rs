//! Messages, the room's state, and moderation.

use anyhow::Result;
use serde_json::json;
use stagedoor_tests::{Heard, Stage};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_message_reaches_only_its_recipients() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    let mut carl = stage.join("lobby", "carl", "audience").await?;
    host.ok(json!({"op": "send", "to": "room", "topic": "chat", "data": {"n": 1}})).await?;
    host.ok(json!({"op": "send", "to": {"user": "bob"}, "data": 2})).await?;
    bob.ok(json!({"op": "send", "to": {"role": "host"}, "data": 3})).await?;
    host.ok(json!({"op": "send", "to": {"role": "audience"}, "data": 4})).await?;

    let first = bob.event("message").await?;
    assert_eq!(
        (&first["data"], &first["topic"], &first["from"]["user"]),
        (&json!({"n": 1}), &json!("chat"), &json!("anna"))
    );
    let mut to_bob = vec![
        bob.event("message").await?["data"].clone(),
        bob.event("message").await?["data"].clone(),
    ];
    to_bob.sort_by_key(serde_json::Value::as_u64);
    assert_eq!(to_bob, [json!(2), json!(4)]);
    assert_eq!(carl.event("message").await?["data"], json!({"n": 1}));
    assert_eq!(carl.event("message").await?["data"], json!(4));
    assert_eq!(host.event("message").await?["data"], json!({"n": 1}));
    assert_eq!(host.event("message").await?["data"], json!(3));
    Ok(())
}

#[tokio::test]
async fn a_forbidden_request_is_refused_with_its_rule() -> Result<()> {
    let stage = Stage::start().await?;
    let _host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    let _carl = stage.join("lobby", "carl", "audience").await?;
    for (request, code, rule) in [
        (
            json!({"op": "publish", "stream": "cam", "kind": "video"}),
            "publish_denied",
            "publish.streams",
        ),
        (json!({"op": "send", "to": "room", "data": 1}), "send_denied", "send.room"),
        (json!({"op": "send", "to": {"role": "audience"}, "data": 1}), "send_denied", "send.roles"),
        (json!({"op": "send", "to": {"user": "anna"}, "data": 1}), "send_denied", "send.users"),
        (json!({"op": "set", "key": "slide", "value": 1}), "set_denied", "set"),
        (json!({"op": "moderate", "verb": "kick", "user": "anna"}), "moderate_denied", "moderate"),
        (json!({"op": "moderate", "verb": "close"}), "moderate_denied", "moderate"),
    ] {
        let answer = bob.ask(request.clone()).await?;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["rule"]),
            (&json!(code), &json!(rule)),
            "{request}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn moderation_reaches_only_lower_ranks() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut cohost = stage.join("lobby", "bob", "cohost").await?;
    let mut viewer = stage.join("lobby", "carl", "audience").await?;
    let kick = |user: &str| json!({"op": "moderate", "verb": "kick", "user": user});
    let answer = cohost.ask(kick("anna")).await?;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["rule"]),
        (&json!("moderate_denied"), &json!("rank"))
    );
    assert_eq!(cohost.code(kick("bob")).await?, "moderate_denied");
    assert_eq!(cohost.code(kick("nobody")).await?, "user_unknown");
    assert_eq!(cohost.code(json!({"op": "moderate", "verb": "kick"})).await?, "request_invalid");
    assert_eq!(
        host.code(json!({"op": "moderate", "verb": "close", "user": "bob"})).await?,
        "request_invalid"
    );
    cohost.ok(kick("carl")).await?;
    let closed = viewer.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4301, "kicked"));
    assert_eq!(cohost.code(json!({"op": "moderate", "verb": "close"})).await?, "moderate_denied");
    host.ok(json!({"op": "moderate", "verb": "close"})).await?;
    assert_eq!(cohost.closed().await?.reason, "room_closed");
    assert_eq!(host.closed().await?.reason, "room_closed");
    Ok(())
}

#[tokio::test]
async fn state_is_shared_versioned_and_kept_for_latecomers() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.state_keys_max = 2;
        limits.state_value_bytes_max = 10;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    let set = |key: &str, value: serde_json::Value, version: Option<u64>| {
        let mut request = json!({"op": "set", "key": key, "value": value});
        if let Some(version) = version {
            request["if_version"] = version.into();
        }
        request
    };
    assert_eq!(host.ok(set("slide", json!(1), Some(0))).await?["version"], 1);
    let conflict = host.ask(set("slide", json!(2), Some(0))).await?;
    assert_eq!(
        (&conflict["error"]["code"], &conflict["error"]["version"]),
        (&json!("version_conflict"), &json!(1))
    );
    assert_eq!(host.ok(set("slide", json!(2), Some(1))).await?["version"], 2);
    host.ok(set("poll", json!("open"), None)).await?;
    assert_eq!(host.code(set("third", json!(1), None)).await?, "state_exceeded");
    assert_eq!(host.code(set("poll", json!("x".repeat(11)), None)).await?, "too_large");
    host.ok(set("poll", json!(null), None)).await?;
    for (key, value, version) in [
        ("slide", json!(1), 1),
        ("slide", json!(2), 2),
        ("poll", json!("open"), 3),
        ("poll", json!(null), 4),
    ] {
        let event = bob.event("state").await?;
        assert_eq!(
            (&event["key"], &event["value"], &event["version"], &event["by"]),
            (&json!(key), &value, &json!(version), &json!("anna"))
        );
    }
    let mut late = stage.connect().await?;
    let seat = late.log_in(&stage.token("lobby", "carl", "audience")?).await?;
    assert_eq!(seat["state"], json!([{"key": "slide", "value": 2, "version": 2}]));
    Ok(())
}

#[tokio::test]
async fn messages_too_large_or_too_many_are_refused_with_a_notice() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.message_bytes_max = 10;
        limits.sends_per_s = 1;
        limits.sends_burst = 3;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    assert_eq!(
        host.code(json!({"op": "send", "to": "room", "data": "x".repeat(20)})).await?,
        "too_large"
    );
    for _ in 0..2 {
        host.ok(json!({"op": "send", "to": "room", "data": 1})).await?;
    }
    let answer = host.ask(json!({"op": "send", "to": "room", "data": 1})).await?;
    assert_eq!(answer["error"]["code"], "rate_limited");
    assert!(
        answer["error"]["retry_ms"].as_u64().is_some_and(|ms| (1..=1_001).contains(&ms)),
        "{answer}"
    );
    assert_eq!(host.event("throttled").await?["op"], "send");
    Ok(())
}

#[tokio::test]
async fn a_client_that_ignores_its_rate_is_closed() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.requests_per_s = 1;
        limits.requests_burst = 2;
        limits.rate_refusals_max = 5;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    for _ in 0..2 {
        host.ok(json!({"op": "members"})).await?;
    }
    for _ in 0..5 {
        assert_eq!(host.code(json!({"op": "members"})).await?, "rate_limited");
    }
    host.say(Message::text(r#"{"op":"members","id":99}"#)).await?;
    assert_eq!(host.closed().await?.reason, "rate_exceeded");
    Ok(())
}

#[tokio::test]
async fn malformed_requests_are_answered_and_foreign_bytes_close() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.control_bytes_max = 5_000;
        limits.frame_bytes_max = 9_000;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    host.say(Message::text("{")).await?;
    let answer = host.find(|heard| format!("{heard:?}").contains("request_invalid")).await?;
    assert!(format!("{answer:?}").contains("\"re\": Null"), "{answer:?}");
    host.say(Message::text(format!("\"{}\"", "x".repeat(6_000)))).await?;
    assert_eq!(host.closed().await?.reason, "too_large");
    let mut bob = stage.join("lobby", "bob", "host").await?;
    bob.say(Message::binary(vec![1; 10_000])).await?;
    assert_eq!(bob.closed().await?.reason, "too_large");
    let mut carl = stage.join("lobby", "carl", "host").await?;
    carl.say(Message::binary(vec![1, 0, 0])).await?;
    assert_eq!(carl.closed().await?.reason, "protocol_error");
    Ok(())
}

/// This many nested lists.
fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[tokio::test]
async fn json_deeper_than_its_limit_is_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    // The request itself is one level.
    for (levels, deep) in [(63, false), (64, true), (8_000, true)] {
        let data = nested(levels);
        for (id, request) in [
            (levels, format!(r#""op":"send","to":"room","data":{data}"#)),
            (levels + 1, format!(r#""op":"set","key":"k","value":{data}"#)),
        ] {
            host.say(Message::text(format!(r#"{{"id":{id},{request}}}"#))).await?;
            let answer = host
                .find(|heard| matches!(heard, Heard::Control(value) if value["re"] == id))
                .await?;
            let Heard::Control(answer) = answer else { anyhow::bail!("{answer:?}") };
            assert_eq!(answer["error"]["code"] == "too_large", deep, "{levels}: {answer}");
            let says = answer["error"]["message"].as_str().unwrap_or("`json_depth_max`");
            assert!(says.contains("`json_depth_max`"), "{says}");
        }
    }
    // Brackets in a text do not nest.
    host.ok(json!({"op": "send", "to": "room", "data": format!("\\\"{}", nested(100))})).await?;
    assert_eq!(bob.event("message").await?["data"].to_string(), nested(63));
    assert!(bob.event("message").await?["data"].is_string());
    let carl = stage.token("lobby", "carl", "audience")?;
    let answer = stage.connect().await?.log_in(&carl).await?;
    assert_eq!(answer["state"][0]["value"].to_string(), nested(63));
    Ok(())
}
