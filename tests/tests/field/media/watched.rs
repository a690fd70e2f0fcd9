//! A publisher hears whether anybody reads its stream, never who or how many.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_tests::Stage;
use tokio::time::timeout;

use super::{count, is_about};

const TIME_LIMIT: Duration = Duration::from_secs(30);
const LINGER: Duration = Duration::from_millis(200);

async fn stage() -> Result<Stage> {
    Stage::with(|limits| limits.watched_linger_ms = 200).await
}

fn unsubscribe() -> Value {
    json!({"op": "unsubscribe", "streams": ["cam"]})
}

#[tokio::test]
async fn a_publisher_hears_of_the_first_reader_and_the_last() -> Result<()> {
    let run = async {
        let stage = stage().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let cam = anna.publish("cam", json!({})).await?;
        assert_eq!(count(&mut anna, "watched").await?, 0, "before the first it is false");
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        let mut carl = stage.join("lobby", "carl", "audience").await?;
        ben.subscribe(&["cam"]).await?;
        let watched = anna.event("watched").await?;
        assert!(is_about(&watched, cam, "cam") && watched["watched"] == true, "{watched}");
        carl.subscribe(&["cam"]).await?;
        ben.ok(unsubscribe()).await?;
        assert_eq!(count(&mut anna, "watched").await?, 0, "how many is not told");
        let left = Instant::now();
        carl.ok(json!({"op": "leave"})).await?;
        let watched = anna.event("watched").await?;
        assert!(is_about(&watched, cam, "cam") && watched["watched"] == false, "{watched}");
        assert!(left.elapsed() >= LINGER, "after {:?}", left.elapsed());
        ben.subscribe(&["cam"]).await?;
        assert_eq!(anna.event("watched").await?["watched"], true);
        assert_eq!(count(&mut ben, "watched").await?, 0);
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_reader_that_is_soon_back_was_never_away() -> Result<()> {
    let run = async {
        let stage = stage().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        anna.publish("cam", json!({})).await?;
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        ben.subscribe(&["cam"]).await?;
        assert_eq!(anna.event("watched").await?["watched"], true);
        for _ in 0..5 {
            ben.ok(unsubscribe()).await?;
            ben.subscribe(&["cam"]).await?;
        }
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(count(&mut anna, "watched").await?, 0);
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_stream_that_has_ended_is_not_told_of() -> Result<()> {
    let run = async {
        let stage = stage().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        ben.subscribe(&["cam"]).await?;
        let first = anna.publish("cam", json!({})).await?;
        assert!(is_about(&anna.event("watched").await?, first, "cam"));
        anna.ok(json!({"op": "unpublish", "stream": "cam"})).await?;
        let second = anna.publish("cam", json!({})).await?;
        let watched = anna.event("watched").await?;
        assert!(is_about(&watched, second, "cam") && watched["watched"] == true, "{watched}");
        tokio::time::sleep(LINGER * 2).await;
        assert_eq!(count(&mut anna, "watched").await?, 0, "the first ended with its reader");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
