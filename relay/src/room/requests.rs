//! Members' requests for a role or admission, and who may decide them. Pure. A request ends with its member's seat.

use std::{collections::BTreeMap, ops::Bound};

use stagedoor_token::{Action, Decision, Grants, RoleName, Verb, authorize};
use stagedoor_wire::event::Asked;

use super::member::Occupant;

/// A requested role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) role: RoleName,
    pub(crate) rank: u16,
}

/// A user's request.
#[derive(Clone, Debug)]
pub(super) struct MemberRequest {
    /// Its serial number in the room, from 1.
    pub(super) serial: u64,
    /// A role, or admission.
    pub(super) wants: Option<Wants>,
}

/// The requests of a room's users.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_user: BTreeMap<String, MemberRequest>,
    /// How many of them are for a role: raised hands.
    hands: usize,
    /// The serial of the newest.
    last: u64,
}

impl Requests {
    /// A user's request.
    pub(super) fn get(&self, user: &str) -> Option<&MemberRequest> {
        self.by_user.get(user)
    }

    /// The requests of users after this one, in byte order.
    pub(super) fn after(
        &self,
        user: Option<&str>,
    ) -> impl Iterator<Item = (&String, &MemberRequest)> {
        let from = user.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_user.range::<str, _>((from, Bound::Unbounded))
    }

    /// The serial of the newest.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether a user may raise its hand without exceeding `hands_max`.
    pub(super) fn has_place(&self, user: &str, hands_max: usize) -> bool {
        let asks = self.get(user).is_some_and(|ask| ask.wants.is_some());
        asks || self.hands < hands_max
    }

    /// Adds a request, replacing the user's earlier one.
    pub(super) fn begin(&mut self, user: &str, wants: Option<Wants>) {
        self.end(user);
        self.last += 1;
        self.hands += usize::from(wants.is_some());
        self.by_user.insert(user.to_owned(), MemberRequest { serial: self.last, wants });
    }

    /// Removes a user's request.
    pub(super) fn end(&mut self, user: &str) -> Option<MemberRequest> {
        let ask = self.by_user.remove(user)?;
        self.hands -= usize::from(ask.wants.is_some());
        Some(ask)
    }
}

/// Why a member cannot make or withdraw a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// `asks_max`.
    Full,
    /// Another seat of the user waits for admission.
    Waits,
    /// There is no request.
    Unknown,
}

/// Whether a member with `grants` may decide a member's request; without a role, a request for admission.
pub(super) fn decides(grants: &Grants, asker: &Grants, wants: Option<&Wants>) -> bool {
    let target_rank = asker.rank;
    let action = match wants {
        Some(wants) => Action::Assign {
            verb: Verb::Promote,
            target_rank,
            from_rank: target_rank,
            to_rank: wants.rank,
        },
        None => Action::Moderate { verb: Verb::Admit, target_rank: Some(target_rank) },
    };
    authorize(grants, &action) == Decision::Allowed
}

/// Whether a member with `grants` may decide any request.
pub(super) fn decides_any(grants: &Grants) -> bool {
    grants.moderate.contains(Verb::Promote) || grants.moderate.contains(Verb::Admit)
}

pub(super) fn asked(asker: &Occupant, wants: Option<&Wants>) -> Asked {
    Asked { member: asker.member.clone(), wants: wants.map(|wants| wants.role.to_string()) }
}
