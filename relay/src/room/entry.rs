//! Coming and going. A member's place is decided here with what the room knows of its user: what it was
//! given, and who sits there already.

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
    /// Its role is set by what the user may do in this room.
    pub(crate) member: Member,
    pub(crate) token: Arc<SeatToken>,
    /// What the token alone opens, as the door found it.
    pub(crate) grants: Arc<Grants>,
    pub(crate) inbox: Arc<Inbox>,
    /// Its peer's address.
    pub(crate) peer: Arc<str>,
    /// What the app says of second logins, where the role says nothing.
    pub(crate) second_login: Option<SecondLogin>,
}

/// What a member finds when it comes.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) me: Arc<Occupant>,
    /// Its cursor on the room's events.
    pub(crate) events: EventsCursor,
    pub(crate) count: u32,
    pub(crate) lists: Lists,
    /// Whether its reading of the room's events goes on where the cursor that it brought says.
    pub(crate) resumed: bool,
}

/// A member that was taken out.
#[derive(Debug)]
pub(crate) struct Gone {
    /// As it was last.
    pub(crate) member: Arc<Occupant>,
    /// Whether the room is empty now, and with that closed.
    pub(crate) closed: bool,
}

/// A place for a member that comes.
struct Place {
    me: Arc<Occupant>,
    /// The seats of its user that give way to it.
    gives_way: Vec<Entry>,
    /// The overrides of its user by now.
    overrides: Overrides,
}

/// Why a room was not entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnterError {
    /// It is on its way out; a new one of its name takes its place.
    Closed,
    /// `room_members_max`.
    Full,
    /// `caps.members_max` of the role.
    RoleFull,
    /// The user has as many seats as `second_login` allows.
    SeatHeld,
    /// The token opens no seat among the app's roles.
    Refused(Fault),
}

impl Room {
    /// Gives a member its place. A seat of the same user is closed and gives way, or stays, as
    /// `second_login` says.
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
        // The lists of the answer.
        inner.events.is_listed();
        inner.roster.insert(Entry { occupant: me.clone(), inbox: entering.inbox.clone() });
        // Into a quiet room one comes alone, mostly: then nothing need be collected.
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

    /// Whether there is a place for a member now; nothing is done.
    pub(crate) fn would_take(&self, entering: &Entering, roles: &Roles) -> Result<(), EnterError> {
        let inner = self.lock();
        if inner.closed { Ok(()) } else { self.place(&inner, entering, roles).map(drop) }
    }

    /// Decides whether there is a place, and makes the member that takes it.
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

    /// Takes a seat's member out, if the seat is still the user's, and tells why. `true` if the room is empty
    /// now, and with that closed.
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
            // Nobody is left to hear of it.
            inner.closed = true;
            self.trail.closed();
        } else {
            inner.show(before.as_ref(), user, now_ms);
            self.say_presence(&mut inner, now_ms);
        }
        Some((Gone { member: occupant, closed: empty }, inbox))
    }

    /// Evicts a member: takes it out at once, and orders its seat to close. `None` if that seat is not the user's
    /// any more.
    pub(crate) fn evict(self: &Arc<Self>, occupant: &Occupant, close: Close) -> Option<Gone> {
        let Occupant { seat, member, .. } = occupant;
        // In this order: a connection that closes gives its seat up by itself, on another thread at once.
        let (gone, inbox) = self.depart(&member.user, *seat, &[], close.reason())?;
        inbox.mailbox().close(close);
        Some(gone)
    }

    /// Closes the room for everybody, and reports first what did it, if a member's act did; how many seats it
    /// closed. A room that is closed stays as it is.
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

    /// Closes the room if nobody ever came; whether it did.
    pub(crate) fn close_empty(&self) -> bool {
        let mut inner = self.lock();
        let empty = inner.roster.is_empty() && !inner.closed;
        inner.closed |= empty;
        empty
    }

    /// The overrides of a room that is closed.
    pub(crate) fn take_overrides(&self) -> OverridesByUser {
        std::mem::take(&mut self.lock().overrides)
    }
}

impl Inner {
    /// Takes a seat out; those that may know learn of it.
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

/// The seats of a user that give way to a new one of a token.
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
    // The same client coming back, whose old connection nobody has missed yet.
    let own = seats.into_iter().find(|seat| *seat.token.jti == *jti);
    own.map(|seat| vec![seat.clone()]).ok_or(EnterError::SeatHeld)
}
