//! What members ask for: a role, or admission. Of `room`. Those who may decide are told, and are told when
//! it is settled; an ask ends with its member's seat.

use std::sync::Arc;

use serde_json::value::RawValue;
use stagedoor_token::{Action, Decision, Grants, RoleName, Verb, authorize};
use stagedoor_wire::event::{Asked, Event, Outcome};

use super::{Inner, Letter, News, Occupant, Room};
use crate::encode;

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
        if !inner.asks.contains_key(user) && inner.asks.len() >= self.limits.asks_max {
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

    pub(super) fn begin_ask(&self, inner: &mut Inner, asker: &Arc<Occupant>, wants: Option<Wants>) {
        let event = Private::Asked { ask: asked(asker, wants.as_ref()) };
        inner.tell_deciders(asker, wants.as_ref(), &event, self.clock.now_ms());
        inner.last_ask += 1;
        let ask = Ask { serial: inner.last_ask, wants };
        inner.asks.insert(asker.member.user.clone(), ask);
    }
}

impl Inner {
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
        if let Some(Ask { wants, .. }) = self.asks.remove(&asker.member.user) {
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
        if self.asks.contains_key(&asker.member.user) {
            self.settle(asker, Outcome::Withdrawn, now_ms);
        }
    }
}
