//! What members see of the relay, on real sockets.

use anyhow::Result;
use serde_json::json;
use stagedoor_tests::Stage;

#[tokio::test]
async fn a_published_frame_reaches_those_who_subscribe_unchanged_and_in_order() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut early = stage.join("lobby", "bob", "audience").await?;
    early.subscribe(&["cam*"]).await?;
    let number = host.publish("cam", json!({"delivery": "reliable"})).await?;
    let found = early.event("subscribed").await?;
    assert_eq!(found["streams"][0]["stream"], number);
    let mut late = stage.join("lobby", "carl", "audience").await?;
    late.subscribe(&["cam"]).await?;
    for n in 0..100_u8 {
        host.frame(number, n == 0, &[n; 70]).await?;
    }
    for member in [&mut early, &mut late] {
        for n in 0..100_u8 {
            assert_eq!(member.next_frame().await?, (number, n == 0, vec![n; 70].into()));
        }
    }
    Ok(())
}
