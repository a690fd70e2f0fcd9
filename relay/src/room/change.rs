//! Changes a member's grants: by a new token, a moderator, the app's backend, time, or new roles. All causes take the
//! same few steps under the room's lock (`spec/wire.md` §In the seat).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_bus::{Clock, Then};
use stagedoor_token::{Fault, Kinds, RoleName, Roles};
use stagedoor_wire::{
    event::{Ended, Event, Outcome, Why},
    member::Member,
};

use super::{
    core::{Inner, Room},
    inbox::{GrantUpdate, Inbox, Letter, News, Switch},
    member::{Occupant, sees},
    overrides::{Effective, Overrides},
    seat_token::SeatToken,
};
use crate::log::encode;

/// A change.
#[derive(Clone, Debug)]
pub(crate) enum GrantChange {
    /// It gets a role.
    Give(RoleName),
    /// It is muted for kinds of streams.
    Mute(Kinds),
    /// It is unmuted for kinds of streams.
    Unmute(Kinds),
    /// It is admitted.
    Admit,
    /// It presents a new token.
    Renew(Arc<SeatToken>),
    /// Its token was revoked, and it continues with this role.
    Revoked(RoleName),
    /// Its token was revoked, but it may present another until then, Unix seconds, before that takes effect.
    Margin(u64, Then),
    /// Time has passed.
    Time,
    /// The app's roles have changed.
    Roles,
}

/// Why a member was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed<E> {
    /// It has changed or left meanwhile: find it again.
    Changed,
    /// A final refusal.
    Refused(E),
}

impl<E> From<E> for Failed<E> {
    fn from(error: E) -> Self {
        Self::Refused(error)
    }
}

impl<E> Failed<E> {
    /// The same, with another refusal.
    pub(crate) fn map<F>(self, refused: impl FnOnce(E) -> F) -> Failed<F> {
        match self {
            Self::Changed => Failed::Changed,
            Self::Refused(error) => Failed::Refused(refused(error)),
        }
    }
}

/// Why a member keeps its grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// The seat is gone.
    Gone,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The token opens no seat with the app's present roles.
    Token(Fault),
}

impl GrantChange {
    fn apply(&self, overrides: &mut Overrides, old: &Occupant, clock: &Clock) -> Arc<SeatToken> {
        let now_s = clock.unix_s();
        let token = &old.token;
        match self {
            Self::Give(role) => overrides.give(role.clone(), token, now_s),
            Self::Mute(kinds) => overrides.mute(*kinds),
            Self::Unmute(kinds) => overrides.unmute(*kinds),
            Self::Admit => overrides.admit(),
            Self::Renew(new) => {
                // A jump of the wall clock must not make it forget what a kick has to revoke.
                let new = SeatToken::clone(new).after(token, clock.settled_s());
                overrides.meet(&new);
                overrides.stay_on(&new, old.stay_ms);
                return Arc::new(new);
            }
            Self::Revoked(role) => return Arc::new(token.demoted(role.clone())),
            Self::Margin(until_s, then) => return Arc::new(token.revoked(*until_s, then.clone())),
            Self::Time | Self::Roles => {}
        }
        token.clone()
    }

    fn why(&self, old: &Occupant, to_rank: u16) -> Option<Why> {
        Some(match self {
            Self::Give(_) if to_rank >= old.grants.rank => Why::Promoted,
            Self::Give(_) => Why::Demoted,
            Self::Mute(_) => Why::Muted,
            Self::Unmute(_) => Why::Unmuted,
            Self::Admit => Why::Admitted,
            Self::Revoked(_) => Why::Revoked,
            Self::Time => Why::Expired,
            // During a margin: the roles' present grants are announced together with the next change.
            Self::Roles | Self::Margin(..) => Why::Roles,
            Self::Renew(_) => return None,
        })
    }
}

impl Room {
    /// Finds a member and changes it; repeats if it changed meanwhile.
    pub(crate) fn change<T, E>(
        mut find: impl FnMut() -> Result<Arc<Occupant>, E>,
        mut attempt: impl FnMut(&Arc<Occupant>) -> Result<T, Failed<E>>,
    ) -> Result<T, E> {
        loop {
            match attempt(&find()?) {
                Ok(done) => return Ok(done),
                Err(Failed::Changed) => {}
                Err(Failed::Refused(error)) => return Err(error),
            }
        }
    }

