//! A page cannot see the protocol's pings: it sends a request instead, and learns how long silence may last.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use futures_util::FutureExt;
use serde_json::{Value, json};

use stagedoor_client::{Client, ClientEvent, Kind, Publish, Token};
use stagedoor_tests::{Heard, Stage};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const TIME_LIMIT: Duration = Duration::from_secs(30);

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}

#[tokio::test]
async fn a_ping_is_answered_in_order_and_with_the_time() -> Result<()> {
    let run = async {
        let stage = Stage::start().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let cam = anna.publish("cam", json!({})).await?;
        let before_ms = now_ms();
        for round in 1..=3 {
            for _ in 0..20 {
                anna.frame(cam, false, b"x").await?;
            }
            let told_ms = anna.ok(json!({"op": "ping"})).await?["now_ms"].as_u64();
            assert!(told_ms.is_some_and(|told_ms| (before_ms..=now_ms()).contains(&told_ms)));
            let taken = stage.metric("stagedoor_relay_frames_in_total").await?;
            assert_eq!(taken, round * 20, "the frames before the ping were taken");
        }
        for (id, op) in [(71, "ping"), (72, "members"), (73, "ping"), (74, "unask"), (75, "ping")] {
            anna.say(Message::text(json!({"op": op, "id": id}).to_string())).await?;
        }
        let mut answered = Vec::new();
        while answered.len() < 5 {
            if let Heard::Control(value) = anna.hear().await?.context("answers")? {
                answered.extend(value["re"].as_u64());
            }
        }
        assert_eq!(answered, [71, 72, 73, 74, 75]);
        let more = anna.code(json!({"op": "ping", "now_ms": 1})).await?;
        assert_eq!(more, "request_invalid");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_ping_counts_as_a_request_and_needs_a_seat() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| {
            limits.requests_per_s = 1;
            limits.requests_burst = 2;
        })
        .await?;
        let mut stranger = stage.connect().await?;
        assert_eq!(stranger.code(json!({"op": "ping"})).await?, "login_required");
        let mut anna = stage.join("lobby", "anna", "host").await?;
        anna.ok(json!({"op": "ping"})).await?;
        anna.ok(json!({"op": "ping"})).await?;
        assert_eq!(anna.code(json!({"op": "ping"})).await?, "rate_limited");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_client_that_hears_nothing_pings_the_relay() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| limits.ping_interval_ms = 100).await?;
        let token = Token::fixed(stage.token("lobby", "anna", "host")?);
        let (room, mut events) = Client::new(stage.url(), token).connect().await?;
        let cam = room.publish(Publish::new("cam", Kind::Data)).await?;
        let pings = "stagedoor_relay_requests_total{op=\"ping\"}";
        while stage.metric(pings).await.unwrap_or(0) < 3 {
            cam.send("a frame").await?;
        }
        let heard = events.next().now_or_never();
        assert!(matches!(heard, None | Some(Some(ClientEvent::Room(_)))), "{heard:?}");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn a_login_learns_how_long_silence_may_last() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| {
            limits.ping_interval_ms = 12_000;
            limits.pong_timeout_ms = 7_000;
        })
        .await?;
        let seat = stage.connect().await?.log_in(&stage.token("lobby", "anna", "host")?).await?;
        let told: [&Value; 2] = [&seat["ping_interval_ms"], &seat["pong_timeout_ms"]];
        assert_eq!(told, [&json!(12_000), &json!(7_000)]);
        let token = Token::fixed(stage.token("lobby", "ben", "host")?);
        let (room, _events) = Client::new(stage.url(), token).connect().await?;
        assert_eq!((room.seat().ping_interval_ms, room.seat().pong_timeout_ms), (12_000, 7_000));
        let before_ms = now_ms();
        let pong = room.ping().await?;
        assert!((before_ms..=now_ms()).contains(&pong.now_ms));
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
