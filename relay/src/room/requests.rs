//! What members ask for: a role, or admission. Those who may decide are told, and are told when it is
//! settled; an ask ends with its member's seat.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
    sync::Arc,
};

use serde_json::value::RawValue;
use stagedoor_token::{Action, Decision, Grants, RoleName, Verb, authorize};
use stagedoor_wire::event::{Asked, Event, Outcome};

use super::{Inner, Letter, News, Occupant, Room};
use crate::log::encode;

type Private = Event<Box<RawValue>>;

/// A role that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) role: RoleName,
    pub(crate) rank: u16,
}

/// What a user asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// How many asks there were in the room before it, and one.
    pub(super) serial: u64,
    /// A role, or admission.
    pub(super) wants: Option<Wants>,
}

/// What the users of a room ask for.
#[derive(Debug, Default)]
pub(super) struct Asks {
    by_user: BTreeMap<String, Ask>,
    /// How many of them ask for a role: raised hands.
    hands: usize,
    /// The serial of the newest.
    last: u64,
}

impl Asks {
    /// What a user asks for.
    pub(super) fn get(&self, user: &str) -> Option<&Ask> {
        self.by_user.get(user)
    }

    /// Those of users after one, in byte order.
    pub(super) fn after(&self, user: Option<&str>) -> impl Iterator<Item = (&String, &Ask)> {
        let from = user.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_user.range::<str, _>((from, Bound::Unbounded))
    }

    /// The serial of the newest.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether a user may raise its hand, and not be one of more than `hands_max`.
    fn has_place(&self, user: &str, hands_max: usize) -> bool {
        let asks = self.get(user).is_some_and(|ask| ask.wants.is_some());
        asks || self.hands < hands_max
    }

    /// Begins an ask, in the place of what the user asked before.
    fn begin(&mut self, user: &str, wants: Option<Wants>) {
        self.end(user);
        self.last += 1;
        self.hands += usize::from(wants.is_some());
        self.by_user.insert(user.to_owned(), Ask { serial: self.last, wants });
    }

    fn end(&mut self, user: &str) -> Option<Ask> {
        let ask = self.by_user.remove(user)?;
        self.hands -= usize::from(ask.wants.is_some());
        Some(ask)
    }
}

/// Why somebody does not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskError {
    /// `asks_max`.
    Full,
    /// Nothing is asked for.
    Unknown,
}

/// Whether one who has `grants` decides what a member asks for; without a role: admission.
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

/// Whether one who has `grants` decides what anybody asks for.
pub(super) fn decides_any(grants: &Grants) -> bool {
    grants.moderate.contains(Verb::Promote) || grants.moderate.contains(Verb::Admit)
}

pub(super) fn asked(asker: &Occupant, wants: Option<&Wants>) -> Asked {
    Asked { member: asker.member.clone(), wants: wants.map(|wants| wants.role.to_string()) }
}

impl Room {
    /// Notes what a member asks for, and tells those who may decide.
    pub(crate) fn ask(&self, asker: &Arc<Occupant>, wants: Wants) -> Result<(), AskError> {
        let mut inner = self.lock();
        let user = &asker.member.user;
        if !inner.asks.has_place(user, self.limits.asks_max) {
            return Err(AskError::Full);
        }
        self.begin_ask(&mut inner, asker, Some(wants));
        Ok(())
    }

    /// Takes a member's ask back.
    pub(crate) fn unask(&self, asker: &Occupant) -> Result<(), AskError> {
        let mut inner = self.lock();
        match inner.asks.get(&asker.member.user) {
            Some(Ask { wants: Some(_), .. }) => {
                inner.withdraw(asker, self.clock.now_ms());
                Ok(())
            }
            _ => Err(AskError::Unknown),
        }
    }

    /// Refuses what a member asks for; whether it had waited for admission.
    pub(crate) fn decline(&self, asker: &Occupant) -> Result<bool, AskError> {
        let mut inner = self.lock();
        let ask = inner.asks.get(&asker.member.user).cloned().ok_or(AskError::Unknown)?;
        inner.settle(asker, Outcome::Declined, self.clock.now_ms());
        Ok(ask.wants.is_none())
    }

    /// What a user asks for, if it does: a role, or admission.
    pub(crate) fn asks(&self, user: &str) -> Option<Option<Wants>> {
        self.lock().asks.get(user).map(|ask| ask.wants.clone())
    }

    /// Whether one who has `grants` may know of a user because it decides what that user asks for.
    pub(crate) fn decides(&self, grants: &Grants, asker: &Occupant) -> bool {
        let inner = self.lock();
        let ask = inner.asks.get(&asker.member.user);
        ask.is_some_and(|ask| decides(grants, &asker.grants, ask.wants.as_ref()))
    }

    /// Those who wait for admission: of a list in its order, or all of them by user id; with `grants` those about whom one
    /// who has them decides.
    pub(crate) fn waiting(
        &self,
        users: Option<&[String]>,
        grants: Option<&Grants>,
    ) -> Vec<Arc<Occupant>> {
        let inner = self.lock();
        let waits = |user: &str| inner.waits(user, grants).cloned();
        match users {
            None => inner.asks.after(None).filter_map(|(user, _)| waits(user)).collect(),
            Some(users) => {
                let mut named = HashSet::new();
                let users = users.iter().filter(|user| named.insert(user.as_str()));
                users.filter_map(|user| waits(user)).collect()
            }
        }
    }

    pub(super) fn begin_ask(&self, inner: &mut Inner, asker: &Arc<Occupant>, wants: Option<Wants>) {
        let event = Private::Asked { ask: asked(asker, wants.as_ref()) };
        inner.tell_deciders(asker, wants.as_ref(), &event, self.clock.now_ms());
        inner.asks.begin(&asker.member.user, wants);
    }
}

impl Inner {
    fn waits(&self, user: &str, grants: Option<&Grants>) -> Option<&Arc<Occupant>> {
        self.asks.get(user).filter(|ask| ask.wants.is_none())?;
        let member = self.members.get(user)?;
        grants.is_none_or(|grants| decides(grants, &member.grants, None)).then_some(member)
    }

    fn tell_deciders(
        &mut self,
        asker: &Occupant,
        wants: Option<&Wants>,
        event: &Private,
        now_ms: u64,
    ) {
        self.introduce(&asker.member.user, now_ms);
        let (frame, dues) = (encode::json(event), self.dues());
        let staff = self.members.staff();
        for decider in staff.filter(|decider| decides(&decider.grants, &asker.grants, wants)) {
            let letter = Letter::new(dues.clone(), News::Event(frame.clone()));
            decider.mailbox.told(letter, self.limits.outbox_bytes_max);
        }
    }

    /// Ends an ask, if there is one, and tells who asked and those who may decide.
    pub(super) fn settle(&mut self, asker: &Occupant, outcome: Outcome, now_ms: u64) {
        if let Some(Ask { wants, .. }) = self.asks.end(&asker.member.user) {
            let event = Private::AskEnded { user: asker.member.user.clone(), outcome };
            self.tell_deciders(asker, wants.as_ref(), &event, now_ms);
            if outcome != Outcome::Withdrawn {
                let letter = Letter::new(self.dues(), News::Event(encode::json(&event)));
                asker.mailbox.told(letter, self.limits.outbox_bytes_max);
            }
        }
    }

    /// Ends an ask because its member takes it back or leaves.
    pub(super) fn withdraw(&mut self, asker: &Occupant, now_ms: u64) {
        if self.asks.get(&asker.member.user).is_some() {
            self.settle(asker, Outcome::Withdrawn, now_ms);
        }
    }
}
