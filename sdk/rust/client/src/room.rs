//! The handles of a room and of a stream. Puts requests together; the driver sends them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stagedoor_wire::{
    member::{Delivery, Kind, Subscribed},
    name::{StateKey, StreamName, Topic},
    reply::{LoggedIn, MembersPage, Pong, Renewed, SubscribedTo, Versioned},
    request::{self, Request, To, op},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{connection::Command, error::AskError, event::Granted, own::Own};

/// The room that the member is in. Cheap to clone; when the last clone and every [`Publisher`] is gone, the
/// member leaves.
#[derive(Clone, Debug)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    seat: Arc<LoggedIn<Value>>,
    granted: watch::Receiver<Granted>,
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
    again: bool,
}

impl Publish {
    /// A stream of this name and kind, with the delivery that suits the kind.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            delivery: None,
            meta: None,
            keep_ms: None,
            history: false,
            again: true,
        }
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

    /// The stream is over for good when the member may not publish it any more. Unless this is said, it
    /// begins again, by itself, when the member may: a microphone that a moderator muted is heard again
    /// when it is unmuted. Either way [`ClientEvent::OwnDenied`](crate::ClientEvent::OwnDenied) tells.
    #[must_use]
    pub fn end_when_denied(mut self) -> Self {
        self.again = false;
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
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        seat: LoggedIn<Value>,
        granted: watch::Receiver<Granted>,
    ) -> Self {
        Self { commands, seat: Arc::new(seat), granted, handles: Arc::default() }
    }

    /// The seat as it was when the client first connected.
    pub fn seat(&self) -> &LoggedIn<Value> {
        &self.seat
    }

    /// The member's role and what it may do, as the relay told them last: at login, with
    /// [`Event::GrantsChanged`](crate::Event::GrantsChanged), or in the answer to a renewal.
    pub fn granted(&self) -> Granted {
        self.granted.borrow().clone()
    }

    /// Asks the [`Token`](crate::Token) source for a new token and goes on with it, on the same seat. A
    /// refusal leaves the seat as it was. At the token's end the client does this by itself.
    pub async fn renew(&self) -> Result<Renewed<Value>, AskError> {
        self.command(Command::Renew).await
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

    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<T, AskError> {
        self.command(|answered| Command::Ask(Box::new(request), answered)).await
    }

    /// Begins a stream. It goes on after a reconnect, under another number, and after a mute or another loss
    /// of the right to publish it ([`Publish::end_when_denied`]); it ends with its handle.
    pub async fn publish(&self, publish: Publish) -> Result<Publisher, AskError> {
        let Publish { name, kind, delivery, meta, keep_ms, history, again } = publish;
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
        let own = Box::new(Own::new(request, again));
        self.command::<Value>(|answered| Command::Publish(handle, own, answered)).await?;
        Ok(Publisher { commands: self.commands.clone(), handle })
    }

    /// Subscribes to names, and prefixes followed by `*`; the streams that match now. Those to come are
    /// told by events.
    pub async fn subscribe(&self, streams: &[&str]) -> Result<Vec<Subscribed>, AskError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let subscribe = request::Subscribe { op: op::Subscribe, id: 0, streams, from: Vec::new() };
        Ok(self.request::<SubscribedTo>(Request::Subscribe(subscribe)).await?.streams)
    }

    /// Takes patterns back.
    pub async fn unsubscribe(&self, streams: &[&str]) -> Result<(), AskError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let unsubscribe = request::Unsubscribe { op: op::Unsubscribe, id: 0, streams };
        self.request::<Value>(Request::Unsubscribe(unsubscribe)).await.map(drop)
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
        self.request::<Value>(Request::Send(send)).await.map(drop)
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
        Ok(self.request::<Versioned>(Request::Set(set)).await?.version)
    }

    /// A page of the members that this one may see, after a user id.
    pub async fn members(&self, after: Option<&str>) -> Result<MembersPage, AskError> {
        let after = after.map(ToOwned::to_owned);
        self.request(Request::Members(request::Members { op: op::Members, id: 0, after })).await
    }

    /// Asks the relay what time it is there; it answers after everything that was sent before.
    pub async fn ping(&self) -> Result<Pong, AskError> {
        self.request(Request::Ping(request::Ping { op: op::Ping, id: 0 })).await
    }

    /// Leaves the room; [`ClientEvent::Closed`](crate::event::ClientEvent::Closed) follows.
    pub async fn leave(&self) -> Result<(), AskError> {
        self.request::<Value>(Request::Leave(request::Leave { op: op::Leave, id: 0 }))
            .await
            .map(drop)
    }
}

/// A stream of the member's own; it ends when this is dropped.
#[derive(Debug)]
pub struct Publisher {
    commands: mpsc::Sender<Command>,
    handle: u64,
}

impl Publisher {
    /// Sends a frame. Waits while the socket takes nothing; while the connection is lost, or the stream may
    /// not be published, frames are let go.
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
