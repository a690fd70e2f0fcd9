//! Readers that need a keyframe, and the publisher that hears of it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_client::{Client, ClientEvent, Delivery, Kind, Publish, Token};
use stagedoor_tests::Stage;
use tokio::time::timeout;

use super::{count, is_about};

const TIME_LIMIT: Duration = Duration::from_secs(30);
const WANTED: &str = "keyframe_wanted";

#[tokio::test]
async fn a_reader_asks_and_the_publisher_hears_of_it() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| limits.keyframe_interval_ms = 0).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        let cam = anna.publish("cam", json!({"delivery": "media"})).await?;
        let chat = anna.publish("chat", json!({})).await?;
        anna.frame(cam, true, b"key").await?;
        anna.ok(json!({"op": "ping"})).await?;
        let keyframe = |stream: u32| json!({"op": "keyframe", "stream": stream});
        assert_eq!(ben.code(keyframe(cam)).await?, "stream_unknown", "it does not read it yet");
        ben.subscribe(&["*"]).await?;
        assert_eq!(count(&mut anna, WANTED).await?, 0, "there is a fresh one");
        assert_eq!(ben.ok(keyframe(cam)).await?, json!({}));
        let wanted = anna.event(WANTED).await?;
        assert!(is_about(&wanted, cam, "cam"), "{wanted}");
        assert_eq!(ben.code(keyframe(chat)).await?, "request_invalid", "not media");
        assert_eq!(ben.code(keyframe(cam + 100)).await?, "stream_unknown");
        assert_eq!(anna.code(keyframe(cam)).await?, "stream_unknown", "its own");
        assert_eq!(ben.code(json!({"op": "keyframe", "stream": "cam"})).await?, "request_invalid");
        ben.ok(json!({"op": "unsubscribe", "streams": ["*"]})).await?;
        assert_eq!(ben.code(keyframe(cam)).await?, "stream_unknown", "it reads it no longer");
        assert_eq!(count(&mut anna, WANTED).await?, 0);
        assert_eq!(count(&mut ben, WANTED).await?, 0);
        assert_eq!(stage.metric("stagedoor_relay_keyframe_wishes_total").await?, 1);
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn wishes_within_the_interval_are_one() -> Result<()> {
    let run = async {
        let interval = Duration::from_millis(300);
        let stage = Stage::with(|limits| limits.keyframe_interval_ms = 300).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        let cam = anna.publish("cam", json!({"delivery": "media"})).await?;
        anna.frame(cam, true, b"key").await?;
        anna.ok(json!({"op": "ping"})).await?;
        ben.subscribe(&["cam"]).await?;
        let began = Instant::now();
        for _ in 0..20 {
            ben.ok(json!({"op": "keyframe", "stream": cam})).await?;
        }
        anna.event(WANTED).await?;
        anna.event(WANTED).await?;
        assert!(began.elapsed() >= interval, "the second came after {:?}", began.elapsed());
        tokio::time::sleep(interval * 2).await;
        assert_eq!(count(&mut anna, WANTED).await?, 0, "all later ones were one");
        assert_eq!(stage.metric("stagedoor_relay_keyframe_wishes_total").await?, 2);
        assert_eq!(stage.metric("stagedoor_relay_keyframe_wishes_held_total").await?, 19);

        for _ in 0..2 {
            ben.ok(json!({"op": "keyframe", "stream": cam})).await?;
        }
        anna.event(WANTED).await?;
        anna.frame(cam, true, b"key").await?;
        tokio::time::sleep(interval * 2).await;
        assert_eq!(count(&mut anna, WANTED).await?, 0, "the keyframe came meanwhile");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_reader_that_begins_wants_a_fresh_keyframe() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| {
            limits.keyframe_interval_ms = 0;
            limits.keyframe_fresh_ms = 50;
        })
        .await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let cam = anna.publish("cam", json!({"delivery": "media"})).await?;
        let mic = anna.publish("mic", json!({"delivery": "latest"})).await?;
        let mut early = stage.join("lobby", "ben", "audience").await?;
        early.subscribe(&["*"]).await?;
        let wanted = anna.event(WANTED).await?;
        assert!(is_about(&wanted, cam, "cam"), "there is none: {wanted}");
        anna.frame(cam, true, b"key").await?;
        anna.frame(mic, true, b"sound").await?;
        anna.ok(json!({"op": "ping"})).await?;
        tokio::time::sleep(Duration::from_millis(80)).await;
        let mut late = stage.join("lobby", "carl", "audience").await?;
        let place = late.subscribe(&["*"]).await?["streams"][0].clone();
        assert_eq!(place["seq"], 0, "it begins at the old one as before");
        assert!(is_about(&anna.event(WANTED).await?, cam, "cam"));
        let mut back = stage.join("lobby", "dan", "audience").await?;
        let from = json!([{"stream": "cam", "epoch": place["epoch"], "seq": 1}]);
        let found = back.ok(json!({"op": "subscribe", "streams": ["cam"], "from": from})).await?;
        assert_eq!(found["streams"][0]["resumed"], true);
        assert_eq!(count(&mut anna, WANTED).await?, 0, "who resumes does not begin");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn the_rust_client_asks_and_hears() -> Result<()> {
    let run = async {
        let stage = Stage::start().await?;
        let token = |user: &str, role| anyhow::Ok(Token::fixed(stage.token("lobby", user, role)?));
        let anna = Client::new(stage.url(), token("anna", "host")?);
        let (anna, mut events) = anna.connect().await?;
        let cam = anna.publish(Publish::new("cam", Kind::Video)).await?;
        cam.send_keyframe("key").await?;
        anna.ping().await?;
        let ben = Client::new(stage.url(), token("ben", "audience")?);
        let (ben, _heard) = ben.connect().await?;
        let found = ben.subscribe(&["cam"]).await?;
        assert_eq!(found[0].info.delivery, Delivery::Media);
        ben.keyframe(found[0].info.stream).await?;
        let (mut is_watched, mut is_wanted) = (false, false);
        while !is_watched || !is_wanted {
            match events.next().await.context("an event")? {
                ClientEvent::Watched { name, watched } => {
                    assert!(watched && &*name == "cam");
                    is_watched = true;
                }
                ClientEvent::KeyframeWanted { name } => {
                    assert_eq!(&*name, "cam");
                    is_wanted = true;
                }
                _ => {}
            }
        }
        drop(cam);
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
