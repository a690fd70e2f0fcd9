//! A member's grants become others: by a new token, a moderator, the app's backend, time, or a change of
//! roles. Whatever the cause, the same few steps, under the room's lock (`spec/wire.md` §In the seat).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_bus::{Clock, Then};
use stagedoor_token::{Fault, Kinds, RoleName, Roles};
use stagedoor_wire::{
    event::{Ended, Event, Outcome, Why},
    member::Member,
};

use super::{Inner, Letter, News, Occupant, Room, ViewPlace, grant_kind, sees};
use crate::{
    log::encode,
    room::overrides::{Effective, Standing},
    room::seat_token::Pass,
};

/// From so many users on to whom something was given, those of whom nothing is left are looked for.
const STANDINGS_KEPT_MIN: usize = 1_024;

/// What is done to a member.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is given a role.
    Give(RoleName),
    /// Kinds of streams are taken away.
    Mute(Kinds),
    /// Kinds of streams are given back.
    Unmute(Kinds),
    /// It is let in.
    Admit,
    /// It brings a new token.
    Renew(Arc<Pass>),
    /// Its token was revoked, and this role is left to it.
    Revoked(RoleName),
    /// Its token was revoked, and it may bring another until then, Unix seconds, before that is done.
    Margin(u64, Then),
    /// Time has passed.
    Time,
    /// The app's roles were changed.
    Roles,
}

/// Why a member's grants did not become others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegrantError {
    /// It is not the member that was meant, or not any more.
    Changed,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The token opens no seat among the app's roles.
    Refused(Fault),
}

/// What a seat must know when its grants became others.
#[derive(Debug)]
pub(crate) struct Regranted {
    /// The member as it is now.
    pub(crate) occupant: Arc<Occupant>,
    /// Another view, when it sees other things.
    pub(crate) switch: Option<Switch>,
    /// What the member is told.
    pub(crate) told: Option<Bytes>,
}

/// From one view of the room to another.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The first number in the old view that is not the member's any more.
    pub(crate) end: u64,
    /// The place in the new one.
    pub(crate) events: ViewPlace,
}

impl Act {
    fn apply(&self, standing: &mut Standing, old: &Occupant, clock: &Clock) -> Arc<Pass> {
        let now_s = clock.unix_s();
        let pass = &old.pass;
        match self {
            Self::Give(role) => standing.give(role.clone(), pass, now_s),
            Self::Mute(kinds) => standing.mute(*kinds),
            Self::Unmute(kinds) => standing.unmute(*kinds),
            Self::Admit => standing.admit(),
            Self::Renew(new) => {
                // What a kick is to revoke is not forgotten because of a calendar that jumped.
                let new = Pass::clone(new).after(pass, clock.settled_s());
                standing.meet(&new);
                standing.stay_on(&new, old.stay_ms);
                return Arc::new(new);
            }
            Self::Revoked(role) => return Arc::new(pass.demoted(role.clone())),
            Self::Margin(until_s, then) => return Arc::new(pass.revoked(*until_s, then.clone())),
            Self::Time | Self::Roles => {}
        }
        pass.clone()
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
            // Of a margin: what the roles say now is told with whatever is done next.
            Self::Roles | Self::Margin(..) => Why::Roles,
            Self::Renew(_) => return None,
        })
    }
}

impl Room {
    /// Does something to a member, who must still be the one given. Returns it as it is then.
    pub(crate) fn regrant(
        self: &Arc<Self>,
        old: &Arc<Occupant>,
        act: &Act,
        by: Option<&Occupant>,
        roles: &Roles,
        epoch: u32,
    ) -> Result<Arc<Occupant>, RegrantError> {
        let now_ms = self.clock.now_ms();
        let now_s = self.clock.unix_s();
        let mut inner = self.lock();
        let user = &old.member.user;
        if !inner.members.seat(user, old.seat).is_some_and(|now| Arc::ptr_eq(now, old)) {
            return Err(RegrantError::Changed);
        }
        let mut standing = inner.standings.get(user).cloned().unwrap_or_default();
        let pass = act.apply(&mut standing, old, &self.clock);
        let effective = standing.effective(&pass, roles, now_s).map_err(RegrantError::Refused)?;
        let Effective { grants, waiting } = effective;
        if grants.role != old.grants.role && inner.is_full(&grants) {
            return Err(RegrantError::RoleFull);
        }
        inner.note(user, standing, &self.clock);
        let same = *grants == *old.grants;
        let grants = if same { old.grants.clone() } else { grants };
        let new = Arc::new(Occupant {
            member: Member { role: grants.role.to_string(), ..old.member.clone() },
            grants,
            waiting,
            pass,
            ..Occupant::clone(old)
        });
        let told = (!same).then(|| act.why(old, new.grants.rank)).flatten();
        let told = told.map(|why| told_to_itself(&new, why, by));
        if let (Some(by), true) = (by, told.is_some()) {
            inner.introduce(&by.member.user, now_ms);
        }
        new.mailbox.change_begins();
        let dues = inner.dues();
        let switch = if same {
            inner.members.replace(&new);
            None
        } else {
            self.exchange(&mut inner, old, &new, epoch, now_ms)
        };
        let letter = Regranted { occupant: new.clone(), switch, told };
        let letter = Letter::new(dues, News::Regranted(letter));
        new.mailbox.changed(letter, self.limits.outbox_bytes_max);
        if !matches!(act, Act::Renew(_)) || !same {
            self.settle_ask(&mut inner, old, &new);
        }
        self.tell_presence(&mut inner, now_ms);
        Ok(new)
    }

