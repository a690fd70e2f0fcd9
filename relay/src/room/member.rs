//! A member as its room knows it, and what follows from its grants alone: what it sees, and what it may read. Pure:
//! holds no reference to a connection.

use std::sync::Arc;

use stagedoor_bus::{Actor, By};
use stagedoor_token::{Action, Decision, Grants, authorize};
use stagedoor_wire::member::Member;

use super::seat_token::SeatToken;
use crate::log::stream::Stream;

/// A member as the room knows it. Each change makes a new version.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) seat: u64,
    pub(crate) member: Member,
    pub(crate) grants: Arc<Grants>,
    /// Whether it waits for admission.
    pub(crate) waiting: bool,
    pub(crate) token: Arc<SeatToken>,
    /// Its user id, as reported to the server.
    pub(crate) user: Arc<str>,
    /// Its peer's address, as reported to the server.
    pub(crate) peer: Arc<str>,
    /// When it entered, Unix milliseconds.
    pub(crate) since_ms: u64,
    /// The same on the monotonic clock.
    pub(crate) began_ms: u64,
    /// When the stay that its token may limit began, Unix milliseconds.
    pub(crate) stay_ms: u64,
}

impl Occupant {
    /// The member as named in events about its acts.
    pub(crate) fn by(&self) -> By {
        By { actor: Actor::User(self.user.clone()), peer: Some(self.peer.clone()) }
    }
}

/// Whether a member with `viewer` sees one with `member`.
pub(crate) fn sees(viewer: &Grants, member: &Grants) -> bool {
    authorize(viewer, &Action::See { member }) == Decision::Allowed
}

/// Whether a member with `grants` may subscribe to the stream.
pub(crate) fn may_subscribe(grants: &Grants, stream: &Stream) -> bool {
    let action = Action::Subscribe { stream: &stream.info.name, publisher_role: &stream.info.role };
    authorize(grants, &action) == Decision::Allowed
}

/// Whether a member with these grants is hidden from everybody.
pub(super) fn is_hidden(grants: &Grants) -> bool {
    grants.presence.seen_by.is_empty()
}
