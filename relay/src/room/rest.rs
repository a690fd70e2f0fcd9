//! What of a room's lists is still to be told to one member: places in the lists, no copies of them.

use std::sync::Arc;

use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{
    event::Asked,
    member::{Member, StreamInfo},
    name::StateKey,
    reply::StateEntry,
};

/// What of a room's lists is still to be told to one member.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(super) streams: Option<StreamsRest>,
    pub(super) state: Option<StateRest>,
    pub(super) requests: Option<RequestsRest>,
    /// Whether the member waits for the end of it.
    pub(super) listed: bool,
}

/// Streams after a number, up to another.
#[derive(Debug)]
pub(super) struct StreamsRest {
    pub(super) after: u32,
    pub(super) until: u32,
}

/// Keys after one, at versions up to another.
#[derive(Debug)]
pub(super) struct StateRest {
    pub(super) after: Option<StateKey>,
    pub(super) until: u64,
}

/// Requests of users after one, that began up to another.
#[derive(Debug)]
pub(super) struct RequestsRest {
    pub(super) after: Option<String>,
    pub(super) until: u64,
    /// The grants by which the member knew of some already.
    pub(super) known_by: Option<Arc<Grants>>,
}

/// What a member finds at one moment, and the rest of it.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) members: Vec<Member>,
    /// The user to go on after.
    pub(crate) next: Option<String>,
    pub(crate) streams: Vec<StreamInfo>,
    pub(crate) state: Vec<StateEntry<Box<RawValue>>>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) rest: Option<Box<Rest>>,
}

impl Rest {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_none() && self.state.is_none() && self.requests.is_none()
    }
}