    /// Changes the grants of a member, which must still be the given version. Returns its new version.
    pub(crate) fn change_grants(
        self: &Arc<Self>,
        old: &Arc<Occupant>,
        change: &GrantChange,
        by: Option<&Occupant>,
        roles: &Roles,
        epoch: u32,
    ) -> Result<Arc<Occupant>, Failed<ChangeError>> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let user = &old.member.user;
        let entry = inner.roster.entry(user, old.seat).ok_or(Failed::Changed)?;
        if !Arc::ptr_eq(&entry.occupant, old) {
            return Err(Failed::Changed);
        }
        let inbox = entry.inbox.clone();
        let mut overrides = inner.overrides.get(user).cloned().unwrap_or_default();
        let token = change.apply(&mut overrides, old, &self.clock);
        let effective = overrides.effective(&token, roles, self.clock.unix_s());
        let effective = effective.map_err(ChangeError::Token)?;
        if effective.grants.role != old.grants.role && inner.is_full(&effective.grants) {
            return Err(ChangeError::RoleFull.into());
        }
        inner.overrides.note(user, overrides, || self.clock.settled_s());
        let new = changed(old, token, effective);
        let same = Arc::ptr_eq(&new.grants, &old.grants);
        let event = (!same).then(|| change.why(old, new.grants.rank)).flatten();
        let event = event.map(|why| grants_changed(&new, why, by));
        if let (Some(by), true) = (by, event.is_some()) {
            inner.introduce(&by.member.user, now_ms);
        }
        inbox.announce();
        let dues = inner.dues();
        let switch = if same {
            inner.roster.replace(&new);
            None
        } else {
            inner.exchange(old, &new, &inbox, epoch, now_ms)
        };
        let update = GrantUpdate { occupant: new.clone(), switch, event };
        let letter = Letter::new(dues, News::GrantUpdate(update));
        inbox.put_announced(letter, self.limits.outbox_bytes_max);
        if !matches!(change, GrantChange::Renew(_)) || !same {
            self.settle_request(&mut inner, old, &new, &inbox);
        }
        self.say_presence(&mut inner, now_ms);
        Ok(new)
    }

    /// Applies a change of one seat to the user's other seats. A seat whose own token rules it out stays as it is.
    pub(crate) fn change_others(
        self: &Arc<Self>,
        user: &str,
        done: u64,
        change: &GrantChange,
        by: Option<&Occupant>,
        roles: &Roles,
        epoch: u32,
    ) {
        let seats: Vec<u64> = self.seats(user).iter().map(|member| member.seat).collect();
        for seat in seats.into_iter().filter(|seat| *seat != done) {
            // A seat that is gone or must not be changed is skipped.
            let _ = Self::change(
                || self.sitting(user, seat).ok_or(()),
                |member| {
                    let changed = self.change_grants(member, change, by, roles, epoch);
                    changed.map(drop).map_err(|failed| failed.map(drop))
                },
            );
        }
    }

    /// A member's request may be granted by the change, and it may see more: others' requests, and the room.
    fn settle_request(
        &self,
        inner: &mut Inner,
        old: &Occupant,
        new: &Arc<Occupant>,
        inbox: &Inbox,
    ) {
        let given =
            inner.requests.get(&new.member.user).is_some_and(|request| match &request.wants {
                Some(wants) => wants.role == new.grants.role,
                // The user's other seat keeps waiting.
                None => !inner.roster.seats(&new.member.user).any(|seat| seat.waiting),
            });
        if given {
            inner.settle(new, Outcome::Accepted, self.clock.now_ms());
        }
        if new.waiting && !old.waiting {
            self.begin_request(inner, new, None);
        }
        let (asks, rest) = inner.lists_anew(old, new);
        let asked = |ask| News::Event(encode::json(&Event::<Box<RawValue>>::Asked { ask }));
        let news = asks.into_iter().map(asked).chain(rest.map(News::Rest));
        let dues = inner.dues();
        for what in news {
            inbox.put(Letter::new(dues.clone(), what), self.limits.outbox_bytes_max);
        }
    }
}

/// A member with other grants, or the same.
fn changed(old: &Occupant, token: Arc<SeatToken>, effective: Effective) -> Arc<Occupant> {
    let Effective { grants, waiting } = effective;
    let grants = if *grants == *old.grants { old.grants.clone() } else { grants };
    Arc::new(Occupant {
        member: Member { role: grants.role.to_string(), ..old.member.clone() },
        grants,
        waiting,
        token,
        ..Occupant::clone(old)
    })
}

/// The event that notifies a member of its new grants.
fn grants_changed(new: &Occupant, why: Why, by: Option<&Occupant>) -> Bytes {
    let by = by.filter(|by| sees(&new.grants, &by.grants));
    encode::json(&Event::GrantsChanged {
        role: new.member.role.clone(),
        grants: encode::raw(&*new.grants),
        why,
        by: by.map(|by| by.member.user.clone()),
    })
}

impl Inner {
    /// Replaces a member by its new version, and notifies those who may know.
    fn exchange(
        &mut self,
        old: &Occupant,
        new: &Arc<Occupant>,
        inbox: &Inbox,
        epoch: u32,
        now_ms: u64,
    ) -> Option<Switch> {
        let before = self.roster.get(&old.member.user).cloned();
        self.roster.replace(new);
        let switched = self.events.switch(old, new, inbox.mailbox(), epoch, now_ms);
        for number in self.streams.denied(new) {
            self.end_stream(number, Ended::Denied, now_ms);
        }
        self.show(before.as_ref(), &new.member.user, now_ms);
        switched.map(|(end, events)| Switch { end, events })
    }
}
