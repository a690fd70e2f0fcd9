//! The parts of a room's lists not yet sent to one member: positions in the lists, no copies of them.

use std::sync::Arc;

use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{
    event::Asked,
    member::{Member, StreamInfo},
    name::StateKey,
    reply::StateEntry,
};

/// The parts of a room's lists not yet sent to one member.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(super) streams: Option<StreamsRest>,
    pub(super) state: Option<StateRest>,
    pub(super) requests: Option<RequestsRest>,
    /// Whether the member waits for the end of it.
    pub(super) listed: bool,
}

/// Streams in a range of numbers.
#[derive(Debug)]
pub(super) struct StreamsRest {
    pub(super) after: u32,
    pub(super) until: u32,
}

/// Keys after this one, with versions up to this one.
#[derive(Debug)]
pub(super) struct StateRest {
    pub(super) after: Option<StateKey>,
    pub(super) until: u64,
}

/// Requests of users after this one, with serials up to this one.
#[derive(Debug)]
pub(super) struct RequestsRest {
    pub(super) after: Option<String>,
    pub(super) until: u64,
    /// The grants with which the member already knew some of them.
    pub(super) known_by: Option<Arc<Grants>>,
}

/// What a member sees at one moment, and the rest of it.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) members: Vec<Member>,
    /// The user to continue after.
    pub(crate) next: Option<String>,
    pub(crate) streams: Vec<StreamInfo>,
    pub(crate) state: Vec<StateEntry<Box<RawValue>>>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) rest: Option<Box<Rest>>,
}

impl Rest {
    /// Whether everything was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_none() && self.state.is_none() && self.requests.is_none()
    }
}
