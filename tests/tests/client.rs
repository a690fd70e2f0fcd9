//! The client against the real relay: what a reconnect takes along, and what it obeys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use stagedoor_client::{
    AskError, Client, ClientEvent, ConnectError, Delivery, Event, Events, Granted, Kind, Next,
    Publish, To, Token,
};
use stagedoor_tests::Stage;
use stagedoor_token::{AtExp, Claims, mint};

async fn until<T>(events: &mut Events, fits: impl Fn(&ClientEvent) -> Option<T>) -> Result<T> {
    let wait = async {
        while let Some(event) = events.next().await {
            if let Some(found) = fits(&event) {
                return Ok(found);
            }
        }
        anyhow::bail!("the events ended")
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await?
}

#[tokio::test]
async fn what_is_published_said_and_set_is_heard() -> Result<()> {
    let stage = Stage::start().await?;
    let connect = async |user: &str, role: &str| -> Result<_> {
        let token = Token::fixed(stage.token("lobby", user, role)?);
        Ok(Client::new(stage.url(), token).room("lobby").connect().await?)
    };
    let (host, mut host_events) = connect("anna", "host").await?;
    let (viewer, mut events) = connect("bob", "audience").await?;
    assert_eq!(viewer.seat().me.role, "audience");
    let camera = host.publish(Publish::new("cam", Kind::Data).meta("front")).await?;
    let found = viewer.subscribe(&["cam"]).await?;
    assert_eq!(found[0].info.meta.as_deref(), Some("front"));
    camera.send("hello", true).await?;
    let frame = until(&mut events, |event| match event {
        ClientEvent::Frame(frame) => Some(frame.clone()),
        _ => None,
    })
    .await?;
    assert_eq!((frame.seq, frame.keyframe, frame.payload.as_ref()), (0, true, &b"hello"[..]));
    viewer.send(To::Role("host".into()), Some("question"), &"why").await?;
    let data = until(&mut host_events, |event| match event {
        ClientEvent::Room(Event::Message { data, .. }) => Some(data.clone()),
        _ => None,
    });
    assert_eq!(data.await?, "why");
    assert_eq!(host.set("slide", &4, Some(0)).await?, 1);
    let denied = viewer.set("slide", &5, None).await;
    assert!(
        matches!(denied, Err(AskError::Refused(refusal)) if refusal.rule.as_deref() == Some("set"))
    );
    assert_eq!(host.members(None).await?.count, 2);
    host.kick("bob").await?;
    let closed = until(&mut events, |event| match event {
        ClientEvent::Closed(closed) => Some(closed.clone()),
        _ => None,
    });
    let closed = closed.await?;
    assert_eq!((closed.reason.as_str(), closed.next), ("kicked", Next::Stop));
    drop(camera);
    host.leave().await?;
    Ok(())
}

#[tokio::test]
async fn after_expiry_a_new_token_is_asked_for_and_everything_is_taken_along() -> Result<()> {
    let stage = Stage::start().await?;
    let (host, mut host_events) =
        Client::new(stage.url(), Token::fixed(stage.token("lobby", "anna", "host")?))
            .connect()
            .await?;
    tokio::spawn(async move { while host_events.next().await.is_some() {} });
    let camera = host.publish(Publish::new("cam", Kind::Data).delivery(Delivery::Reliable)).await?;

    let asked = Arc::new(AtomicU64::new(0));
    let (claims, key) = (stage.claims("lobby", "bob", "cohost")?, stage.key.clone());
    let source = {
        let asked = asked.clone();
        Token::from_fn(move || {
            let mut claims = claims.clone();
            let time = asked.fetch_add(1, Ordering::Relaxed);
            let ttl_s = if time == 0 { 2 } else { 600 };
            claims.iat = stagedoor_tests::stage::now_s();
            claims.nbf = claims.iat;
            claims.exp = claims.iat + ttl_s;
            let minted = mint(&claims, &key).map_err(|error| error.to_string());
            // The second time it is asked to renew.
            let given = if time == 1 { Err("not now".into()) } else { minted };
            async move { given }
        })
    };
    let (viewer, mut events) = Client::new(stage.url(), source).connect().await?;
    let own = viewer.publish(Publish::new("mine", Kind::Data)).await?;
    viewer.subscribe(&["c*"]).await?;
    camera.send("before", true).await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::Frame(frame) if frame.seq == 0).then_some(())
    })
    .await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::Room(Event::TokenExpiring { .. })).then_some(())
    })
    .await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::RenewFailed(AskError::Token(_))).then_some(())
    })
    .await?;
    until(&mut events, |event| matches!(event, ClientEvent::Reconnecting { .. }).then_some(()))
        .await?;
    camera.send("meanwhile", false).await?;
    let back = until(&mut events, |event| match event {
        ClientEvent::Reconnected(back) => Some(back.clone()),
        _ => None,
    })
    .await?;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert!(back.events_resumed && back.streams_begun_anew.is_empty(), "{back:?}");
    let frame = until(&mut events, |event| match event {
        ClientEvent::Frame(frame) => Some(frame.clone()),
        _ => None,
    });
    let frame = frame.await?;
    assert_eq!((frame.seq, frame.payload.as_ref()), (1, &b"meanwhile"[..]));
    let found = host.subscribe(&["mine"]).await?;
    assert_eq!(found.len(), 1, "its own stream is back");
    own.send("mine again", true).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_its_code_and_a_dead_address_fails() -> Result<()> {
    let stage = Stage::start().await?;
    let refused = Client::new(stage.url(), Token::fixed("nonsense")).connect().await;
    assert!(
        matches!(refused, Err(ConnectError::Refused(refusal)) if refusal.code == "token_invalid")
    );
    let url = stage.url();
    let token = stage.token("lobby", "anna", "host")?;
    let query = Client::new(format!("{url}?token=x"), Token::fixed(token.clone())).connect().await;
    assert!(matches!(query, Err(ConnectError::Url(_))));
    let client = Client::new(&url, Token::fixed(token)).attempts_max(1);
    let (_room, mut events) = client.connect().await?;
    stage.running.stop().await;
    let closed = until(&mut events, |event| match event {
        ClientEvent::Closed(closed) => Some(closed.clone()),
        _ => None,
    });
    let closed =
        tokio::time::timeout(Duration::from_secs(5), closed).await.context("it gives up")??;
    assert!(closed.reason.contains("cannot connect"), "{closed:?}");
    Ok(())
}

