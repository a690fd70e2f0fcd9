//! What the application hears.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::Value;
use stagedoor_grants::Grants;
use stagedoor_wire::{
    close::Next, event::Event, member::StreamInfo, name::StreamName, reply::LoggedIn,
};

use crate::error::RequestError;

/// One event. What the relay says is passed on as it is ([`ClientEvent::Room`]); frames are put together
/// with their stream; the rest is the client's own.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A data frame of a subscribed stream.
    Frame(Frame),
    /// An event of the relay.
    Room(Event<Value>),
    /// The seat goes on with a new token, which the client or [`Room::renew`](crate::Room::renew) brought.
    Renewed(Granted),
    /// The source gave no token, or the relay refused it. The seat goes on with the old one, to its end.
    RenewFailed(RequestError),
    /// A stream of the member's own has ended, because the member may not publish it any more; its frames
    /// are let go.
    OwnDenied {
        /// Its name.
        name: StreamName,
        /// Whether it begins again when the member may publish it; not after
        /// [`Publish::end_when_denied`](crate::Publish::end_when_denied).
        again: bool,
    },
    /// A stream of the member's own that was denied has begun again, as a new stream: whoever sends `media`
    /// goes on with a keyframe.
    OwnBegun {
        /// Its name.
        name: StreamName,
    },
    /// The connection was lost; it will be tried again.
    Reconnecting {
        /// Which try this will be, from 1.
        attempt: u32,
        /// After how long.
        delay: Duration,
    },
    /// The connection is back.
    Reconnected(Box<Reconnected>),
    /// The connection is closed and will not come back. The last event.
    Closed(Closed),
}

/// What the member may do, as the relay told it last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Its role.
    pub role: String,
    /// The effective grants. What this version does not know of them is left out.
    pub grants: Arc<Grants>,
    /// When the token's life ends, Unix seconds.
    pub exp: u64,
    /// Whether the member waits for admission: until then it may do nothing.
    pub waiting: bool,
}

/// A data frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its stream.
    pub stream: Arc<StreamInfo>,
    /// Its number in the stream.
    pub seq: u64,
    /// Whether it can be understood without any frame before it.
    pub keyframe: bool,
    /// What the publisher sent.
    pub payload: Bytes,
}

/// What a reconnect came to.
#[derive(Clone, Debug)]
pub struct Reconnected {
    /// The seat: streams and state are the truth now, and so are members, or the first page of them
    /// ([`Room::members`](crate::Room::members) has the others).
    pub seat: LoggedIn<Value>,
    /// Whether the room's events went on without a gap.
    pub events_resumed: bool,
    /// Names of streams that did not go on without a gap: they begin anew, or are gone, or the member may
    /// not publish or subscribe to them now. What it may again later is told then
    /// ([`ClientEvent::OwnBegun`], [`Event::Subscribed`]).
    pub streams_begun_anew: Vec<String>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 0 when the connection broke or the application let go.
    pub code: u16,
    /// The reason.
    pub reason: String,
    /// What the close table says to do next.
    pub next: Next,
}
