//! The client against the real relay: what survives a reconnect, and which orders it obeys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_bus::{App, Bus};
use stagedoor_client::{
    Client, ClientEvent, Closed, ConnectError, Delivery, Event, Events, Granted, Invite, Kind,
    Message, Next, Publish, Reconnected, RequestError, Token, Why,
};
use stagedoor_server::Scope;
use stagedoor_tests::Stage;
use stagedoor_token::{AtExp, Claims, Roles, SecondLogin, mint};

#[path = "client/bound.rs"]
mod bound;
#[path = "client/lists.rs"]
mod lists;
#[path = "client/rights.rs"]
mod rights;

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

async fn closed(events: &mut Events) -> Result<Closed> {
    until(events, |event| match event {
        ClientEvent::Closed(closed) => Some(closed.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn frames_messages_and_state_are_received() -> Result<()> {
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
    camera.send_keyframe("hello").await?;
    let frame = until(&mut events, |event| match event {
        ClientEvent::Frame(frame) => Some(frame.clone()),
        _ => None,
    })
    .await?;
    assert_eq!((frame.seq, frame.keyframe, frame.payload.as_ref()), (0, true, &b"hello"[..]));
    viewer.send(Message::to_role("host", "why").topic("question")).await?;
    let data = until(&mut host_events, |event| match event {
        ClientEvent::Room(Event::Message { data, .. }) => Some(data.clone()),
        _ => None,
    });
    assert_eq!(data.await?, "why");
    assert_eq!(host.set_if("slide", &4, 0).await?, 1);
    let denied = viewer.set("slide", &5).await;
    assert!(
        matches!(denied, Err(RequestError::Refused(refusal)) if refusal.rule.as_deref() == Some("set"))
    );
    assert_eq!(host.members(None).await?.count, 2);
    host.kick("bob").await?;
    let closed = closed(&mut events).await?;
    assert_eq!((closed.reason.as_str(), closed.next), ("kicked", Next::Stop));
    drop(camera);
    host.leave().await?;
    Ok(())
}

#[tokio::test]
async fn after_expiry_a_new_token_resumes_everything() -> Result<()> {
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
    camera.send_keyframe("before").await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::Frame(frame) if frame.seq == 0).then_some(())
    })
    .await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::Room(Event::TokenExpiring { .. })).then_some(())
    })
    .await?;
    until(&mut events, |event| {
        matches!(event, ClientEvent::RenewFailed(RequestError::Token(_))).then_some(())
    })
    .await?;
    until(&mut events, |event| matches!(event, ClientEvent::Reconnecting { .. }).then_some(()))
        .await?;
    camera.send("meanwhile").await?;
    let back = until(&mut events, |event| match event {
        ClientEvent::Reconnected(back) => Some(back.clone()),
        _ => None,
    })
    .await?;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert!(back.events_resumed && back.streams_restarted.is_empty(), "{back:?}");
    let frame = until(&mut events, |event| match event {
        ClientEvent::Frame(frame) => Some(frame.clone()),
        _ => None,
    });
    let frame = frame.await?;
    assert_eq!((frame.seq, frame.payload.as_ref()), (1, &b"meanwhile"[..]));
    let found = host.subscribe(&["mine"]).await?;
    assert_eq!(found.len(), 1, "its own stream is back");
    own.send_keyframe("mine again").await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_has_its_code_and_a_dead_address_fails() -> Result<()> {
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
    let closed = closed(&mut events).await.context("it gives up")?;
    assert!(closed.reason.contains("cannot connect"), "{closed:?}");
    Ok(())
}

/// A source whose tokens differ from call to call, counted from 0.
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
async fn a_member_renews_before_expiry_and_keeps_its_seat() -> Result<()> {
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
    let grants = serde_json::to_value(&*before.grants)?;
    assert_eq!((before.role.as_str(), grants), ("audience", bob.seat().grants.clone()));
    stage.running.relay.put_clock_forward(Duration::from_secs(75));
    let granted = renewed(&mut events).await?;
    assert_eq!((granted.role.as_str(), granted.exp), ("speaker", before.exp + 400));
    assert_eq!((granted.clone(), asked.load(Ordering::Relaxed)), (bob.granted(), 2));
    stage.running.relay.put_clock_forward(Duration::from_secs(60));
    bob.publish(Publish::new("a", Kind::Data)).await?;
    Ok(())
}

