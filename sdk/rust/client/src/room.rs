//! The handles of a room and of a stream. They compose requests; the driver sends them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use stagedoor_wire::{
    member::Subscribed,
    name::{StateKey, Topic},
    reply::{LoggedIn, MembersPage, Pong, Renewed, SubscribedTo, Versioned},
    request::{self, Request, To, op},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{connection::Command, error::RequestError, event::Granted, publish::Publish};

/// The room that you are in. Cheap to clone. When the last clone and every [`Publisher`] have been dropped, the
/// member leaves.
#[derive(Clone, Debug)]
pub struct Room {
    commands: mpsc::Sender<Command>,
    seat: Arc<LoggedIn<Value>>,
    granted: watch::Receiver<Granted>,
    handles: Arc<AtomicU64>,
}

/// A message to the room, a role or a user. Its data is any value that can be written as JSON, at most
/// `message_bytes_max` (16 KiB by default).
#[derive(Debug)]
pub struct Message<'a, T: ?Sized> {
    to: To,
    topic: Option<&'a str>,
    data: &'a T,
}

impl<'a, T: ?Sized> Message<'a, T> {
    /// A message to these receivers.
    pub fn to(to: To, data: &'a T) -> Self {
        Self { to, topic: None, data }
    }

    /// A message to everybody in the room, the sender included.
    pub fn to_room(data: &'a T) -> Self {
        Self::to(To::Room, data)
    }

    /// A message to every member of a role.
    pub fn to_role(role: impl Into<String>, data: &'a T) -> Self {
        Self::to(To::Role(role.into()), data)
    }

    /// A message to one user.
    pub fn to_user(user: impl Into<String>, data: &'a T) -> Self {
        Self::to(To::User(user.into()), data)
    }

    /// What the message is about, for the application: 1 to 64 bytes of `[0-9A-Za-z_.:-]`.
    #[must_use]
    pub fn topic(mut self, topic: &'a str) -> Self {
        self.topic = Some(topic);
        self
    }
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<serde_json::value::RawValue>, RequestError> {
    serde_json::value::to_raw_value(value).map_err(|error| RequestError::Data(Arc::new(error)))
}

impl Room {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        seat: LoggedIn<Value>,
        granted: watch::Receiver<Granted>,
    ) -> Self {
        Self { commands, seat: Arc::new(seat), granted, handles: Arc::default() }
    }

    /// The relay's answer to the first login: members, streams and state as they were then.
    pub fn seat(&self) -> &LoggedIn<Value> {
        &self.seat
    }

    /// Your role and what you may do now: from the login, the last
    /// [`Event::GrantsChanged`](crate::Event::GrantsChanged) or the last renewal.
    pub fn granted(&self) -> Granted {
        self.granted.borrow().clone()
    }

    /// Asks the [`Token`](crate::Token) source for a new token and continues with it on the same seat. A refusal
    /// leaves the seat as it was. The client does this by itself shortly before a token ends.
    ///
    /// # Errors
    ///
    /// [`RequestError::Token`] where the source fails, [`RequestError::Refused`] where the relay does not accept
    /// the token.
    pub async fn renew(&self) -> Result<Renewed<Value>, RequestError> {
        self.command(Command::Renew).await
    }

