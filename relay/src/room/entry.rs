//! Members enter and leave. The room decides about an entry by what it knows of the user: its overrides, and its seats.

use std::sync::Arc;

use stagedoor_bus::Event;
use stagedoor_token::{Fault, Grants, Pattern, Roles, SecondLogin};
use stagedoor_wire::{
    close::Close,
    member::{Cursor, Member},
};

use super::{
    core::{Inner, Room},
    inbox::Inbox,
    member::Occupant,
    overrides::{Effective, Overrides, OverridesByUser},
    presence::Change,
    rest::Lists,
    roster::Entry,
    seat_token::SeatToken,
    views::EventsCursor,
};
use crate::log::stream::Ended;

/// A member that wants to enter.
#[derive(Debug)]
pub(crate) struct Entering {
    pub(crate) seat: u64,
    /// The user's overrides decide its role.
    pub(crate) member: Member,
    pub(crate) token: Arc<SeatToken>,
    /// The token's own grants, as found by the door.
    pub(crate) grants: Arc<Grants>,
    pub(crate) inbox: Arc<Inbox>,
    /// Its peer's address.
    pub(crate) peer: Arc<str>,
    /// The app's policy on second logins, if the role has none.
    pub(crate) second_login: Option<SecondLogin>,
}

/// What a member sees when it enters.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) me: Arc<Occupant>,
    /// Its cursor on the room's events.
    pub(crate) events: EventsCursor,
    pub(crate) count: u32,
    pub(crate) lists: Lists,
    /// Whether its reading of the room's events continues exactly where its cursor says.
    pub(crate) resumed: bool,
}

/// A member that was removed.
#[derive(Debug)]
pub(crate) struct Gone {
    /// Its last version.
    pub(crate) member: Arc<Occupant>,
    /// Whether the room is now empty, and so closed.
    pub(crate) closed: bool,
}

/// A place for a member.
struct Place {
    me: Arc<Occupant>,
    /// The user's seats that it replaces.
    gives_way: Vec<Entry>,
    /// The user's present overrides.
    overrides: Overrides,
}

/// Why a member could not enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnterError {
    /// The room is closing; a new one with its name replaces it.
    Closed,
    /// `room_members_max`.
    Full,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The user has as many seats as `second_login` allows.
    SeatHeld,
    /// The token opens no seat with the app's present roles.
    Refused(Fault),
}

