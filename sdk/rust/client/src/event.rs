//! What the client reports to the application.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use stagedoor_grants::Grants;
use stagedoor_wire::{
    close::Next, event::Event, member::StreamInfo, name::StreamName, reply::LoggedIn,
};

use crate::error::RequestError;

/// One event. The relay's events are passed on unchanged ([`ClientEvent::Room`]), frames come with their stream, and
/// the rest is the client's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A data frame of a subscribed stream.
    Frame(Frame),
    /// An event of the relay (`spec/wire.md` §Events).
    Room(Event<Value>),
    /// The seat has a new token, because the old one was about to end, or by [`Room::renew`](crate::Room::renew).
    Renewed(Granted),
    /// A renewal failed: the source gave no token, or the relay refused it. The seat keeps the old token until that
    /// ends.
    RenewFailed(RequestError),
    /// You may no longer publish one of your streams, so it has ended. Its frames are dropped.
    OwnDenied {
        /// The stream's name.
        name: StreamName,
        /// Whether it begins again when you may publish it again; `false` after
        /// [`Publish::end_when_denied`](crate::Publish::end_when_denied).
        again: bool,
    },
    /// One of your streams that was denied has begun again, as a new stream. If it is a `media` stream, continue with
    /// a keyframe.
    OwnBegun {
        /// The stream's name.
        name: StreamName,
    },
    /// The connection was lost, and the client will try to reconnect.
    Reconnecting {
        /// The number of this attempt, from 1.
        attempt: u32,
        /// How long the client waits before it.
        delay: Duration,
    },
    /// The client has reconnected.
    Reconnected(Box<Reconnected>),
    /// The connection is closed and will not come back. The last event.
    Closed(Closed),
}

/// What you may do, as the relay last said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// Your role.
    pub role: String,
    /// The effective grants. What this version does not know of them is left out.
    pub grants: Arc<Grants>,
    /// When the token's life ends, Unix seconds.
    pub exp: u64,
    /// Whether you wait for admission. Until then you may do nothing.
    pub waiting: bool,
}

/// A data frame of a stream that you subscribe to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Frame {
    /// The stream that it belongs to.
    pub stream: Arc<StreamInfo>,
    /// Its number in the stream's log, from 0.
    pub seq: u64,
    /// Whether it can be understood without any frame before it.
    pub keyframe: bool,
    /// What the publisher sent.
    pub payload: Bytes,
}

/// What could be resumed after a reconnect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reconnected {
    /// The relay's answer to the login: the streams and the state as they are now, and the first page of members
    /// ([`Room::members`](crate::Room::members) has the rest).
    pub seat: LoggedIn<Value>,
    /// Whether the room's events continue without a gap.
    pub events_resumed: bool,
    /// Names of streams that do not continue without a gap: they start over, have ended, or you may not publish or
    /// subscribe to them now. If you may later, [`ClientEvent::OwnBegun`] or [`Event::Subscribed`] says so.
    pub streams_restarted: Vec<String>,
}

/// Why the client has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The close code (`spec/wire.md` §Close codes); 0 when the connection broke.
    pub code: u16,
    /// The reason that came with the code, or the last error of reconnecting.
    pub reason: String,
    /// What the close table says to do next.
    pub next: Next,
}