    async fn command<T: DeserializeOwned>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<Value, RequestError>>) -> Command,
    ) -> Result<T, RequestError> {
        let (answered, answer) = oneshot::channel();
        self.commands.send(command(answered)).await.map_err(|_| RequestError::Closed)?;
        let value = answer.await.map_err(|_| RequestError::Lost)??;
        serde_json::from_value(value).map_err(|error| RequestError::Answer(Arc::new(error)))
    }

    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<T, RequestError> {
        self.command(|answered| Command::Ask(Box::new(request), answered)).await
    }

    /// Begins a stream. It continues after a reconnect, and after a mute or another loss of the right to publish it
    /// (unless [`Publish::end_when_denied`]). It ends when its handle is dropped.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `publish_denied`, `stream_exists`, `streams_exceeded`, `too_large`
    /// or `memory_exceeded`.
    pub async fn publish(&self, publish: Publish) -> Result<Publisher, RequestError> {
        let own = Box::new(publish.into_own()?);
        let handle = self.handles.fetch_add(1, Ordering::Relaxed);
        self.command::<Value>(|answered| Command::Publish(handle, own, answered)).await?;
        Ok(Publisher { commands: self.commands.clone(), handle })
    }

    /// Subscribes to names, and to prefixes followed by `*`. Returns the streams that match now; streams that begin
    /// later come as [`Event::Subscribed`](crate::Event::Subscribed). Of several patterns all are accepted or none.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `subscribe_denied` or `subscriptions_exceeded`.
    pub async fn subscribe(&self, streams: &[&str]) -> Result<Vec<Subscribed>, RequestError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let subscribe = request::Subscribe { op: op::Subscribe, id: 0, streams, from: Vec::new() };
        Ok(self.request::<SubscribedTo>(Request::Subscribe(subscribe)).await?.streams)
    }

    /// Takes patterns back, as they were given to [`Room::subscribe`]. Streams that no other pattern of yours
    /// matches end for you.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn unsubscribe(&self, streams: &[&str]) -> Result<(), RequestError> {
        let streams = streams.iter().map(|text| (*text).to_owned()).collect();
        let unsubscribe = request::Unsubscribe { op: op::Unsubscribe, id: 0, streams };
        self.request::<Value>(Request::Unsubscribe(unsubscribe)).await.map(drop)
    }

    /// Sends a message to the room, a role or a user. Ends when the relay has accepted it.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `send_denied`, `user_unknown`, `too_large` or `rate_limited`.
    pub async fn send<T: Serialize + ?Sized>(
        &self,
        message: Message<'_, T>,
    ) -> Result<(), RequestError> {
        let Message { to, topic, data } = message;
        let topic = topic.map(Topic::new).transpose()?;
        let send = request::Send { op: op::Send, id: 0, to, topic, data: raw(data)? };
        self.request::<Value>(Request::Send(send)).await.map(drop)
    }

    /// Sets a key of the room's state. Returns the key's new version. The value `null` removes the key.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `set_denied`, `state_exceeded` or `too_large`.
    pub async fn set<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<u64, RequestError> {
        self.set_version(key, value, None).await
    }

    /// Sets a key of the room's state only if the key is at `version`; 0 stands for a key that is not there.
    /// Returns the key's new version.
    ///
    /// # Errors
    ///
    /// As [`Room::set`], and `version_conflict` where the key has another version, which the refusal names.
    pub async fn set_if<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        version: u64,
    ) -> Result<u64, RequestError> {
        self.set_version(key, value, Some(version)).await
    }

    async fn set_version<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
        if_version: Option<u64>,
    ) -> Result<u64, RequestError> {
        let key = StateKey::new(key)?;
        let set = request::Set { op: op::Set, id: 0, key, value: raw(value)?, if_version };
        Ok(self.request::<Versioned>(Request::Set(set)).await?.version)
    }

    /// One page of the members that you may see: those after a user id, in byte order; `None` begins at the first.
    /// `next` in the answer is the `after` of the next page.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn members(&self, after: Option<&str>) -> Result<MembersPage, RequestError> {
        let after = after.map(ToOwned::to_owned);
        self.request(Request::Members(request::Members { op: op::Members, id: 0, after })).await
    }

    /// Asks the relay for its time. It answers after everything that you sent before.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn ping(&self) -> Result<Pong, RequestError> {
        self.request(Request::Ping(request::Ping { op: op::Ping, id: 0 })).await
    }

    /// Asks the publisher of a [`Delivery::Media`](crate::Delivery::Media) stream that you read for a keyframe, by the
    /// stream's number: when a decoder has lost its place. The relay does so by itself for readers that begin or have
    /// fallen behind.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `stream_unknown` or `request_invalid`.
    pub async fn keyframe(&self, stream: u32) -> Result<(), RequestError> {
        let keyframe = request::Keyframe { op: op::Keyframe, id: 0, stream };
        self.request::<Value>(Request::Keyframe(keyframe)).await.map(drop)
    }

    /// Leaves the room; [`ClientEvent::Closed`](crate::event::ClientEvent::Closed) follows.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn leave(&self) -> Result<(), RequestError> {
        self.request::<Value>(Request::Leave(request::Leave { op: op::Leave, id: 0 }))
            .await
            .map(drop)
    }
}

/// A stream that you publish. It ends when this is dropped.
#[derive(Debug)]
pub struct Publisher {
    commands: mpsc::Sender<Command>,
    handle: u64,
}

impl Publisher {
    /// Sends a frame that needs the frames before it. Waits while the socket accepts nothing. While the connection
    /// is lost, or the member may not publish the stream, frames are dropped.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`].
    pub async fn send(&self, payload: impl Into<Bytes>) -> Result<(), RequestError> {
        self.frame(payload.into(), false).await
    }

    /// Sends a frame that can be understood without any frame before it: the next subscriber of a `media` stream
    /// starts here. Otherwise like [`Publisher::send`].
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`].
    pub async fn send_keyframe(&self, payload: impl Into<Bytes>) -> Result<(), RequestError> {
        self.frame(payload.into(), true).await
    }

    async fn frame(&self, payload: Bytes, keyframe: bool) -> Result<(), RequestError> {
        let frame = Command::Frame(self.handle, keyframe, payload);
        self.commands.send(frame).await.map_err(|_| RequestError::Closed)
    }

    /// Ends the stream after the frames sent so far.
    ///
    /// # Errors
    ///
    /// [`RequestError::Closed`].
    pub async fn end(self) -> Result<(), RequestError> {
        self.commands.send(Command::Unpublish(self.handle)).await.map_err(|_| RequestError::Closed)
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