#[tokio::test]
async fn tokens_that_end_together_are_requested_once() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, asked) = source(&stage, "audience", |_, claims| {
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
async fn a_member_renews_within_its_tokens_grace() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, _) = source(&stage, "audience", |time, claims| {
        claims.exp = claims.iat + if time < 2 { 100 } else { 900 };
        claims.at_exp = AtExp::Grace { s: 50 };
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let exp = bob.granted().exp;
    stage.running.relay.put_clock_forward(Duration::from_secs(75));
    assert_eq!(renewed(&mut events).await?.exp, exp);
    stage.running.relay.put_clock_forward(Duration::from_secs(26));
    until(&mut events, |event| {
        matches!(event, ClientEvent::Room(Event::TokenExpired { .. })).then_some(())
    })
    .await?;
    assert_eq!(renewed(&mut events).await?.exp, exp + 800);
    Ok(())
}

#[tokio::test]
async fn a_member_renews_within_a_revocations_margin() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, asked) = source(&stage, "audience", |_, _| ())?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/revocations", stage.app);
    let revocation = json!({"target": {"jti": "bob-0"}, "margin_s": 60});
    backend.get(201, "POST", &path, Some(&revocation)).await?;
    assert_eq!(renewed(&mut events).await?.role, "audience");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    stage.running.relay.put_clock_forward(Duration::from_secs(61));
    assert_eq!(bob.members(None).await?.count, 1, "it keeps its seat");
    Ok(())
}

#[tokio::test]
async fn a_refused_renewal_leaves_the_seat_unchanged() -> Result<()> {
    let stage = Stage::start().await?;
    let (source, _) = source(&stage, "speaker", |time, claims| {
        if time == 1 {
            claims.room = "elsewhere".into();
        }
    })?;
    let (bob, mut events) = Client::new(stage.url(), source).connect().await?;
    let before = bob.granted();
    let refused = bob.renew().await;
    assert!(
        matches!(refused, Err(RequestError::Refused(refusal)) if refusal.code == "room_mismatch")
    );
    until(&mut events, |event| {
        matches!(event, ClientEvent::RenewFailed(RequestError::Refused(_))).then_some(())
    })
    .await?;
    assert_eq!(bob.granted(), before);
    bob.publish(Publish::new("a", Kind::Data)).await?;
    assert_eq!(bob.renew().await?.role, "speaker");
    Ok(())
}

/// Waits until the client is back; it leaves on its own, because it takes silence for a loss.
async fn back(events: &mut Events) -> Result<Reconnected> {
    until(events, |event| match event {
        ClientEvent::Reconnected(back) => Some((**back).clone()),
        _ => None,
    })
    .await
}

const IMPATIENT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn a_lost_connection_returns_by_ticket_or_else_by_token() -> Result<()> {
    let stage = Stage::start().await?;
    let app = App {
        id: stage.app,
        since_ms: stage.since_ms(stage.app),
        keys: vec![(&stage.key).into()],
        roles: Roles::built_in(),
        second_login: Some(SecondLogin::Allow(16)),
        token04: None,
    };
    stage.running.bus.put_app(app).await?;
    let (source, asked) = source(&stage, "speaker", |_, claims| claims.once = true)?;
    let (_bob, mut events) =
        Client::new(stage.url(), source).silence_max(IMPATIENT).connect().await?;
    let first = back(&mut events).await?;
    assert!(first.seat.ticket.is_some());
    let mut ticket = back(&mut events).await?.seat.ticket;
    assert_ne!(first.seat.ticket, ticket);
    assert_eq!(asked.load(Ordering::Relaxed), 1, "no token was asked for");
    // The client may have been faster, and used it.
    while stage.connect().await?.ask(json!({"op": "login", "ticket": ticket})).await?["ok"]
        .is_null()
    {
        ticket = back(&mut events).await?.seat.ticket;
    }
    let at_once = until(&mut events, |event| match event {
        ClientEvent::Reconnecting { attempt: 2, .. } => Some(false),
        ClientEvent::Reconnected(_) => Some(true),
        _ => None,
    });
    assert!(at_once.await?, "the token comes in the same try");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    Ok(())
}

#[tokio::test]
async fn missed_events_arrive_once_and_in_order() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let token = Token::fixed(stage.token("lobby", "bob", "speaker")?);
    let (bob, mut events) =
        Client::new(stage.url(), token).silence_max(IMPATIENT).connect().await?;
    let _own = bob.publish(Publish::new("mine", Kind::Data)).await?;
    let mut heard = Vec::new();
    for round in 0..4 {
        until(&mut events, |event| matches!(event, ClientEvent::Reconnecting { .. }).then_some(()))
            .await?;
        for value in [2 * round, 2 * round + 1] {
            anna.ok(json!({"op": "set", "key": "k", "value": value})).await?;
        }
        while heard.len() < 2 * (round + 1) {
            heard.push(
                until(&mut events, |event| match event {
                    ClientEvent::Room(Event::State { value, .. }) => Some(value.clone()),
                    _ => None,
                })
                .await?,
            );
        }
    }
    assert_eq!(heard, (0..8).map(Value::from).collect::<Vec<_>>());
    Ok(())
}

