//! Refused requests: what one costs, and what its neighbours notice.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage, member::PATIENCE};
use stagedoor_token::mint;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::raw::{masked, raw, read_until};

/// A request that is refused only at its end, after everything before was read: 65 KB.
fn refused_at_its_end(id: u32) -> String {
    let mut text = format!(r#"{{"op":"subscribe","id":{id},"streams":["#);
    while text.len() < 65_400 {
        text += r#""a","#;
    }
    text + "0]}"
}

/// Malformed requests that the relay has refused.
fn refused(stage: &Stage) -> Result<u64> {
    let metrics = stage.running.relay.metrics();
    let of_form = "stagedoor_relay_requests_refused_total{code=\"request_invalid\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(of_form));
    Ok(count.map_or(Ok(0), str::parse)?)
}

async fn flood(member: &mut Member, requests: u32) -> Result<()> {
    for id in 0..requests {
        member.say(Message::text(refused_at_its_end(id))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn large_refused_requests_do_not_delay_other_rooms() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.requests_burst = 10_000;
        limits.control_bytes_burst = 20_000_000;
    })
    .await?;
    let mut loud = stage.join("loud", "anna", "audience").await?;
    let mut other = stage.join("quiet", "bob", "audience").await?;
    // One thread serves all: how many requests are refused between two answers to the other is how many go
    // before it.
    let flooding = tokio::spawn(async move { flood(&mut loud, 190).await.map(|()| loud) });
    let (mut seen, mut most) = (0, 0);
    let test = async {
        while seen < 150 {
            other.ok(json!({"op": "members"})).await?;
            let now = refused(&stage)?;
            most = most.max(now - seen);
            seen = now;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(6 * PATIENCE, test).await.context("the other is served")??;
    assert!(most <= 8, "{most} large requests went before one small one of another room");
    drop(flooding.await??);
    Ok(())
}

#[tokio::test]
async fn request_bytes_count_against_their_senders_rate() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.control_bytes_per_s = 1_000;
        limits.control_bytes_burst = 200_000;
        limits.rate_refusals_max = 5;
    })
    .await?;
    let mut loud = stage.join("lobby", "anna", "host").await?;
    let mut heard = Vec::new();
    for id in 0..10 {
        // Valid ones count as well as bad ones.
        let text = match id % 2 {
            0 => refused_at_its_end(id),
            _ => {
                json!({"op": "set", "id": id, "key": "k", "value": "x".repeat(65_000)}).to_string()
            }
        };
        loud.say(Message::text(text)).await?;
    }
    while let Some(said) = loud.hear().await? {
        let Heard::Control(said) = said else { continue };
        heard.push(said);
    }
    let codes: Vec<&str> = heard.iter().filter_map(|said| said["error"]["code"].as_str()).collect();
    let limited = ["rate_limited"; 5];
    assert_eq!(codes[..3], ["request_invalid", "too_large", "request_invalid"], "{codes:?}");
    assert_eq!(codes[3..], limited, "{codes:?}");
    let told: Vec<&Value> =
        heard.iter().filter(|said| said["error"]["code"] == "rate_limited").collect();
    for (id, said) in (3..).zip(&told) {
        assert_eq!(said["re"], id, "who is refused unread is told which request it was");
        let retry_ms = said["error"]["retry_ms"].as_u64().context("when to come back")?;
        ensure!(retry_ms > 30_000, "{said}");
    }
    assert!(heard.iter().any(|said| said["ev"] == "throttled"), "{heard:?}");
    assert_eq!(loud.closed().await?.reason, "rate_exceeded");
    Ok(())
}

#[tokio::test]
async fn unread_answers_bound_how_many_requests_are_handled() -> Result<()> {
    const ASKED: usize = 1_500;
    let stage = Stage::with(|limits| {
        limits.outbox_bytes_max = 100_000;
        limits.socket_send_buffer_bytes = 8_192;
        limits.requests_burst = 100_000;
    })
    .await?;
    let mut seats = Vec::new();
    for n in 0..30 {
        let mut claims = stage.claims("lobby", &format!("u{n:02}"), "host")?;
        claims.meta = Some("m".repeat(1_000));
        let mut member = stage.connect().await?;
        member.log_in(&mint(&claims, &stage.key)?).await?;
        seats.push(member);
    }
    // A page of members is 30 KB, and requesting it takes 35 bytes: all of these arrive in one read.
    let mut asks = raw(&stage, "lobby", "asks", "host").await?;
    read_until(&mut asks, "{\"re\":0,").await?;
    let asked: Vec<u8> =
        (1..ASKED).flat_map(|id| masked(&json!({"op": "members", "id": id}).to_string())).collect();
    ensure!(asked.len() < 65_536, "{} bytes", asked.len());
    asks.write_all(&asked).await?;
    while taken(&stage)? == 0 {
        seats[0].ok(json!({"op": "set", "key": "k", "value": 1})).await?;
    }
    // A later request is answered after them, so everything that was handled without being read has been handled.
    for seat in &mut seats {
        seat.ok(json!({"op": "set", "key": "k", "value": 1})).await?;
    }
    let taken = taken(&stage)?;
    assert!(taken < 200, "{taken} pages were made for one that reads none");
    read_until(&mut asks, &format!("{{\"re\":{},", ASKED - 1)).await
}

/// Requests for members that the relay has handled.
fn taken(stage: &Stage) -> Result<u64> {
    let metrics = stage.running.relay.metrics();
    let of_members = "stagedoor_relay_requests_total{op=\"members\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(of_members));
    Ok(count.map_or(Ok(0), str::parse)?)
}
