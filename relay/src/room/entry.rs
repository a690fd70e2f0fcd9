//! Coming and going. Of `room`. A member's place is decided here with what the room knows of its user: what
//! it was given, and who sits there already.

use std::sync::Arc;

use serde_json::value::RawValue;
use stagedoor_token::{Grants, Pattern, Refusal, Roles};
use stagedoor_wire::{
    close::Close,
    event::Asked,
    member::{Cursor, Member, StreamInfo},
    reply::StateEntry,
};

use super::{EVENTS, Inner, Occupant, Room, Standings, View, is_hidden, presence::Change};
use crate::{
    feed::{Begin, Place},
    mail::Mailbox,
    pass::Pass,
    standing::Effective,
    stream::Ended,
};

/// Who comes.
#[derive(Debug)]
pub(crate) struct Entering {
    pub(crate) seat: u64,
    /// Its role is set by what the user may do in this room.
    pub(crate) member: Member,
    pub(crate) pass: Arc<Pass>,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// What a member finds when it comes.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) me: Arc<Occupant>,
    pub(crate) view: Arc<View>,
    pub(crate) count: u32,
    pub(crate) members: Vec<Member>,
    pub(crate) streams: Vec<StreamInfo>,
    pub(crate) state: Vec<StateEntry<Box<RawValue>>>,
    pub(crate) asks: Vec<Asked>,
    /// Its place in the view.
    pub(crate) place: Place,
    /// Whether its reading of the room's events goes on where the cursor that it brought says.
    pub(crate) resumed: bool,
}

/// Why a room was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnterError {
    /// It is on its way out; a new one of its name takes its place.
    Closed,
    /// `room_members_max`, or `asks_max` of those who wait.
    Full,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The token opens no seat among the app's roles.
    Refused(Refusal),
}