async fn grants_changed(events: &mut Events) -> Result<(Why, String)> {
    until(events, |event| match event {
        ClientEvent::Room(Event::GrantsChanged { why, role, .. }) => Some((*why, role.clone())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn an_accepted_hand_makes_the_client_read_its_new_rights() -> Result<()> {
    let stage = Stage::start().await?;
    let connect = async |user: &str, role: &str| -> Result<_> {
        let token = Token::fixed(stage.token("lobby", user, role)?);
        Ok(Client::new(stage.url(), token).connect().await?)
    };
    let (anna, mut told) = connect("anna", "host").await?;
    let (bob, mut events) = connect("bob", "audience").await?;
    bob.ask("speaker").await?;
    let wants = until(&mut told, |event| match event {
        ClientEvent::Room(Event::Asked { ask }) => {
            Some((ask.member.user.clone(), ask.wants.clone()))
        }
        _ => None,
    });
    assert_eq!(wants.await?, ("bob".into(), Some("speaker".into())));
    anna.decline("bob").await?;
    bob.ask("speaker").await?;
    bob.unask().await?;
    let again = bob.unask().await;
    assert!(matches!(again, Err(RequestError::Refused(refusal)) if refusal.code == "ask_unknown"));
    anna.promote("bob", "speaker").await?;
    assert_eq!(grants_changed(&mut events).await?, (Why::Promoted, "speaker".into()));
    assert_eq!(bob.granted().grants.publish.streams_max, 8);
    anna.mute("bob", Some(&[Kind::Data])).await?;
    assert_eq!(grants_changed(&mut events).await?.0, Why::Muted);
    let refused = bob.publish(Publish::new("a", Kind::Data)).await;
    assert!(matches!(refused, Err(RequestError::Refused(_))));
    bob.publish(Publish::new("b", Kind::Audio)).await?;
    anna.unmute("bob", None).await?;
    assert_eq!(grants_changed(&mut events).await?.0, Why::Unmuted);
    anna.demote("bob", "audience").await?;
    assert_eq!(grants_changed(&mut events).await?, (Why::Demoted, "audience".into()));
    assert_eq!(bob.granted().role, "audience");
    Ok(())
}

#[tokio::test]
async fn a_guest_is_invited_and_banned_and_the_room_closed() -> Result<()> {
    let stage = Stage::start().await?;
    let token = Token::fixed(stage.token("lobby", "anna", "host")?);
    let (anna, mut own) = Client::new(stage.url(), token).connect().await?;
    let invited = anna.invite(Invite::new("audience", Duration::from_secs(60))).await?;
    let guest = Client::new(stage.url(), Token::fixed(invited.token));
    let (there, mut events) = guest.clone().connect().await?;
    assert_eq!((&there.seat().me.user, &there.seat().me.name), (&invited.user, &None));
    assert_eq!(there.seat().ticket, None);
    anna.ban(&invited.user, Some(Duration::from_secs(60))).await?;
    assert_eq!(closed(&mut events).await?.code, 4308);
    let refused = guest.connect().await;
    assert!(matches!(refused, Err(ConnectError::Refused(refusal)) if refusal.code == "banned"));
    let nobody = anna.admit("nobody").await;
    assert!(
        matches!(nobody, Err(RequestError::Refused(refusal)) if refusal.code == "user_unknown")
    );
    anna.close_room().await?;
    assert_eq!(closed(&mut own).await?.reason, "room_closed");
    Ok(())
}

#[tokio::test]
async fn a_one_time_invitation_admits_a_guest_once() -> Result<()> {
    let stage = Stage::start().await?;
    let token = Token::fixed(stage.token("lobby", "anna", "host")?);
    let (anna, _own) = Client::new(stage.url(), token).connect().await?;
    let invite = Invite::new("audience", Duration::from_secs(60)).name("Zoë").once();
    let guest = Client::new(stage.url(), Token::fixed(anna.invite(invite).await?.token));
    let (there, _events) = guest.clone().connect().await?;
    assert_eq!(there.seat().me.name.as_deref(), Some("Zoë"));
    assert!(there.seat().ticket.is_some(), "it may come back by itself");
    let second = guest.connect().await;
    assert!(
        matches!(&second, Err(ConnectError::Refused(refusal)) if refusal.code == "token_revoked"),
        "{second:?}"
    );
    Ok(())
}
