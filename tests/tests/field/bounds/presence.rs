//! Nobody is named before being announced, and one user's life is announced in order.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage};
use tokio_tungstenite::tungstenite::Message;

/// Joins and leaves wait this long, unless something needs them sooner.
const FOR_EVER_MS: u64 = 600_000;

/// Joins and leaves wait until something needs them: only the first join into a quiet room is announced at once.
async fn patient() -> Result<Stage> {
    Stage::with(|limits| {
        limits.presence_batch_interval_ms = FOR_EVER_MS;
        limits.ping_interval_ms = FOR_EVER_MS;
    })
    .await
}

/// What a member knows about who is in its room, from what it received in order.
#[derive(Default)]
struct Knows {
    present: BTreeSet<String>,
    /// Each event in a few words.
    told: Vec<String>,
    joined: usize,
    left: usize,
}

impl Knows {
    fn of(seat: &Value) -> Self {
        let members = seat["members"].as_array().into_iter().flatten();
        let present = members.map(|member| text(member, "user")).collect();
        Self { present, ..Self::default() }
    }

    /// Handles a message. Whoever it names must be known.
    fn hear(&mut self, said: &Value) -> Result<()> {
        let list = |field: &str| said[field].as_array().cloned().unwrap_or_default();
        let named = match said["ev"].as_str() {
            Some("joined") => {
                self.joined += 1;
                self.present.extend(list("members").iter().map(|member| text(member, "user")));
                vec![]
            }
            Some("left") => {
                self.left += 1;
                for user in list("users") {
                    self.present.remove(user.as_str().unwrap_or_default());
                }
                vec![]
            }
            Some("message") => vec![text(&said["from"], "user")],
            Some("state") => vec![text(said, "by")],
            Some("subscribed") => list("streams").iter().map(|of| text(of, "user")).collect(),
            Some("published" | "asked" | "ask_ended" | "role_changed") => vec![text(said, "user")],
            Some("grants_changed") => vec![text(said, "by")],
            _ if said.get("re").is_some() => {
                let streams = said["ok"]["streams"].as_array().cloned().unwrap_or_default();
                streams.iter().map(|of| text(of, "user")).collect()
            }
            _ => vec![],
        };
        for user in &named {
            ensure!(self.present.contains(user), "{user} is named by {said} before it was told of");
        }
        let what = said["ev"].as_str().unwrap_or("answer");
        self.told.push(format!("{what} {}", named.join(" ")).trim_end().into());
        Ok(())
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or("nobody").into()
}

/// An observing member, and what it knows.
async fn watcher(stage: &Stage, role: &str) -> Result<(Member, Knows)> {
    let mut member = stage.connect().await?;
    let seat = member.log_in(&stage.token("lobby", "watcher", role)?).await?;
    let mut knows = Knows::of(&seat);
    knows.present.insert("watcher".into());
    Ok((member, knows))
}

/// Receives, in order, until this event arrives.
async fn hear_until(member: &mut Member, knows: &mut Knows, words: &str) -> Result<()> {
    while !knows.told.iter().any(|told| told == words) {
        match member.hear().await?.context("it is closed")? {
            Heard::Control(said) => knows.hear(&said)?,
            Heard::Frame(..) => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_member_is_announced_before_its_acts() -> Result<()> {
    let stage = patient().await?;
    let (mut watcher, mut knows) = watcher(&stage, "host").await?;
    watcher.subscribe(&["*"]).await?;
    let acts = [
        ("published", json!({"op": "publish", "stream": "u0", "kind": "data"})),
        ("message", json!({"op": "send", "to": "room", "data": 1})),
        ("message", json!({"op": "send", "to": {"role": "host"}, "data": 1})),
        ("message", json!({"op": "send", "to": {"user": "watcher"}, "data": 1})),
        ("state", json!({"op": "set", "key": "k", "value": 1})),
        ("subscribed", json!({"op": "publish", "stream": "u5", "kind": "data"})),
    ];
    let mut others = Vec::new();
    for (n, _) in acts.iter().enumerate() {
        others.push(stage.join("lobby", &format!("u{n}"), "host").await?);
    }
    for (n, (ev, act)) in acts.iter().enumerate() {
        others[n].ok(act.clone()).await?;
        hear_until(&mut watcher, &mut knows, &format!("{ev} u{n}")).await?;
    }
    assert!(knows.joined <= acts.len() && knows.left == 0, "{:?}", knows.told);
    Ok(())
}

#[tokio::test]
async fn requesters_and_deciders_are_announced_first() -> Result<()> {
    let stage = patient().await?;
    let (mut watcher, mut knows) = watcher(&stage, "cohost").await?;
    let mut first = stage.join("lobby", "u0", "host").await?;
    let mut host = stage.join("lobby", "u1", "host").await?;
    let mut asker = stage.join("lobby", "u2", "audience").await?;
    asker.ok(json!({"op": "ask", "role": "speaker"})).await?;
    hear_until(&mut watcher, &mut knows, "asked u2").await?;
    host.ok(json!({"op": "moderate", "verb": "mute", "user": "watcher"})).await?;
    hear_until(&mut watcher, &mut knows, "grants_changed u1").await?;
    first.ok(json!({"op": "moderate", "verb": "promote", "user": "u2", "role": "speaker"})).await?;
    hear_until(&mut watcher, &mut knows, "ask_ended u2").await?;
    Ok(())
}

#[tokio::test]
async fn after_a_short_break_a_members_life_is_announced_in_order() -> Result<()> {
    let stage = patient().await?;
    let (mut watcher, mut knows) = watcher(&stage, "host").await?;
    let _quiet = stage.join("lobby", "u0", "host").await?;
    let mut other = stage.join("lobby", "other", "host").await?;
    other.publish("before", json!({})).await?;
    hear_until(&mut watcher, &mut knows, "published other").await?;
    // It leaves and returns as somebody else, then as before.
    for role in ["speaker", "host", "speaker"] {
        drop(other);
        other = stage.join("lobby", "other", role).await?;
        other.publish(&format!("as-{role}"), json!({})).await?;
        knows.told.clear();
        hear_until(&mut watcher, &mut knows, "published other").await?;
        let life: Vec<&str> = knows.told.iter().map(String::as_str).collect();
        let expected = ["unpublished", "left", "joined", "published other"];
        assert_eq!(life, expected, "as {role}");
    }
    Ok(())
}

#[tokio::test]
async fn a_leave_is_announced_after_the_members_acts() -> Result<()> {
    let stage = Stage::with(|limits| limits.presence_batch_interval_ms = 0).await?;
    let (mut watcher, mut knows) = watcher(&stage, "host").await?;
    watcher.subscribe(&["*"]).await?;
    for n in 0..50 {
        let mut other = stage.join("lobby", &format!("u{n}"), "host").await?;
        other.ok(json!({"op": "send", "to": {"user": "watcher"}, "data": n})).await?;
        other.publish(&format!("s{n}"), json!({})).await?;
        other.ok(json!({"op": "send", "to": {"user": "watcher"}, "data": n})).await?;
        other.ok(json!({"op": "leave"})).await?;
    }
    while knows.left < 50 || !knows.present.is_subset(&BTreeSet::from(["watcher".into()])) {
        if let Heard::Control(said) = watcher.hear().await?.context("it is closed")? {
            knows.hear(&said)?;
        }
    }
    let messages = knows.told.iter().filter(|told| told.starts_with("message")).count();
    assert_eq!(messages, 100, "none was lost");
    Ok(())
}

#[tokio::test]
async fn in_a_storm_members_are_announced_before_their_streams() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.presence_batch_interval_ms = 200;
        limits.requests_burst = 10_000;
    })
    .await?;
    let (watcher, knows) = watcher(&stage, "host").await?;
    let joins = (0..60).map(|n| {
        let stage = &stage;
        async move {
            let mut member = stage.join("lobby", &format!("u{n:02}"), "host").await?;
            member.publish(&format!("s{n:02}"), json!({})).await?;
            anyhow::Ok(member)
        }
    });
    // The watcher lists the members again and again while they join.
    let watches = async {
        let (mut watcher, mut knows) = (watcher, knows);
        let mut published = 0;
        for id in 1_000.. {
            for op in ["subscribe", "unsubscribe"] {
                let request = json!({"op": op, "id": id, "streams": ["*"]});
                watcher.say(Message::text(request.to_string())).await?;
            }
            let mut answers = 0;
            while answers < 2 {
                let Heard::Control(said) = watcher.hear().await?.context("it is closed")? else {
                    continue;
                };
                answers += usize::from(said["re"] == id);
                published += usize::from(said["ev"] == "published");
                knows.hear(&said)?;
            }
            if published == 60 {
                break;
            }
        }
        Ok(())
    };
    let (members, watched) = tokio::join!(futures_util::future::try_join_all(joins), watches);
    drop(members?);
    watched
}

#[tokio::test]
async fn simultaneous_actors_are_announced_in_few_messages() -> Result<()> {
    let stage = patient().await?;
    let (mut watcher, mut knows) = watcher(&stage, "host").await?;
    let mut members = Vec::new();
    for n in 0..60 {
        members.push(stage.join("lobby", &format!("u{n:02}"), "host").await?);
    }
    for (n, member) in members.iter_mut().enumerate().rev() {
        member.publish(&format!("s{n:02}"), json!({})).await?;
    }
    hear_until(&mut watcher, &mut knows, "published u00").await?;
    assert_eq!(knows.present.len(), 61);
    assert!(knows.joined <= 2, "one alone, and all others with the first of them that acts");
    Ok(())
}

#[tokio::test]
async fn changed_returners_are_announced_in_batches() -> Result<()> {
    let stage = Stage::with(|limits| limits.presence_batch_interval_ms = 300).await?;
    let (mut watcher, mut knows) = watcher(&stage, "host").await?;
    let mut members = Vec::new();
    for n in 0..60 {
        members.push(stage.join("lobby", &format!("u{n:02}"), "audience").await?);
    }
    while knows.present.len() < 61 {
        if let Heard::Control(said) = watcher.hear().await?.context("it is closed")? {
            knows.hear(&said)?;
        }
    }
    let (mut back, before) = (Vec::new(), knows.joined + knows.left);
    for n in 0..60 {
        // The newer seat replaces the older one.
        back.push(stage.join("lobby", &format!("u{n:02}"), "speaker").await?);
    }
    let mut speakers = BTreeSet::new();
    while speakers.len() < 60 {
        if let Heard::Control(said) = watcher.hear().await?.context("it is closed")? {
            let came = said["members"].as_array().into_iter().flatten();
            speakers.extend(came.map(|member| text(member, "user")));
            knows.hear(&said)?;
        }
    }
    assert_eq!(knows.present.len(), 61);
    let told = knows.joined + knows.left - before;
    assert!(told < 30, "{told} messages for 60 who came back changed");
    Ok(())
}