impl Room {
    /// Gives a member its place. A seat of the same user is closed and gives way.
    pub(crate) fn enter(
        self: &Arc<Self>,
        entering: &Entering,
        roles: &Roles,
        resume: Option<Cursor>,
        epoch: u32,
    ) -> Result<Found, EnterError> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        if inner.closed {
            return Err(EnterError::Closed);
        }
        let me = self.seat(&mut inner, entering, roles)?;
        let user = &me.member.user;
        if let Some(old) = inner.remove(user, None, Ended::Replaced, now_ms) {
            old.mailbox.close(Close::Replaced);
        }
        let view = inner.views.enter(&me, epoch, &self.limits, now_ms);
        let (place, resumed) = view.feed.join(&me.mailbox, EVENTS, Begin::Now, resume);
        let grants = me.grants.clone();
        let change = Change { member: me.member.clone(), grants: grants.clone() };
        inner.hidden += u32::from(is_hidden(&grants));
        inner.members.insert(me.clone());
        if let Some(left) = inner.presence.joined(change) {
            let count = inner.count();
            inner.views.tell_presence(&[left], &[], count, now_ms);
        }
        let found = Found {
            view,
            count: inner.count(),
            members: inner.members.page(&grants, None, self.limits.members_page_max).0,
            streams: inner.streams_for(&grants),
            state: if me.waiting { Vec::new() } else { inner.state.list() },
            asks: inner.asks_for(&grants),
            place,
            resumed,
            me: me.clone(),
        };
        if me.waiting {
            self.begin_ask(&mut inner, &me, None);
        }
        self.tell_presence(&mut inner, now_ms);
        Ok(found)
    }

    /// Decides whether there is a place, and makes the member that takes it.
    fn seat(
        &self,
        inner: &mut Inner,
        entering: &Entering,
        roles: &Roles,
    ) -> Result<Arc<Occupant>, EnterError> {
        let Entering { seat, member, pass, mailbox } = entering;
        let old = inner.members.get(&member.user);
        if old.is_none() && inner.members.len() >= self.limits.room_members_max {
            return Err(EnterError::Full);
        }
        let now_ms = self.clock.unix_ms();
        let mut standing = inner.standings.get(&member.user).cloned().unwrap_or_default();
        standing.meet(pass);
        let stay_ms = standing.stay(pass, now_ms);
        let effective = standing.effective(pass, roles, now_ms / 1_000);
        let Effective { grants, waiting } = effective.map_err(EnterError::Refused)?;
        if waiting && inner.asks.len() >= self.limits.asks_max {
            return Err(EnterError::Full);
        }
        let sits = old.is_some_and(|old| old.member.role == *grants.role);
        if !sits && inner.is_full(&grants) {
            return Err(EnterError::RoleFull);
        }
        inner.note(&member.user, standing);
        Ok(Arc::new(Occupant {
            seat: *seat,
            member: Member { role: grants.role.to_string(), ..member.clone() },
            grants,
            waiting,
            mailbox: mailbox.clone(),
            pass: pass.clone(),
            since_ms: now_ms,
            stay_ms,
        }))
    }

    /// Takes a seat's member out, if the seat is still the user's. `true` if the room is empty now, and
    /// with that closed.
    pub(crate) fn leave(self: &Arc<Self>, user: &str, seat: u64, patterns: &[Pattern]) -> bool {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.remove(pattern, seat);
        }
        if inner.remove(user, Some(seat), Ended::Left, now_ms).is_none() {
            return false;
        }
        let empty = inner.members.is_empty();
        if empty {
            inner.closed = true;
        } else {
            self.tell_presence(&mut inner, now_ms);
        }
        empty
    }

    /// Removes a member: orders its seat to close, and takes it out at once. `None` if that seat is not the
    /// user's any more, else whether the room is empty and closed now.
    pub(crate) fn put_out(self: &Arc<Self>, occupant: &Occupant, close: Close) -> Option<bool> {
        let sits =
            self.occupant(&occupant.member.user).is_some_and(|now| now.seat == occupant.seat);
        sits.then(|| {
            occupant.mailbox.close(close);
            self.leave(&occupant.member.user, occupant.seat, &[])
        })
    }

    /// Closes the room for everybody; how many seats it closed.
    pub(crate) fn close(&self) -> usize {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        inner.closed = true;
        inner.standings.clear();
        let users: Vec<String> =
            inner.members.after(None).map(|occupant| occupant.member.user.clone()).collect();
        for user in &users {
            if let Some(occupant) = inner.remove(user, None, Ended::Left, now_ms) {
                occupant.mailbox.close(Close::RoomClosed);
            }
        }
        users.len()
    }

    /// Closes the room if nobody ever came; whether it did.
    pub(crate) fn close_empty(&self) -> bool {
        let mut inner = self.lock();
        let empty = inner.members.is_empty() && !inner.closed;
        inner.closed |= empty;
        empty
    }

    /// What users were given, of a room that is closed.
    pub(crate) fn take_standings(&self) -> Standings {
        std::mem::take(&mut self.lock().standings)
    }
}

impl Inner {
    /// Whether the role of these grants has as many members as it may.
    pub(super) fn is_full(&self, grants: &Grants) -> bool {
        let max = grants.caps.members_max;
        max.is_some_and(|max| self.members.count_of(&grants.role) >= max.get() as usize)
    }

    /// Takes a member out; with `seat`, only if it is that seat's.
    fn remove(
        &mut self,
        user: &str,
        seat: Option<u64>,
        why: Ended,
        now_ms: u64,
    ) -> Option<Arc<Occupant>> {
        if seat.is_some_and(|seat| {
            self.members.get(user).is_some_and(|occupant| occupant.seat != seat)
        }) {
            return None;
        }
        let occupant = self.members.remove(user)?;
        self.hidden -= u32::from(is_hidden(&occupant.grants));
        let own = self.streams.iter().filter(|(_, live)| live.seat == occupant.seat);
        let own: Vec<u32> = own.map(|(number, _)| *number).collect();
        for number in own {
            self.end_stream(number, why, now_ms);
        }
        self.withdraw(&occupant);
        self.views.leave(&occupant, now_ms);
        self.presence
            .left(Change { member: occupant.member.clone(), grants: occupant.grants.clone() });
        Some(occupant)
    }
}
