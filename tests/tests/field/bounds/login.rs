//! The cost of a login: bounded pages of long lists, for readers and for clients that never read.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage, member::PATIENCE, raw_to};
use stagedoor_token::mint;
use stagedoor_wire::limits::Limits;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::child::Child;

/// Rates that never interfere, and members that may be silent.
fn no_rates(limits: &mut Limits) {
    limits.ping_interval_ms = 600_000;
    limits.write_timeout_ms = 600_000;
    limits.requests_burst = 1_000_000;
    limits.requests_per_s = 1_000_000;
    limits.control_bytes_burst = 1_000_000_000;
    limits.control_bytes_per_s = 1_000_000_000;
}

/// A value of the room's state, nearly as large as one may be.
fn value(n: usize) -> String {
    format!("{n}-{}", "v".repeat(16_300))
}

async fn fill_state(host: &mut Member, keys: usize) -> Result<()> {
    for n in 0..keys {
        host.ok(json!({"op": "set", "key": format!("k{n:03}"), "value": value(n)})).await?;
    }
    Ok(())
}

/// The state of a client that reads its login's answer and events in order.
#[derive(Default)]
struct Mirror {
    state: BTreeMap<String, (u64, Value)>,
    streams: BTreeMap<u64, String>,
    asks: Vec<String>,
    /// Messages and the longest of them.
    events: usize,
    longest: usize,
    listed: bool,
}

impl Mirror {
    fn of(seat: &Value) -> Result<Self> {
        let mut mirror = Self { listed: seat["more"] != true, ..Self::default() };
        for entry in seat["state"].as_array().context("a state")? {
            mirror.set(entry)?;
        }
        for stream in seat["streams"].as_array().context("streams")? {
            mirror.publish(stream)?;
        }
        mirror.asks.extend(seat["asks"].as_array().into_iter().flatten().map(user));
        Ok(mirror)
    }

    fn set(&mut self, entry: &Value) -> Result<()> {
        let key = entry["key"].as_str().context("a key")?.to_owned();
        let version = entry["version"].as_u64().context("a version")?;
        if entry["value"].is_null() {
            self.state.remove(&key);
        } else {
            self.state.insert(key, (version, entry["value"].clone()));
        }
        Ok(())
    }

    fn publish(&mut self, stream: &Value) -> Result<()> {
        let number = stream["stream"].as_u64().context("a number")?;
        self.streams.insert(number, stream["name"].to_string());
        Ok(())
    }

    fn hear(&mut self, said: &Value) -> Result<()> {
        self.events += 1;
        self.longest = self.longest.max(said.to_string().len());
        match said["ev"].as_str() {
            Some("state") => self.set(said)?,
            Some("published") => self.publish(said)?,
            Some("unpublished") => {
                self.streams.remove(&said["stream"].as_u64().context("a number")?);
            }
            Some("asked") => self.asks.push(user(said)),
            Some("listed") => {
                ensure!(!self.listed, "it is said once, and only after an answer with `more`");
                self.listed = true;
            }
            _ => {}
        }
        Ok(())
    }
}

fn user(member: &Value) -> String {
    member["user"].as_str().unwrap_or_default().into()
}

/// Logs in; returns the answer and its length.
async fn log_in(stage: &Stage, user: &str) -> Result<(Member, Value, usize)> {
    let mut member = stage.connect().await?;
    let login = json!({"op": "login", "id": 0, "token": stage.token("lobby", user, "host")?});
    member.say(Message::text(login.to_string())).await?;
    let answer = member.find(|heard| matches!(heard, Heard::Control(said) if said["re"] == 0));
    let Heard::Control(answer) = answer.await? else { anyhow::bail!("an answer is text") };
    let bytes = answer.to_string().len();
    Ok((member, answer["ok"].clone(), bytes))
}

