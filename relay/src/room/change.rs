//! A member's grants change: by a new token, a moderator, the app's backend, time, or a change of roles. Whatever the cause, the same few steps, under the room's lock (`spec/wire.md` §In the seat).

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

/// What is done to a member.
#[derive(Clone, Debug)]
pub(crate) enum GrantChange {
    /// It is given a role.
    Give(RoleName),
    /// Kinds of streams are taken away.
    Mute(Kinds),
    /// Kinds of streams are given back.
    Unmute(Kinds),
    /// It is let in.
    Admit,
    /// It brings a new token.
    Renew(Arc<SeatToken>),
    /// Its token was revoked, and this role is left to it.
    Revoked(RoleName),
    /// Its token was revoked, and it may bring another until then, Unix seconds, before that is done.
    Margin(u64, Then),
    /// Time has passed.
    Time,
    /// The app's roles were changed.
    Roles,
}

/// Why a member was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed<E> {
    /// It is another by now, or gone: find it again.
    Changed,
    /// For good.
    Refused(E),
}

impl<E> From<E> for Failed<E> {
    fn from(error: E) -> Self {
        Self::Refused(error)
    }
}

impl<E> Failed<E> {
    /// The same with another refusal.
    pub(crate) fn map<F>(self, refused: impl FnOnce(E) -> F) -> Failed<F> {
        match self {
            Self::Changed => Failed::Changed,
            Self::Refused(error) => Failed::Refused(refused(error)),
        }
    }
}

/// Why a member's grants stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// The seat is gone.
    Gone,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The token opens no seat among the app's roles.
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
                // What a kick is to revoke is not forgotten because of a calendar that jumped.
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
            // Of a margin: what the roles say now is said with what is done next.
            Self::Roles | Self::Margin(..) => Why::Roles,
            Self::Renew(_) => return None,
        })
    }
}

impl Room {
    /// Finds a member and does something to it; finds it again while it changes in between.
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

    /// Changes the grants of a member, which must still be the one given. Returns it as it is then.
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

    /// Does to a user's other seats what was done to one. A seat that its own token holds back from it stays
    /// as it is.
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
            // One that is gone, or may not be changed, is passed over.
            let _ = Self::change(
                || self.sitting(user, seat).ok_or(()),
                |member| {
                    let changed = self.change_grants(member, change, by, roles, epoch);
                    changed.map(drop).map_err(|failed| failed.map(drop))
                },
            );
        }
    }

    /// What a member asked for may be given now, and it may learn more: what others ask for, and what it finds.
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
                // The wait of another seat of the user's goes on.
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

/// The event by which a member learns what it may do now.
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
    /// Puts the new member in the place of the old one; those that may know learn of it.
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