    /// Does to a user's other seats what was done to one. A seat that its own token holds back from it stays
    /// as it is.
    pub(crate) fn regrant_others(
        self: &Arc<Self>,
        user: &str,
        done: u64,
        act: &Act,
        by: Option<&Occupant>,
        roles: &Roles,
        epoch: u32,
    ) {
        let mut left: Vec<u64> = self.seats(user).iter().map(|member| member.seat).collect();
        left.retain(|seat| *seat != done);
        while let Some(seat) = left.pop() {
            let Some(member) = self.sitting(user, seat) else { continue };
            if let Err(RegrantError::Changed) = self.regrant(&member, act, by, roles, epoch) {
                left.push(seat);
            }
        }
    }

    /// Puts the new member in the place of the old one, and tells who has to know.
    fn exchange(
        &self,
        inner: &mut Inner,
        old: &Occupant,
        new: &Arc<Occupant>,
        epoch: u32,
        now_ms: u64,
    ) -> Option<Switch> {
        let before = inner.members.get(&old.member.user).cloned();
        inner.members.replace(new);
        let switched = inner.views.switch(old, new, epoch, &self.limits, now_ms);
        let switch = switched.map(|(end, view)| {
            let (events, _) = ViewPlace::join(view, &new.mailbox, None);
            Switch { end, events }
        });
        inner.end_denied(new, now_ms);
        inner.show(before.as_ref(), &new.member.user, now_ms);
        switch
    }

    /// What a member asked for may be given now, and it may learn more: what others ask for, and what it finds.
    fn settle_ask(&self, inner: &mut Inner, old: &Occupant, new: &Arc<Occupant>) {
        let given = inner.asks.get(&new.member.user).is_some_and(|ask| match &ask.wants {
            Some(wants) => wants.role == new.grants.role,
            // The wait of another seat of the user's goes on.
            None => !inner.members.seats(&new.member.user).any(|seat| seat.waiting),
        });
        if given {
            inner.settle(new, Outcome::Accepted, self.clock.now_ms());
        }
        if new.waiting && !old.waiting {
            self.begin_ask(inner, new, None);
        }
        let (asks, rest) = inner.lists_anew(old, new);
        let asked = |ask| News::Event(encode::json(&Event::<Box<RawValue>>::Asked { ask }));
        let news = asks.into_iter().map(asked).chain(rest.map(News::Rest));
        let dues = inner.dues();
        for what in news {
            new.mailbox.told(Letter::new(dues.clone(), what), self.limits.outbox_bytes_max);
        }
    }
}

/// The frame that tells a member what it may do now.
fn told_to_itself(new: &Occupant, why: Why, by: Option<&Occupant>) -> Bytes {
    let by = by.filter(|by| sees(&new.grants, &by.grants));
    encode::json(&Event::GrantsChanged {
        role: new.member.role.clone(),
        grants: encode::raw(&*new.grants),
        why,
        by: by.map(|by| by.member.user.clone()),
    })
}

impl Inner {
    /// Notes what a user was given, if there is anything to note.
    pub(super) fn note(&mut self, user: &str, standing: Standing, clock: &Clock) {
        if standing.is_blank() {
            self.standings.remove(user);
        } else if self.standings.get(user) != Some(&standing) {
            if self.standings.len() >= self.standings_clear_at.max(STANDINGS_KEPT_MIN) {
                let settled_s = clock.settled_s();
                self.standings.retain(|_, standing| standing.forget_past(settled_s));
                self.standings_clear_at = 2 * self.standings.len();
            }
            self.standings.insert(user.into(), standing);
        }
    }

    /// Ends the streams of a member that it may not publish: of too many, the newest.
    fn end_denied(&mut self, member: &Occupant, now_ms: u64) {
        let publish = &member.grants.publish;
        let own = self.streams.iter().filter(|(_, live)| live.seat == member.seat);
        let mut kept = 0;
        let lost = own.filter(|(_, live)| {
            let info = &live.stream.info;
            let may = kept < publish.streams_max
                && publish.streams.matches(&info.name)
                && publish.kinds.contains(grant_kind(info.kind));
            kept += u32::from(may);
            !may
        });
        let lost: Vec<u32> = lost.map(|(number, _)| *number).collect();
        for number in lost {
            self.end_stream(number, Ended::Denied, now_ms);
        }
    }
}
