//! A member as its room knows it, and what follows of its grants alone: what it sees, and what it may read.
//! Pure: holds no handle of a connection.

use std::sync::Arc;

use stagedoor_bus::{Actor, By};
use stagedoor_token::{Action, Decision, Grants, authorize};
use stagedoor_wire::member::Member;

use super::seat_token::SeatToken;
use crate::log::stream::Stream;

/// A member as the room knows it. Each change makes a new one.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) seat: u64,
    pub(crate) member: Member,
    pub(crate) grants: Arc<Grants>,
    /// Whether it waits for admission.
    pub(crate) waiting: bool,
    pub(crate) token: Arc<SeatToken>,
    /// Its user id, as it is reported to the server.
    pub(crate) user: Arc<str>,
    /// Its peer's address, as it is reported to the server.
    pub(crate) peer: Arc<str>,
    /// When it came, Unix milliseconds.
    pub(crate) since_ms: u64,
    /// The same on the monotonic clock.
    pub(crate) began_ms: u64,
    /// When the stay began that its token may bound, Unix milliseconds.
    pub(crate) stay_ms: u64,
}

impl Occupant {
    /// As it is named where it did something.
    pub(crate) fn by(&self) -> By {
        By { actor: Actor::User(self.user.clone()), peer: Some(self.peer.clone()) }
    }
}

/// Whether one who has `viewer` sees a member that has `member`.
pub(crate) fn sees(viewer: &Grants, member: &Grants) -> bool {
    authorize(viewer, &Action::See { member }) == Decision::Allowed
}

/// Whether one who has `grants` may subscribe to the stream.
pub(crate) fn may_subscribe(grants: &Grants, stream: &Stream) -> bool {
    let action = Action::Subscribe { stream: &stream.info.name, publisher_role: &stream.info.role };
    authorize(grants, &action) == Decision::Allowed
}

/// Whether a member that has these grants is seen by nobody.
pub(super) fn is_hidden(grants: &Grants) -> bool {
    grants.presence.seen_by.is_empty()
}
