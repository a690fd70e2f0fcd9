//! What a client that is written from `spec/wire.md` alone relies on.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Heard, Stage};

use super::within;

#[tokio::test]
async fn joined_names_the_member_itself_if_its_role_may_see_it() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut anna = stage.connect().await?;
        let seat = anna.log_in(&stage.token("lobby", "anna", "host")?).await?;
        let itself = json!([{"user": "anna", "role": "host"}]);
        assert_eq!((&seat["members"], &seat["count"]), (&itself, &json!(1)));
        assert_eq!(anna.event("joined").await?["members"], itself);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn data_frames_may_directly_follow_the_subscribe_answer() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut bob = stage.join("lobby", "bob", "host").await?;
        let number = anna.publish("log", json!({"history": true})).await?;
        anna.frame(number, false, b"first").await?;
        anna.ok(json!({"op": "ping"})).await?;
        let found = bob.subscribe(&["log"]).await?;
        assert_eq!(found["streams"][0]["stream"], number);
        loop {
            match bob.hear().await?.context("it goes on")? {
                Heard::Frame(stream, _, payload) => {
                    assert_eq!((stream, &payload[..]), (number, &b"first"[..]));
                    return Ok(());
                }
                // Who came before.
                Heard::Control(event) => assert!(event["n"].is_u64(), "{event}"),
            }
        }
    })
    .await
}
