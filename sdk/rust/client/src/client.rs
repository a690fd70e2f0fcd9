//! How to connect, and the handles of a room and of a stream. First room of the client, before `driver`.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stagedoor_wire::{
    member::{Delivery, Kind, Subscribed},
    name::{StateKey, StreamName, Topic},
    reply::{LoggedIn, MembersPage, SubscribedTo, Versioned},
    request::{self, Request, To, op},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    connection::Command,
    driver::{Driver, Settings, seat},
    error::{AskError, ConnectError},
    event::ClientEvent,
    memory::Memory,
    token::Token,
};

/// Events that may wait for the application.
const EVENTS_WAITING_MAX: usize = 256;
/// Requests and frames that may wait for the socket.
const COMMANDS_WAITING_MAX: usize = 64;

/// How to connect.
#[derive(Clone, Debug)]
pub struct Client(Settings);

impl Client {
    /// A client of the relay at `ws://host:port/v1/connect` (or `wss://…`, with [`Client::tls`]).
    pub fn new(url: impl Into<String>, token: Token) -> Self {
        Self(Settings {
            url: url.into(),
            token,
            room: None,
            tls: None,
            silence_max: Duration::from_secs(40),
            attempts_max: 100,
            events_waiting_max: EVENTS_WAITING_MAX,
            receive_buffer_bytes: None,
        })
    }

    /// The room that the token must be for.
    #[must_use]
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.0.room = Some(room.into());
        self
    }

    /// How `wss` is trusted.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.0.tls = Some(config);
        self
    }

    /// After how long without a byte the connection counts as lost; 40 s unless set. The relay pings
    /// every 15 s by default.
    #[must_use]
    pub fn silence_max(mut self, silence_max: Duration) -> Self {
        self.0.silence_max = silence_max;
        self
    }

    /// How often a lost connection is tried again before the client gives up; 100 unless set, 0: never.
    #[must_use]
    pub fn attempts_max(mut self, attempts_max: u32) -> Self {
        self.0.attempts_max = attempts_max;
        self
    }

    /// How many events may wait for the application before the connection is held up; 256 unless set.
    #[must_use]
    pub fn events_waiting_max(mut self, events_waiting_max: usize) -> Self {
        self.0.events_waiting_max = events_waiting_max.max(1);
        self
    }

    /// The kernel's receive buffer; its own choice unless set.
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: u32) -> Self {
        self.0.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Connects and takes the seat. This first time nothing is tried twice.
    pub async fn connect(self) -> Result<(Room, Events), ConnectError> {
        let mut memory = Memory::default();
        let (connection, seat) = seat(&self.0, &mut memory).await.map_err(|(error, _)| error)?;
        let (commands, commands_end) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, events_end) = mpsc::channel(self.0.events_waiting_max);
        let driver = Driver { settings: self.0, memory, commands: commands_end, events };
        tokio::spawn(driver.run(connection));
        let room = Room { commands, seat: Arc::new(seat), handles: Arc::default() };
        Ok((room, Events(events_end)))
    }
}

/// What happens, in order. A [`Stream`], and [`Events::next`].
#[derive(Debug)]
pub struct Events(mpsc::Receiver<ClientEvent>);

impl Events {
    /// The next event; `None` after [`ClientEvent::Closed`].
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.0.recv().await
    }
}

impl Stream for Events {
    type Item = ClientEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        self.0.poll_recv(cx)
    }
}

/// The room that the member is in. Cheap to clone; when the last clone and every [`Publisher`] is gone, the
/// member leaves.
#[derive(Clone, Debug)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    seat: Arc<LoggedIn<Value>>,
    handles: Arc<AtomicU64>,
}

/// What to publish.
#[derive(Clone, Debug)]
pub struct Publish {
    name: String,
    kind: Kind,
    delivery: Option<Delivery>,
    meta: Option<String>,
    keep_ms: Option<u64>,
    history: bool,
}

impl Publish {
    /// A stream of this name and kind, with the delivery that suits the kind.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, delivery: None, meta: None, keep_ms: None, history: false }
    }

    /// What happens to a subscriber that falls behind.
    #[must_use]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// Shown to subscribers.
    #[must_use]
    pub fn meta(mut self, meta: impl Into<String>) -> Self {
        self.meta = Some(meta.into());
        self
    }

    /// How long the relay keeps a frame for those behind.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep_ms = Some(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Late subscribers of a `reliable` stream begin at the oldest kept frame.
    #[must_use]
    pub fn history(mut self) -> Self {
        self.history = true;
        self
    }
}

fn invalid(error: &dyn std::fmt::Display) -> AskError {
    AskError::Invalid(error.to_string())
}

fn raw(value: &impl Serialize) -> Result<Box<serde_json::value::RawValue>, AskError> {
    serde_json::value::to_raw_value(value).map_err(|error| invalid(&error))
}

impl Room {
    /// The seat as it was when the client first connected.
    pub fn seat(&self) -> &LoggedIn<Value> {
        &self.seat
    }

