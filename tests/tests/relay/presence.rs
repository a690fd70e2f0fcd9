//! Which members hear of which others.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Stage};

fn users(members: &Value) -> BTreeSet<String> {
    let list = members.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|member| member["user"].as_str().or(member.as_str()).map(ToOwned::to_owned))
        .collect()
}

#[tokio::test]
async fn each_role_hears_of_members_it_may_see() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut viewer = stage.join("lobby", "bob", "audience").await?;
    let _other = stage.join("lobby", "carl", "audience").await?;
    let _hidden = stage.join("lobby", "olga", "observer").await?;
    let mut seen = BTreeSet::new();
    while !seen.contains("carl") {
        seen.extend(users(&host.event("joined").await?["members"]));
    }
    assert!(!seen.contains("olga"), "{seen:?}");
    let page = viewer.ok(json!({"op": "members"})).await?;
    assert_eq!(users(&page["members"]), BTreeSet::from(["anna".into()]));
    assert_eq!(page["count"], 3, "hidden ones aside");
    let told = viewer
        .unheard()
        .filter(|heard| matches!(heard, Heard::Control(value) if value["ev"] == "joined"));
    assert_eq!(told.count(), 0, "the audience does not see the audience");
    drop(host);
    assert_eq!(users(&viewer.event("left").await?["users"]), BTreeSet::from(["anna".into()]));
    Ok(())
}

#[tokio::test]
async fn many_joins_are_announced_completely_in_few_batches() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.presence_batch_interval_ms = 100;
        limits.presence_batch_members_max = 20;
        limits.members_page_max = 30;
    })
    .await?;
    let mut host = stage.join("lobby", "host", "host").await?;
    let mut members = Vec::new();
    for n in 0..60 {
        members.push(stage.join("lobby", &format!("u{n:02}"), "audience").await?);
    }
    let (mut seen, mut batches) = (BTreeSet::new(), 0);
    while !(0..60).all(|n| seen.contains(&format!("u{n:02}"))) {
        let batch = host.event("joined").await?;
        let told = users(&batch["members"]);
        assert!(told.len() <= 20);
        seen.extend(told);
        batches += 1;
    }
    assert!(batches < 30, "{batches} batches for 60 joins");
    let first = host.ok(json!({"op": "members"})).await?;
    assert_eq!(
        (users(&first["members"]).len(), &first["count"], &first["next"]),
        (30, &json!(61), &json!("u28"))
    );
    let second = host.ok(json!({"op": "members", "after": "u28"})).await?;
    let third = host.ok(json!({"op": "members", "after": second["next"]})).await?;
    assert_eq!(users(&second["members"]).len() + users(&third["members"]).len(), 31);
    assert_eq!(third.get("next"), None);
    drop(members);
    let mut left = BTreeSet::new();
    while left.len() < 60 {
        left.extend(users(&host.event("left").await?["users"]));
    }
    assert_eq!(host.ok(json!({"op": "members"})).await?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_room_ends_completely_with_its_last_member() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    host.ok(json!({"op": "set", "key": "slide", "value": 1})).await?;
    host.publish("cam", json!({})).await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    bob.subscribe(&["*"]).await?;
    assert_eq!(stage.metric("stagedoor_relay_rooms_open").await?, 1);
    for mut member in [host, bob] {
        member.ok(json!({"op": "leave"})).await?;
        member.closed().await?;
    }
    for gauge in ["rooms_open", "seats_taken", "streams_live"] {
        assert_eq!(stage.metric(&format!("stagedoor_relay_{gauge}")).await?, 0, "{gauge}");
    }
    let mut again = stage.connect().await?;
    let seat = again.log_in(&stage.token("lobby", "anna", "host")?).await?;
    assert_eq!(seat["state"], json!([]), "a new room is empty");
    Ok(())
}

#[tokio::test]
async fn events_missed_while_away_come_after_a_resume() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.connect().await?;
    let token = stage.token("lobby", "bob", "audience")?;
    let seat = bob.log_in(&token).await?;
    host.ok(json!({"op": "send", "to": "room", "data": "heard"})).await?;
    let n = bob.event("message").await?["n"].as_u64().unwrap_or_default();
    host.find(
        |heard| matches!(heard, Heard::Control(value) if users(&value["members"]).contains("bob")),
    )
    .await?;
    drop(bob);
    host.event("left").await?;
    host.ok(json!({"op": "send", "to": "room", "data": "missed"})).await?;
    let resume = json!({"epoch": seat["events"]["epoch"], "seq": n + 1});
    let mut back = stage.connect().await?;
    let seat = back.ok(json!({"op": "login", "token": token, "resume": resume})).await?;
    assert_eq!(seat["resumed"], true);
    assert_eq!(back.event("message").await?["data"], "missed");
    let mut lost = stage.connect().await?;
    let gone = json!({"epoch": 1, "seq": 0});
    let seat = lost.ok(json!({"op": "login", "token": token, "resume": gone})).await?;
    assert_eq!(seat["resumed"], false);
    Ok(())
}
