//! Rooms as the app's backend sees and moderates them.

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::Stage;

#[tokio::test]
async fn rooms_members_and_streams_are_listed_in_pages() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::RoomsRead]).await?;
    let rooms = format!("/v1/apps/{}/rooms", stage.app);
    let mut members = Vec::new();
    for room in ["a", "b", "c"] {
        for user in ["anna", "bob", "carl"] {
            members.push(stage.join(room, user, "host").await?);
        }
    }
    members[0].publish("cam", json!({"meta": "front"})).await?;
    let page = backend.get(200, "GET", &format!("{rooms}?limit=2"), None).await?;
    assert_eq!(
        (&page["items"][0]["room"], &page["items"][0]["members"], &page["next"]),
        (&json!("a"), &json!(3), &json!("b"))
    );
    let rest = backend.get(200, "GET", &format!("{rooms}?limit=2&after=b"), None).await?;
    assert_eq!((rest["items"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
    let room = backend.get(200, "GET", &format!("{rooms}/a?limit=2"), None).await?;
    assert_eq!(
        (&room["members"][1]["member"]["user"], &room["next"]),
        (&json!("bob"), &json!("bob"))
    );
    assert_eq!(
        (&room["streams"][0]["name"], &room["streams"][0]["meta"]),
        (&json!("cam"), &json!("front"))
    );
    assert!(room["members"][0]["jti"].is_string());
    let unknown = backend.ask("GET", &format!("{rooms}/nowhere"), None).await?;
    assert_eq!(unknown.problem(), (404, "room_unknown"));
    Ok(())
}

#[tokio::test]
async fn a_backends_kicks_messages_and_closes_are_recorded() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let room = format!("/v1/apps/{}/rooms/lobby", stage.app);
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "b ob/ä", "audience").await?;
    let message = json!({"to": {"role": "audience"}, "topic": "notice", "data": {"text": "soon"}});
    assert_eq!(
        backend.get(202, "POST", &format!("{room}/messages"), Some(&message)).await?["seats"],
        1
    );
    let heard = bob.event("message").await?;
    assert_eq!((&heard["data"]["text"], heard.get("from")), (&json!("soon"), None));
    let nobody = json!({"to": {"user": "zoe"}, "data": 1});
    assert_eq!(
        backend.ask("POST", &format!("{room}/messages"), Some(&nobody)).await?.problem(),
        (404, "user_unknown")
    );
    let kick = format!("{room}/members/b%20ob%2F%C3%A4/kick");
    backend.get(200, "POST", &kick, None).await?;
    assert_eq!(bob.closed().await?.reason, "kicked");
    assert_eq!(backend.ask("POST", &kick, None).await?.problem(), (404, "user_unknown"));
    assert_eq!(backend.get(200, "DELETE", &room, None).await?["seats"], 1);
    assert_eq!(anna.closed().await?.reason, "room_closed");
    assert_eq!(backend.ask("DELETE", &room, None).await?.problem(), (404, "room_unknown"));
    for (kind, code, count) in [
        ("room.kick", "ok", 1),
        ("room.kick", "user_unknown", 1),
        ("room.close", "ok", 1),
        ("room.message", "ok", 1),
    ] {
        let path = format!("/v1/apps/{}/audit?kind={kind}&code={code}", stage.app);
        assert_eq!(backend.records(&path, count).await?.len(), count, "{kind} {code}");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_deeper_than_its_limit_is_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let path = format!("/v1/apps/{}/rooms/lobby/messages", stage.app);
    let body = |levels: usize| {
        format!(r#"{{"to":"room","data":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    // The body is a level of its own.
    assert_eq!(backend.ask_with("POST", &path, "", Some(&body(63))).await?.status, 202);
    for levels in [64, 1_000] {
        let answer = backend.ask_with("POST", &path, "", Some(&body(levels))).await?;
        assert_eq!(answer.problem(), (400, "body_malformed"), "{levels}");
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("`json_depth_max`"), "{detail}");
    }
    backend.get(202, "POST", &path, Some(&json!({"to": "room", "data": 1}))).await?;
    assert!(anna.event("message").await?["data"].is_array());
    assert_eq!(anna.event("message").await?["data"], 1);
    Ok(())
}