impl Room {
    /// Gives a member its place. Other seats of the same user are closed or stay, as `second_login` says.
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
        let Place { me, gives_way, overrides } = self.place(&inner, entering, roles)?;
        inner.overrides.note(&me.member.user, overrides, || self.clock.settled_s());
        for old in gives_way {
            if inner.remove(&old.member.user, old.seat, Ended::Replaced, now_ms).is_some() {
                self.trail.left(&old.occupant, Close::Replaced.reason(), now_ms);
            }
            old.inbox.mailbox().close(Close::Replaced);
        }
        let mailbox = entering.inbox.mailbox();
        let (events, resumed) = inner.events.enter(&me, mailbox, resume, epoch, now_ms);
        let before = inner.roster.get(&me.member.user).cloned();
        // The lists in the answer.
        inner.events.is_listed();
        inner.roster.insert(Entry { occupant: me.clone(), inbox: entering.inbox.clone() });
        // Usually a member enters a quiet room alone, and nothing needs to be batched.
        let at_once = before.is_none() && inner.events.is_quiet();
        if !at_once {
            inner.show(before.as_ref(), &me.member.user, now_ms);
        }
        let (count, lists) = (inner.count(), inner.lists(&me));
        let found = Found { events, count, lists, resumed, me: me.clone() };
        if me.waiting {
            self.begin_request(&mut inner, &me, None);
        }
        if at_once {
            let count = inner.count();
            inner.events.emit_join(Change::of(&me), count, now_ms);
        } else {
            self.say_presence(&mut inner, now_ms);
        }
        if !std::mem::replace(&mut inner.opened, true) {
            self.trail.opened();
        }
        self.trail.seated(&me);
        Ok(found)
    }

    /// Whether there is a place for a member; changes nothing.
    pub(crate) fn would_take(&self, entering: &Entering, roles: &Roles) -> Result<(), EnterError> {
        let inner = self.lock();
        if inner.closed { Ok(()) } else { self.place(&inner, entering, roles).map(drop) }
    }

    /// Decides whether there is a place, and makes the member for it.
    fn place(
        &self,
        inner: &Inner,
        entering: &Entering,
        roles: &Roles,
    ) -> Result<Place, EnterError> {
        let Entering { seat, member, token, grants, peer, second_login, .. } = entering;
        let now_ms = self.clock.unix_ms();
        let mut overrides = inner.overrides.get(&member.user).cloned().unwrap_or_default();
        overrides.meet(token);
        let stay_ms = overrides.stay(token, now_ms);
        let own = || Ok(grants.clone());
        let effective = overrides.effective_with(token, own, roles, now_ms / 1_000);
        let Effective { grants, waiting } = effective.map_err(EnterError::Refused)?;
        let policy = grants.second_login.or(*second_login).unwrap_or(SecondLogin::Replace);
        let gives_way = gives_way(inner, &member.user, &token.jti, policy)?;
        if gives_way.is_empty() && inner.roster.seats_len() >= self.limits.room_members_max {
            return Err(EnterError::Full);
        }
        let sits = gives_way.iter().any(|old| old.member.role == *grants.role);
        if !sits && inner.is_full(&grants) {
            return Err(EnterError::RoleFull);
        }
        let me = Occupant {
            seat: *seat,
            member: Member { role: grants.role.to_string(), ..member.clone() },
            grants,
            waiting,
            token: token.clone(),
            user: member.user.as_str().into(),
            peer: peer.clone(),
            since_ms: now_ms,
            began_ms: self.clock.now_ms(),
            stay_ms,
        };
        Ok(Place { me: Arc::new(me), gives_way, overrides })
    }

    /// Removes a seat's member, if the seat is still the user's, and announces why. `true` if the room is now empty,
    /// and so closed.
    pub(crate) fn leave(
        self: &Arc<Self>,
        user: &str,
        seat: u64,
        patterns: &[Pattern],
        reason: &'static str,
    ) -> bool {
        self.depart(user, seat, patterns, reason).is_some_and(|(gone, _)| gone.closed)
    }

    fn depart(
        self: &Arc<Self>,
        user: &str,
        seat: u64,
        patterns: &[Pattern],
        reason: &'static str,
    ) -> Option<(Gone, Arc<Inbox>)> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.remove(pattern, seat);
        }
        let before = inner.roster.get(user).cloned();
        let Entry { occupant, inbox } = inner.take_out(user, seat, Ended::Left, now_ms)?;
        self.trail.left(&occupant, reason, now_ms);
        let empty = inner.roster.is_empty();
        if empty {
            // Nobody is left to be notified.
            inner.closed = true;
            self.trail.closed();
        } else {
            inner.show(before.as_ref(), user, now_ms);
            self.say_presence(&mut inner, now_ms);
        }
        Some((Gone { member: occupant, closed: empty }, inbox))
    }

    /// Evicts a member: removes it at once and orders its seat to close. `None` if the seat is no longer the user's.
    pub(crate) fn evict(self: &Arc<Self>, occupant: &Occupant, close: Close) -> Option<Gone> {
        let Occupant { seat, member, .. } = occupant;
        // In this order, because a connection that closes gives up its seat on its own, immediately and on another
        // thread.
        let (gone, inbox) = self.depart(&member.user, *seat, &[], close.reason())?;
        inbox.mailbox().close(close);
        Some(gone)
    }

    /// Closes the room for everybody, after recording the member's act that did it, if any; returns how many seats it
    /// closed. A closed room stays as it is.
    pub(crate) fn close(&self, act: Option<Event>) -> usize {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        if std::mem::replace(&mut inner.closed, true) {
            return 0;
        }
        act.into_iter().for_each(|act| self.trail.act(act));
        inner.overrides = OverridesByUser::default();
        let seats: Vec<Entry> = inner.roster.every_seat().cloned().collect();
        for entry in &seats {
            inner.remove(&entry.member.user, entry.seat, Ended::Left, now_ms);
            self.trail.left(&entry.occupant, Close::RoomClosed.reason(), now_ms);
            entry.inbox.mailbox().close(Close::RoomClosed);
        }
        if inner.opened {
            self.trail.closed();
        }
        seats.len()
    }

    /// Closes the room if nobody ever entered; returns whether it did.
    pub(crate) fn close_empty(&self) -> bool {
        let mut inner = self.lock();
        let empty = inner.roster.is_empty() && !inner.closed;
        inner.closed |= empty;
        empty
    }

    /// The overrides of a closed room.
    pub(crate) fn take_overrides(&self) -> OverridesByUser {
        std::mem::take(&mut self.lock().overrides)
    }
}

impl Inner {
    /// Removes a seat, and notifies those who may know.
    fn remove(&mut self, user: &str, seat: u64, why: Ended, now_ms: u64) -> Option<Entry> {
        let before = self.roster.get(user).cloned();
        let entry = self.take_out(user, seat, why, now_ms)?;
        self.show(before.as_ref(), user, now_ms);
        Some(entry)
    }

    fn take_out(&mut self, user: &str, seat: u64, why: Ended, now_ms: u64) -> Option<Entry> {
        let entry = self.roster.remove(user, seat)?;
        for number in self.streams.of_seat(entry.seat) {
            self.end_stream(number, why, now_ms);
        }
        if self.roster.get(user).is_none() {
            self.withdraw(&entry, now_ms);
        }
        self.events.leave(&entry, now_ms);
        Some(entry)
    }
}

/// The seats of a user that a new seat with this token replaces.
fn gives_way(
    inner: &Inner,
    user: &str,
    jti: &str,
    policy: SecondLogin,
) -> Result<Vec<Entry>, EnterError> {
    let seats: Vec<&Entry> = inner.roster.seats(user).collect();
    let places = match policy {
        SecondLogin::Replace => return Ok(seats.into_iter().cloned().collect()),
        SecondLogin::Reject => 1,
        SecondLogin::Allow(places) => usize::from(places),
    };
    if seats.len() < places {
        return Ok(Vec::new());
    }
    // The same client, back before its old connection was missed.
    let own = seats.into_iter().find(|seat| *seat.token.jti == *jti);
    own.map(|seat| vec![seat.clone()]).ok_or(EnterError::SeatHeld)
}