    async fn command<T: DeserializeOwned>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<Value, AskError>>) -> Command,
    ) -> Result<T, AskError> {
        let (answered, answer) = oneshot::channel();
        self.commands.send(command(answered)).await.map_err(|_| AskError::Closed)?;
        let value = answer.await.map_err(|_| AskError::Lost)??;
        serde_json::from_value(value).map_err(|error| invalid(&error))
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, AskError> {
        self.command(|answered| Command::Ask(Box::new(request), answered)).await
    }

    /// Begins a stream. It goes on after a reconnect, under another number; it ends with its handle.
    pub async fn publish(&self, publish: Publish) -> Result<Publisher, AskError> {
        let Publish { name, kind, delivery, meta, keep_ms, history } = publish;
        let stream = StreamName::new(&name).map_err(|error| invalid(&error))?;
        let request = request::Publish {
            op: op::Publish,
            id: 0,
            stream,
            kind,
            delivery,
            meta,
            keep_ms,
            history,
        };
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        self.command::<Value>(|answered| Command::Publish(handle, Box::new(request), answered))
            .await?;
        Ok(Publisher { commands: self.commands.clone(), handle })
    }

    /// Subscribes to names, and prefixes followed by `*`; the streams that match now. Those to come are
    /// told by events.
    pub async fn subscribe(&self, streams: &[&str]) -> Result<Vec<Subscribed>, AskError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let subscribe = request::Subscribe { op: op::Subscribe, id: 0, streams, from: Vec::new() };
        Ok(self.ask::<SubscribedTo>(Request::Subscribe(subscribe)).await?.streams)
    }

    /// Takes patterns back.
    pub async fn unsubscribe(&self, streams: &[&str]) -> Result<(), AskError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let unsubscribe = request::Unsubscribe { op: op::Unsubscribe, id: 0, streams };
        self.ask::<Value>(Request::Unsubscribe(unsubscribe)).await.map(drop)
    }

    /// Messages the room, a role or a user.
    pub async fn send(
        &self,
        to: To,
        topic: Option<&str>,
        data: &impl Serialize,
    ) -> Result<(), AskError> {
        let topic = topic.map(Topic::new).transpose().map_err(|error| invalid(&error))?;
        let send = request::Send { op: op::Send, id: 0, to, topic, data: raw(data)? };
        self.ask::<Value>(Request::Send(send)).await.map(drop)
    }

    /// Sets a key of the room's state, with `if_version` only if the key is at that version (0: not
    /// there); its new version.
    pub async fn set(
        &self,
        key: &str,
        value: &impl Serialize,
        if_version: Option<u64>,
    ) -> Result<u64, AskError> {
        let key = StateKey::new(key).map_err(|error| invalid(&error))?;
        let set = request::Set { op: op::Set, id: 0, key, value: raw(value)?, if_version };
        Ok(self.ask::<Versioned>(Request::Set(set)).await?.version)
    }

    /// A page of the members that this one may see, after a user id.
    pub async fn members(&self, after: Option<&str>) -> Result<MembersPage, AskError> {
        let after = after.map(ToOwned::to_owned);
        self.ask(Request::Members(request::Members { op: op::Members, id: 0, after })).await
    }

    /// Removes a member of lower rank.
    pub async fn kick(&self, user: &str) -> Result<(), AskError> {
        self.moderate(request::Verb::Kick, Some(user.to_owned())).await
    }

    /// Closes the room for everybody.
    pub async fn close(&self) -> Result<(), AskError> {
        self.moderate(request::Verb::Close, None).await
    }

    async fn moderate(&self, verb: request::Verb, user: Option<String>) -> Result<(), AskError> {
        let moderate = request::Moderate {
            op: op::Moderate,
            id: 0,
            verb,
            user,
            role: None,
            kinds: None,
            for_s: None,
        };
        self.ask::<Value>(Request::Moderate(moderate)).await.map(drop)
    }

    /// Leaves the room; [`ClientEvent::Closed`] follows.
    pub async fn leave(&self) -> Result<(), AskError> {
        self.ask::<Value>(Request::Leave(request::Leave { op: op::Leave, id: 0 })).await.map(drop)
    }
}

/// A stream of the member's own; it ends when this is dropped.
#[derive(Debug)]
pub struct Publisher {
    commands: mpsc::Sender<Command>,
    handle: u64,
}

impl Publisher {
    /// Sends a frame. Waits while the socket takes nothing; while the connection is lost frames are let go.
    pub async fn send(&self, payload: impl Into<Bytes>, keyframe: bool) -> Result<(), AskError> {
        let frame = Command::Frame(self.handle, keyframe, payload.into());
        self.commands.send(frame).await.map_err(|_| AskError::Closed)
    }

    /// Ends the stream after the frames sent so far.
    pub async fn end(self) -> Result<(), AskError> {
        self.commands.send(Command::Unpublish(self.handle)).await.map_err(|_| AskError::Closed)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Err(mpsc::error::TrySendError::Full(command)) =
            self.commands.try_send(Command::Unpublish(self.handle))
        {
            let commands = self.commands.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { commands.send(command).await });
            }
        }
    }
}
