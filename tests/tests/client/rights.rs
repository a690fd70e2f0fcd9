//! Rights that a member loses and regains: its own streams and its subscriptions continue on their own.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::{App, Bus};
use stagedoor_client::{Client, ClientEvent, Event, Events, Kind, Publish, Room, Token, Why};
use stagedoor_server::Scope;
use stagedoor_tests::Stage;
use stagedoor_token::{Roles, mint};

use super::{back, grants_changed, source, until};

async fn host(stage: &Stage) -> Result<(Room, Events)> {
    let token = Token::fixed(stage.token("lobby", "anna", "host")?);
    Ok(Client::new(stage.url(), token).connect().await?)
}

/// The next event about the member's own streams: name and kind.
async fn own(events: &mut Events) -> Result<(String, &'static str)> {
    until(events, |event| match event {
        ClientEvent::OwnDenied { name, again: true } => Some((name.to_string(), "denied")),
        ClientEvent::OwnDenied { name, again: false } => Some((name.to_string(), "over")),
        ClientEvent::OwnBegun { name } => Some((name.to_string(), "begun")),
        _ => None,
    })
    .await
}

fn is(name: &str, what: &'static str) -> (String, &'static str) {
    (name.to_owned(), what)
}

async fn frame(events: &mut Events) -> Result<(String, Vec<u8>)> {
    until(events, |event| match event {
        ClientEvent::Frame(frame) => Some((frame.stream.name.to_string(), frame.payload.to_vec())),
        _ => None,
    })
    .await
}

/// Ends bob's first token; he returns with the next one.
async fn revoke_first(stage: &Stage) -> Result<()> {
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/revocations", stage.app);
    let revocation = json!({"target": {"jti": "bob-0"}});
    backend.get(201, "POST", &path, Some(&revocation)).await.map(drop)
}

#[tokio::test]
async fn a_muted_stream_resumes_unless_its_owner_ended_it() -> Result<()> {
    let stage = Stage::start().await?;
    let (anna, mut heard) = host(&stage).await?;
    anna.subscribe(&["*"]).await?;
    let token = Token::fixed(stage.token("lobby", "bob", "speaker")?);
    let (bob, mut events) = Client::new(stage.url(), token).connect().await?;
    let mic = bob.publish(Publish::new("mic", Kind::Audio)).await?;
    let gone = bob.publish(Publish::new("gone", Kind::Audio)).await?;
    let _chat = bob.publish(Publish::new("chat", Kind::Data).end_when_denied()).await?;
    let cam = bob.publish(Publish::new("cam", Kind::Video)).await?;
    anna.mute("bob", Some(&[Kind::Audio, Kind::Data])).await?;
    assert_eq!(own(&mut events).await?, is("mic", "denied"));
    assert_eq!(own(&mut events).await?, is("gone", "denied"));
    assert_eq!(own(&mut events).await?, is("chat", "over"));
    mic.send("nobody hears it").await?;
    gone.end().await?;
    cam.send_keyframe("it goes on").await?;
    assert_eq!(frame(&mut heard).await?, ("cam".into(), b"it goes on".to_vec()));
    anna.unmute("bob", None).await?;
    assert_eq!(own(&mut events).await?, is("mic", "begun"));
    mic.send_keyframe("again").await?;
    assert_eq!(frame(&mut heard).await?, ("mic".into(), b"again".to_vec()));
    let _last = bob.publish(Publish::new("last", Kind::Data)).await?;
    let found = stage.join("lobby", "carl", "host").await?.subscribe(&["*"]).await?;
    let found = found["streams"].as_array().context("streams")?;
    let mut names: Vec<&str> = found.iter().filter_map(|found| found["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cam", "last", "mic"]);
    Ok(())
}

