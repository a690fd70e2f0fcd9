//! How connections live and end: expiry, silence, a peer that accepts nothing, and a draining relay.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Heard, Stage, raw_to};
use stagedoor_token::mint;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_connection_ends_with_its_token_after_a_notice() -> Result<()> {
    let stage = Stage::start().await?;
    let mut claims = stage.claims("lobby", "anna", "host")?;
    claims.exp = claims.iat + 3;
    let mut anna = stage.connect().await?;
    anna.log_in(&mint(&claims, &stage.key)?).await?;
    let notice = anna.event("token_expiring").await?;
    assert_eq!(notice["exp"], claims.exp);
    assert!(notice["now"].as_u64().is_some_and(|now| now < claims.exp));
    let closed = anna.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4201, "token_expired"));
    assert!(stagedoor_tests::stage::now_s() >= claims.exp);
    Ok(())
}

/// A raw socket with a seat that answers nothing on its own.
async fn raw(stage: &Stage, user: &str) -> Result<TcpStream> {
    raw_to(stage.running.http, &stage.token("lobby", user, "audience")?).await
}

#[tokio::test]
async fn a_silent_peer_is_pinged_and_then_closed() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.ping_interval_ms = 50;
        limits.pong_timeout_ms = 50;
        limits.close_timeout_ms = 50;
    })
    .await?;
    let mut tcp = raw(&stage, "mute").await?;
    let mut all = Vec::new();
    tcp.read_to_end(&mut all).await?;
    assert!(all.windows(2).any(|two| two == [0x89, 0]), "a ping");
    assert!(all.ends_with(b"\x0f\xa2dead"), "and then the close 4002");

    let mut alive = stage.join("lobby", "alive", "audience").await?;
    let patient = tokio::time::timeout(Duration::from_millis(400), alive.closed()).await;
    assert!(patient.is_err(), "who answers pings stays");
    Ok(())
}

/// The defaults, ten times as fast.
#[tokio::test]
async fn a_dead_peer_is_found_within_thirty_seconds() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.ping_interval_ms /= 10;
        limits.pong_timeout_ms /= 10;
        limits.close_timeout_ms = 50;
    })
    .await?;
    let mut tcp = raw(&stage, "dead").await?;
    let mut all = Vec::new();
    tokio::time::timeout(Duration::from_secs(3), tcp.read_to_end(&mut all)).await??;
    assert!(all.ends_with(b"dead"));
    Ok(())
}

#[tokio::test]
async fn a_close_is_answered_after_earlier_requests() -> Result<()> {
    let stage = Stage::with(|limits| limits.socket_send_buffer_bytes = 4_096).await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut tcp = raw(&stage, "bob").await?;
    host.find(|heard| format!("{heard:?}").contains("bob")).await?;
    // More than both kernels accept at once.
    for _ in 0..4 {
        host.ok(json!({"op": "send", "to": "room", "data": "x".repeat(15_000)})).await?;
    }
    let (mask, code) = ([0; 4], 1_000_u16.to_be_bytes());
    tcp.write_all(&[&[0x88, 0x82], &mask[..], &code[..]].concat()).await?;
    assert_eq!(host.event("left").await?["users"], json!(["bob"]));
    let mut all = Vec::new();
    tcp.read_to_end(&mut all).await?;
    let x_count = all.iter().filter(|byte| **byte == b'x').count();
    assert!(x_count >= 60_000, "{x_count} of the messages");
    assert!(all.ends_with(&[0x88, 2, 3, 0xe8]), "{:?}", all.split_at(all.len() - 8).1);
    Ok(())
}

#[tokio::test]
async fn a_peer_that_accepts_no_byte_is_cut_off() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.write_timeout_ms = 200;
        limits.socket_send_buffer_bytes = 4_096;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let _stuck = raw(&stage, "stuck").await?;
    host.find(|heard| format!("{heard:?}").contains("stuck")).await?;
    // Five messages are more than its kernel accepts and less than the room keeps.
    for _ in 0..5 {
        host.ok(json!({"op": "send", "to": "room", "data": "x".repeat(15_000)})).await?;
    }
    assert_eq!(host.event("left").await?["users"], json!(["stuck"]));
    assert_eq!(stage.metric("stagedoor_relay_closes_total{reason=\"write_timeout\"}").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_draining_relay_notifies_members_and_spreads_closes() -> Result<()> {
    let stage = Stage::with(|limits| limits.drain_grace_ms = 500).await?;
    let mut members = Vec::new();
    for n in 0..10 {
        members.push(stage.join("lobby", &format!("u{n}"), "audience").await?);
    }
    let begun = std::time::Instant::now();
    let stopping = tokio::spawn(stage.running.stop());
    let mut ends = Vec::new();
    let waits = members.into_iter().map(|mut member| async move {
        let closed = member.closed().await?;
        let told = member
            .unheard()
            .any(|heard| matches!(heard, Heard::Control(value) if value["ev"] == "closing"));
        anyhow::Ok((closed.code, told, begun.elapsed()))
    });
    for end in futures_util::future::join_all(waits).await {
        ends.push(end?);
    }
    assert!(ends.iter().all(|(code, ..)| *code == 4000), "{ends:?}");
    assert!(ends.iter().all(|(_, told, _)| *told), "each is told before: {ends:?}");
    let last = ends.iter().map(|(.., at)| *at).max().context("ten ends")?;
    let first = ends.iter().map(|(.., at)| *at).min().context("ten ends")?;
    assert!(last - first >= Duration::from_millis(300), "{ends:?}");
    stopping.await?;
    assert!(begun.elapsed() < Duration::from_secs(5));
    Ok(())
}

#[tokio::test]
async fn a_draining_relay_accepts_nothing_new() -> Result<()> {
    let stage = Stage::with(|limits| limits.drain_grace_ms = 1_000).await?;
    let mut first = stage.join("lobby", "anna", "host").await?;
    let mut second = stage.join("lobby", "bob", "host").await?;
    let mut third = stage.connect().await?;
    let token = stage.token("lobby", "carl", "host")?;
    let address = stage.running.http;
    let stopping = tokio::spawn(stage.running.stop());
    let closing = tokio::select! {
        closing = first.event("closing") => closing,
        closing = second.event("closing") => closing,
    };
    assert_eq!(closing?["code"], 4000);
    assert!(TcpStream::connect(address).await.is_err(), "nobody accepts");
    if let Ok(answer) = third.ask(json!({"op": "login", "token": token})).await {
        assert_eq!(answer["error"]["code"], "closing");
    }
    assert_eq!(third.closed().await?.code, 4000);
    stopping.await?;
    Ok(())
}