async fn hear_all(member: &mut Member, mirror: &mut Mirror) -> Result<()> {
    while !mirror.listed {
        if let Heard::Control(said) = member.hear().await?.context("it is closed")? {
            mirror.hear(&said)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_answer_to_a_login_is_bounded_and_the_rest_follows() -> Result<()> {
    let stage = Stage::with(no_rates).await?;
    let mut host = stage.join("lobby", "host", "host").await?;
    fill_state(&mut host, 256).await?;
    let mut others = Vec::new();
    for n in 0..60 {
        let mut claims = stage.claims("lobby", &format!("u{n:02}"), "host")?;
        claims.meta = Some("\u{1}m".repeat(300));
        let mut member = stage.connect().await?;
        member.log_in(&mint(&claims, &stage.key)?).await?;
        if n < 10 {
            for s in 0..16 {
                let meta = json!({"meta": "s".repeat(1_000)});
                member.publish(&format!("s{n:02}.{s:02}"), meta).await?;
            }
        }
        others.push(member);
    }
    for n in 0..60 {
        let mut claims = stage.claims("lobby", &format!("a{n:02}"), "audience")?;
        claims.meta = Some("m".repeat(1_000));
        let mut member = stage.connect().await?;
        member.log_in(&mint(&claims, &stage.key)?).await?;
        member.ok(json!({"op": "ask", "role": "speaker"})).await?;
        others.push(member);
    }
    let (mut member, seat, bytes) = log_in(&stage, "late").await?;
    let limits = Limits::default();
    assert!(bytes <= limits.outbox_bytes_max, "the answer has {bytes} bytes");
    assert_eq!(seat["more"], true);
    let mut mirror = Mirror::of(&seat)?;
    hear_all(&mut member, &mut mirror).await?;
    assert!(mirror.longest <= limits.page_bytes_max + 2_000, "{} bytes", mirror.longest);
    assert_eq!(mirror.state.len(), 256);
    for (n, (_, set)) in mirror.state.values().enumerate() {
        assert_eq!(*set, value(n));
    }
    assert_eq!(mirror.streams.len(), 160);
    let asked: Vec<String> = (0..60).map(|n| format!("a{n:02}")).collect();
    assert_eq!(mirror.asks, asked, "each once");
    // Members, page by page, each of bounded size.
    let (mut users, mut next) = (Vec::new(), seat["next"].clone());
    users.extend(seat["members"].as_array().context("members")?.iter().map(user));
    while let Some(after) = next.as_str() {
        let page = member.ok(json!({"op": "members", "after": after})).await?;
        ensure!(page.to_string().len() <= limits.page_bytes_max, "a page of members");
        users.extend(page["members"].as_array().context("members")?.iter().map(user));
        next = page["next"].clone();
    }
    assert_eq!(users.len(), 122);
    assert!(users.is_sorted());
    Ok(())
}

#[tokio::test]
async fn pages_and_events_in_order_give_the_rooms_state() -> Result<()> {
    let stage = Stage::with(|limits| {
        no_rates(limits);
        limits.page_bytes_max = 2_000;
        limits.events_log_bytes_max = 16_000_000;
    })
    .await?;
    let mut host = stage.join("lobby", "host", "host").await?;
    for n in 0..120 {
        let value = format!("{n}-{}", "v".repeat(700));
        host.ok(json!({"op": "set", "key": format!("k{n:03}"), "value": value})).await?;
    }
    for s in 0..12 {
        host.publish(&format!("s{s:02}"), json!({"meta": "s".repeat(1_000)})).await?;
    }
    let (mut member, seat, _) = log_in(&stage, "late").await?;
    assert_eq!(seat["more"], true);
    let mut mirror = Mirror::of(&seat)?;
    // While it reads, keys change and streams begin and end.
    for turn in 0..60 {
        let (one, other) = (turn * 7 % 120, turn * 11 % 120);
        let set = |key: usize, value: Value| json!({"op": "set", "key": format!("k{key:03}"), "value": value});
        host.ok(set(one, json!(turn))).await?;
        host.ok(set(other, Value::Null)).await?;
        host.ok(set(200 + turn, json!("new"))).await?;
        if turn < 12 {
            host.ok(json!({"op": "unpublish", "stream": format!("s{turn:02}")})).await?;
            host.publish(&format!("t{turn:02}"), json!({})).await?;
        }
        for _ in 0..3 {
            if let Some(Heard::Control(said)) = member.hear().await? {
                mirror.hear(&said)?;
            }
        }
    }
    host.ok(json!({"op": "send", "to": "room", "data": "last"})).await?;
    let mut last = false;
    while !(last && mirror.listed) {
        if let Heard::Control(said) = member.hear().await?.context("it is closed")? {
            last |= said["data"] == "last";
            mirror.hear(&said)?;
        }
    }
    let (mut fresh, seat, _) = log_in(&stage, "fresh").await?;
    let mut now = Mirror::of(&seat)?;
    hear_all(&mut fresh, &mut now).await?;
    assert_eq!(mirror.state, now.state);
    assert_eq!(mirror.streams, now.streams);
    Ok(())
}

#[tokio::test]
async fn a_new_moderator_gets_many_requests_in_pages() -> Result<()> {
    let stage = Stage::with(|limits| {
        no_rates(limits);
        limits.page_bytes_max = 2_000;
        limits.outbox_bytes_max = 20_000;
    })
    .await?;
    let mut host = stage.join("lobby", "host", "host").await?;
    let mut member = stage.join("lobby", "member", "speaker").await?;
    let mut others = Vec::new();
    for n in 0..60 {
        let mut claims = stage.claims("lobby", &format!("a{n:02}"), "audience")?;
        claims.meta = Some("m".repeat(1_000));
        let mut asker = stage.connect().await?;
        asker.log_in(&mint(&claims, &stage.key)?).await?;
        asker.ok(json!({"op": "ask", "role": "speaker"})).await?;
        others.push(asker);
    }
    host.ok(json!({"op": "moderate", "verb": "promote", "user": "member", "role": "cohost"}))
        .await?;
    for n in 0..60 {
        assert_eq!(user(&member.event("asked").await?), format!("a{n:02}"));
    }
    Ok(())
}

#[tokio::test]
async fn a_subscription_to_many_streams_is_answered_in_pages() -> Result<()> {
    let stage = Stage::with(|limits| {
        no_rates(limits);
        limits.page_bytes_max = 4_000;
        limits.stream_log_age_ms_max = 600_000;
    })
    .await?;
    let mut host = stage.join("lobby", "host", "host").await?;
    let mut numbers = Vec::new();
    for s in 0..16 {
        let more = json!({"meta": "s".repeat(1_000), "history": true});
        let number = host.publish(&format!("s{s:02}"), more).await?;
        host.frame(number, false, b"kept").await?;
        numbers.push(u64::from(number));
    }
    let mut member = stage.join("lobby", "member", "host").await?;
    member.say(Message::text(r#"{"op":"subscribe","id":7,"streams":["*"]}"#)).await?;
    let (mut found, mut heard) = (Vec::new(), Vec::new());
    while heard.len() < 16 {
        match member.hear().await?.context("it is closed")? {
            Heard::Control(said) if said["re"] == 7 || said["ev"] == "subscribed" => {
                ensure!(said.to_string().len() < 6_000, "{} bytes", said.to_string().len());
                let streams =
                    if said["re"] == 7 { &said["ok"]["streams"] } else { &said["streams"] };
                let streams = streams.as_array().context("streams")?;
                found.extend(streams.iter().filter_map(|stream| stream["stream"].as_u64()));
            }
            Heard::Control(_) => {}
            Heard::Frame(number, ..) => {
                ensure!(found.contains(&number.into()), "a frame of a stream that was not told");
                heard.push(u64::from(number));
            }
        }
    }
    assert_eq!(found, numbers, "each once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_silent_readers_hold_bounded_memory() -> Result<()> {
    const READERS: usize = 200;
    let child = Child::start(&[
        ("REQUESTS_BURST", "100000"),
        ("CONTROL_BYTES_BURST", "1000000000"),
        ("PING_INTERVAL_MS", "600000"),
        ("WRITE_TIMEOUT_MS", "600000"),
    ])?;
    let mut host = Member::connect(child.http).await?;
    host.log_in(&child.token("lobby", "host", "host")?).await?;
    fill_state(&mut host, 256).await?;
    let before = child.memory_bytes()?;
    let mut readers = Vec::new();
    for n in 0..READERS {
        let token = child.token("lobby", &format!("u{n:03}"), "audience")?;
        readers.push(raw_to(child.http, &token).await?);
    }
    let seated = async {
        loop {
            let page = host.ok(json!({"op": "members"})).await?;
            if page["count"] == READERS + 1 {
                return anyhow::Ok(());
            }
        }
    };
    timeout(6 * PATIENCE, seated).await.context("all have their seats")??;
    // It has sent whatever it would send them, as nobody reads it.
    for _ in 0..50 {
        host.ok(json!({"op": "members"})).await?;
    }
    let grown = child.memory_bytes()?.saturating_sub(before);
    assert!(grown < 64 << 20, "{} MB for {READERS} who never read", grown >> 20);
    drop(readers);
    Ok(())
}