/// A source whose tokens differ in what is changed for each time that it is asked, from 0.
fn source(
    stage: &Stage,
    role: &str,
    change: impl Fn(u64, &mut Claims) + Send + Sync + 'static,
) -> Result<(Token, Arc<AtomicU64>)> {
    let asked = Arc::new(AtomicU64::new(0));
    let (claims, key, count) =
        (stage.claims("lobby", "bob", role)?, stage.key.clone(), asked.clone());
    let source = Token::from_fn(move || {
        let mut claims = claims.clone();
        let time = count.fetch_add(1, Ordering::Relaxed);
        claims.jti = format!("bob-{time}");
        change(time, &mut claims);
        let minted = mint(&claims, &key);
        async move { minted }
    });
    Ok((source, asked))
}

async fn renewed(events: &mut Events) -> Result<Granted> {
    until(events, |event| match event {
        ClientEvent::Renewed(granted) => Some(granted.clone()),
        ClientEvent::Reconnecting { .. } | ClientEvent::RenewFailed(_) => Some(Granted::default()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn before_its_token_ends_a_member_renews_by_itself_and_keeps_its_seat() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, asked) = source(&stage, "audience", |time, claims| {
        if time == 0 {
            claims.exp = claims.iat + 100;
        } else {
            claims.role = "speaker".parse().unwrap_or_else(|_| claims.role.clone());
            claims.exp = claims.iat + 500;
        }
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let before = bob.granted();
    assert_eq!((before.role.as_str(), before.grants), ("audience", bob.seat().grants.clone()));
    stage.running.relay.put_clock_forward(Duration::from_secs(75));
    let granted = renewed(&mut events).await?;
    assert_eq!((granted.role.as_str(), granted.exp), ("speaker", before.exp + 400));
    assert_eq!((granted.clone(), asked.load(Ordering::Relaxed)), (bob.granted(), 2));
    stage.running.relay.put_clock_forward(Duration::from_secs(60));
    bob.publish(Publish::new("a", Kind::Data)).await?;
    Ok(())
}

#[tokio::test]
async fn a_source_that_has_only_the_old_token_is_asked_once_before_its_end() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, asked) = source(&stage, "audience", |_, claims| {
        claims.jti = "same".into();
        claims.exp = claims.iat + 100;
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(75));
    assert_eq!(renewed(&mut events).await?, bob.granted());
    stage.running.relay.put_clock_forward(Duration::from_secs(20));
    until(&mut events, |event| {
        matches!(event, ClientEvent::Room(Event::TokenExpiring { .. })).then_some(())
    })
    .await?;
    bob.members(None).await?;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    Ok(())
}

#[tokio::test]
async fn a_member_whose_token_expired_with_grace_or_was_revoked_with_a_margin_renews() -> Result<()>
{
    let stage = Stage::start().await?;
    let (source, _) = source(&stage, "audience", |time, claims| {
        claims.exp = claims.iat + 100 + 900 * time;
        claims.at_exp = AtExp::Grace { s: 50 };
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let exp = bob.granted().exp;
    stage.running.relay.put_clock_forward(Duration::from_secs(101));
    until(&mut events, |event| {
        matches!(event, ClientEvent::Room(Event::TokenExpired { .. })).then_some(())
    })
    .await?;
    assert_eq!(renewed(&mut events).await?.exp, exp + 900);
    Ok(())
}
