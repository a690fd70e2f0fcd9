//! The host, the audience, and those who try more than they may.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use stagedoor_client::{
    Client, ClientEvent, ConnectError, Delivery, Ended, Event, Events, Kind, Publish, RequestError,
    Token,
};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};
use tokio::{sync::watch, time::Instant};

use crate::{
    backend::{Backend, ROOM},
    clip::Clip,
    stage::Stage,
};

/// How long the relay keeps a picture for those behind.
const KEPT: Duration = Duration::from_secs(2);
/// How long the slow one looks at each picture.
const SLOW: Duration = Duration::from_millis(120);

/// What one member received.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) user: String,
    pub(crate) slow: bool,
    /// Number, keyframe, bytes.
    pub(crate) pictures: Vec<(u64, bool, Bytes)>,
    /// Pictures that it was told it lost.
    pub(crate) lost: u64,
    /// Whether after each loss a keyframe came.
    pub(crate) keyframe_after_loss: bool,
    /// How many pictures there were, as the relay told at the end.
    pub(crate) end: u64,
    /// The code that answered its try to publish.
    pub(crate) publish_code: String,
}

/// Publishes the clip at its own times; says when half of it is over.
pub(crate) async fn host(
    backend: Arc<Backend>,
    clip: Arc<Clip>,
    half: watch::Sender<bool>,
) -> Result<()> {
    let token = backend.token("host", "host", 600).await?;
    let (room, mut events) = Client::new(&backend.connect, Token::fixed(token)).connect().await?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let publish = Publish::new("camera", Kind::Video).delivery(Delivery::Media).keep(KEPT);
    let camera = room.publish(publish).await?;
    let begun = Instant::now();
    for picture in &clip.pictures {
        tokio::time::sleep_until(begun + picture.at).await;
        let bytes = picture.bytes.clone();
        if picture.keyframe {
            camera.send_keyframe(bytes).await?;
        } else {
            camera.send(bytes).await?;
        }
        if picture.at >= clip.length() / 2 {
            half.send_replace(true);
        }
    }
    camera.end().await?;
    room.leave().await?;
    Ok(())
}

/// Watches the webinar to its end, and tries to publish, which is not an audience's right.
pub(crate) async fn watch(
    backend: Arc<Backend>,
    user: String,
    slow: bool,
    ready: watch::Sender<usize>,
) -> Result<Watched> {
    let token = backend.token(&user, "audience", 600).await?;
    let mut client = Client::new(&backend.connect, Token::fixed(token)).attempts_max(0);
    if slow {
        client = client.events_waiting_max(1).receive_buffer_bytes(4_096);
    }
    let (room, mut events) = client.connect().await?;
    let publish_code = match room.publish(Publish::new("mine", Kind::Video)).await {
        Err(RequestError::Refused(refusal)) => refusal.code.into_owned(),
        other => format!("{other:?}"),
    };
    room.subscribe(&["*"]).await?;
    ready.send_modify(|ready| *ready += 1);
    let mut watched =
        Watched { user, slow, publish_code, keyframe_after_loss: true, ..Watched::default() };
    receive(&mut events, &mut watched).await?;
    room.leave().await?;
    Ok(watched)
}

async fn receive(events: &mut Events, watched: &mut Watched) -> Result<()> {
    let mut jumped = false;
    while let Some(event) = events.next().await {
        match event {
            ClientEvent::Frame(frame) => {
                watched.keyframe_after_loss &= !jumped || frame.keyframe;
                jumped = false;
                watched.pictures.push((frame.seq, frame.keyframe, frame.payload));
                if watched.slow {
                    tokio::time::sleep(SLOW).await;
                }
            }
            ClientEvent::Room(Event::Lagged { lost, .. }) => {
                watched.lost += lost;
                jumped = true;
            }
            ClientEvent::Room(Event::Ended { seq, reason, .. }) => {
                ensure!(reason == Ended::Unpublished, "it ended with {reason:?}");
                watched.end = seq;
                return Ok(());
            }
            ClientEvent::Closed(closed) => bail!("{} was closed: {closed:?}", watched.user),
            _ => {}
        }
    }
    bail!("{} heard no end", watched.user)
}

/// Who tries what, with the code that must answer and the one that did.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) what: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) got: String,
}

fn refusal(done: Result<impl Sized, RequestError>) -> String {
    match done {
        Ok(_) => "allowed".into(),
        Err(RequestError::Refused(refusal)) => refusal.code.into_owned(),
        Err(other) => other.to_string(),
    }
}

async fn login(backend: &Backend, token: String, room: &str) -> String {
    match Client::new(&backend.connect, Token::fixed(token)).room(room).connect().await {
        Ok(_) => "allowed".into(),
        Err(ConnectError::Refused(refusal)) => refusal.code.into_owned(),
        Err(other) => other.to_string(),
    }
}

/// Tries everything that must be refused.
pub(crate) async fn intrude(backend: &Backend, stage: &Stage) -> Result<Vec<Tried>> {
    let mut tried = Vec::new();
    let mut note = |what, expected, got| tried.push(Tried { what, expected, got });

    let token = backend.token("intruder", "audience", 600).await?;
    let (room, mut events) =
        Client::new(&backend.connect, Token::fixed(token.clone())).connect().await?;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let publish = room.publish(Publish::new("fake", Kind::Video)).await;
    note("publish as audience", "publish_denied", refusal(publish));
    note("kick the host as audience", "moderate_denied", refusal(room.kick("host").await));
    note("close the room as audience", "moderate_denied", refusal(room.close_room().await));
    note("enter another room", "room_mismatch", login(backend, token.clone(), "backstage").await);
    room.leave().await?;

    let short = backend.token("late", "audience", 1).await?;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    note("enter with an expired token", "token_expired", login(backend, short, ROOM).await);

    let foreign = Key::hs256(AppId(stage.told.app), "k_foreign", &[7; 32], KeyState::Current)?;
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let claims = Claims::builder(AppId(stage.told.app), "host".parse()?)
        .room(ROOM)
        .user("forger")
        .jti("t_forged")
        .lifetime(now_s, 600)
        .build();
    note(
        "enter with a foreign key's token",
        "token_invalid",
        login(backend, mint(&claims, &foreign)?, ROOM).await,
    );

    note(
        "enter with an altered token",
        "token_invalid",
        login(backend, altered(&token)?, ROOM).await,
    );
    Ok(tried)
}

/// The same token, its role changed to `host`.
fn altered(token: &str) -> Result<String> {
    let mut parts = token.split('.');
    let (header, claims, signature) = (parts.next(), parts.next(), parts.next());
    let claims = URL_SAFE_NO_PAD.decode(claims.context("claims")?)?;
    let claims = String::from_utf8(claims)?.replace("\"audience\"", "\"host\"");
    let claims = URL_SAFE_NO_PAD.encode(claims);
    Ok(format!("{}.{claims}.{}", header.context("header")?, signature.context("signature")?))
}