#[tokio::test]
async fn renewals_can_remove_and_restore_a_right() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, _) = source(&stage, "speaker", |time, claims| {
        if time == 1 {
            claims.role = "audience".parse().unwrap_or_else(|_| claims.role.clone());
        }
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let _mic = bob.publish(Publish::new("mic", Kind::Audio)).await?;
    bob.renew().await?;
    assert_eq!(own(&mut events).await?, is("mic", "denied"));
    bob.renew().await?;
    assert_eq!(own(&mut events).await?, is("mic", "begun"));
    Ok(())
}

async fn subscribed(events: &mut Events) -> Result<String> {
    until(events, |event| match event {
        ClientEvent::Room(Event::Subscribed { streams }) => {
            Some(streams.iter().map(|found| &*found.info.name).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_readmitted_member_regains_its_streams_and_patterns() -> Result<()> {
    let stage = Stage::start().await?;
    let (anna, mut heard) = host(&stage).await?;
    let slides = anna.publish(Publish::new("slides", Kind::Data)).await?;
    let (source, _) = source(&stage, "speaker", |_, _| ())?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let _mic = bob.publish(Publish::new("mic", Kind::Audio)).await?;
    assert_eq!(bob.subscribe(&["s*"]).await?.len(), 1);
    let mut roles: Vec<Value> =
        Roles::built_in().iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    for role in roles.iter_mut().filter(|role| role["role"] == "speaker") {
        role["waits"] = true.into();
    }
    let roles = Roles::from_json(&serde_json::to_string(&roles)?)?.into();
    let app = App {
        id: stage.app,
        since_ms: stage.since_ms(stage.app),
        keys: vec![(&stage.key).into()],
        roles,
        second_login: None,
        token04: None,
    };
    stage.running.bus.put_app(app).await?;
    revoke_first(&stage).await?;
    let there = back(&mut events).await?;
    assert!(there.seat.waiting && bob.granted().waiting);
    assert_eq!(there.streams_restarted, ["mic", "slides"]);
    until(&mut heard, |event| {
        matches!(event, ClientEvent::Room(Event::Asked { .. })).then_some(())
    })
    .await?;
    anna.admit("bob").await?;
    assert_eq!(grants_changed(&mut events).await?.0, Why::Admitted);
    assert_eq!(own(&mut events).await?, is("mic", "begun"));
    assert_eq!(subscribed(&mut events).await?, "slides");
    slides.send_keyframe("page one").await?;
    assert_eq!(frame(&mut events).await?, ("slides".into(), b"page one".to_vec()));
    Ok(())
}

#[tokio::test]
async fn a_client_admits_a_list_and_then_all() -> Result<()> {
    let stage = Stage::start().await?;
    let (anna, mut heard) = host(&stage).await?;
    let mut waiting = Vec::new();
    for user in ["ada", "ben", "cem"] {
        let mut claims = stage.claims("lobby", user, "audience")?;
        claims.grants = serde_json::from_value(json!({"waits": true})).ok();
        let token = Token::fixed(mint(&claims, &stage.key)?);
        waiting.push(Client::new(stage.url(), token).connect().await?);
        until(&mut heard, |event| {
            matches!(event, ClientEvent::Room(Event::Asked { .. })).then_some(())
        })
        .await?;
    }
    let list = anna.admit_many(&["ben", "nobody"]).await?;
    assert_eq!((list.admitted, list.waiting), (1, 0));
    let all = anna.admit_all().await?;
    assert_eq!((all.admitted, all.waiting), (2, 0));
    for (_, events) in &mut waiting {
        assert_eq!(grants_changed(events).await?.0, Why::Admitted);
    }
    Ok(())
}

#[tokio::test]
async fn a_denied_pattern_blocks_no_other_and_works_later() -> Result<()> {
    let stage = Stage::start().await?;
    let (anna, _heard) = host(&stage).await?;
    let mut held = Vec::new();
    for name in ["a", "b", "c"] {
        held.push(anna.publish(Publish::new(name, Kind::Data)).await?);
    }
    let (source, _) = source(&stage, "speaker", |time, claims| {
        if time == 1 {
            let narrow = json!({"subscribe": {"streams": ["a", "c"], "from": ["*"]}});
            claims.grants = serde_json::from_value(narrow).ok();
        }
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    bob.subscribe(&["a", "b", "c"]).await?;
    revoke_first(&stage).await?;
    back(&mut events).await?;
    assert_eq!(subscribed(&mut events).await?, "a");
    assert_eq!(subscribed(&mut events).await?, "c");
    bob.renew().await?;
    assert_eq!(subscribed(&mut events).await?, "b");
    Ok(())
}
