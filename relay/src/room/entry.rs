//! Coming and going. A member's place is decided here with what the room knows of its user: what it was
//! given, and who sits there already.

use std::sync::Arc;

use stagedoor_bus::Event;
use stagedoor_token::{Fault, Grants, Pattern, Roles, SecondLogin};
use stagedoor_wire::{
    close::Close,
    member::{Cursor, Member},
};

use tokio::time::Instant;

use super::{
    Inner, Occupant, Room, Standings, ViewPlace, is_hidden, pages::Lists, presence::Change,
};
use crate::{
    log::mailbox::Mailbox,
    log::stream::Ended,
    room::overrides::{Effective, Standing},
    room::seat_token::Pass,
};

/// Who comes.
#[derive(Debug)]
pub(crate) struct Entering {
    pub(crate) seat: u64,
    /// Its role is set by what the user may do in this room.
    pub(crate) member: Member,
    pub(crate) pass: Arc<Pass>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Its peer's address.
    pub(crate) peer: Arc<str>,
    /// What the app says of second logins, where the role says nothing.
    pub(crate) second_login: Option<SecondLogin>,
}

/// What a member finds when it comes.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) me: Arc<Occupant>,
    /// Its place in its view.
    pub(crate) events: ViewPlace,
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
    gives_way: Vec<Arc<Occupant>>,
    /// What its user was given by now.
    standing: Standing,
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
        let Place { me, gives_way, standing } = self.place(&inner, entering, roles)?;
        inner.note(&me.member.user, standing, &self.clock);
        for old in gives_way {
            if inner.remove(&old.member.user, old.seat, Ended::Replaced, now_ms).is_some() {
                self.story.left(&old, Close::Replaced.reason(), now_ms);
            }
            old.mailbox.close(Close::Replaced);
        }
        let view = inner.views.enter(&me, epoch, &self.limits, now_ms);
        let (events, resumed) = ViewPlace::join(view, &me.mailbox, resume);
        let grants = me.grants.clone();
        let before = inner.members.get(&me.member.user).cloned();
        // The lists of the answer.
        inner.presence.is_listed();
        inner.members.insert(me.clone());
        // Into a quiet room one comes alone, mostly: then nothing need be collected.
        let at_once = before.is_none() && self.tells_at_once(&inner);
        if at_once {
            inner.hidden += u32::from(is_hidden(&grants));
        } else {
            inner.show(before.as_ref(), &me.member.user, now_ms);
        }
        let found = Found {
            events,
            count: inner.count(),
            lists: inner.lists(&me),
            resumed,
            me: me.clone(),
        };
        if me.waiting {
            self.begin_ask(&mut inner, &me, None);
        }
        if at_once {
            let (joined, count) = (Change::of(&me), inner.count());
            inner.views.tell_presence(&[], &[joined], count, now_ms);
            inner.told_at = Some(Instant::now());
        } else {
            self.tell_presence(&mut inner, now_ms);
        }
        if !std::mem::replace(&mut inner.opened, true) {
            self.story.opened();
        }
        self.story.seated(&me);
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
        let Entering { seat, member, pass, mailbox, peer, second_login } = entering;
        let now_ms = self.clock.unix_ms();
        let mut standing = inner.standings.get(&member.user).cloned().unwrap_or_default();
        standing.meet(pass);
        let stay_ms = standing.stay(pass, now_ms);
        let effective = standing.effective(pass, roles, now_ms / 1_000);
        let Effective { grants, waiting } = effective.map_err(EnterError::Refused)?;
        let policy = grants.second_login.or(*second_login).unwrap_or(SecondLogin::Replace);
        let gives_way = gives_way(inner, &member.user, &pass.jti, policy)?;
        if gives_way.is_empty() && inner.members.seats_len() >= self.limits.room_members_max {
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
            mailbox: mailbox.clone(),
            pass: pass.clone(),
            user: member.user.as_str().into(),
            peer: peer.clone(),
            since_ms: now_ms,
            began_ms: self.clock.now_ms(),
            stay_ms,
        };
        Ok(Place { me: Arc::new(me), gives_way, standing })
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
        self.depart(user, seat, patterns, reason).is_some_and(|gone| gone.closed)
    }

    fn depart(
        self: &Arc<Self>,
        user: &str,
        seat: u64,
        patterns: &[Pattern],
        reason: &'static str,
    ) -> Option<Gone> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.remove(pattern, seat);
        }
        let before = inner.members.get(user).cloned();
        let member = inner.take_out(user, seat, Ended::Left, now_ms)?;
        self.story.left(&member, reason, now_ms);
        let empty = inner.members.is_empty();
        if empty {
            // Nobody is left to be told.
            (inner.closed, inner.hidden) = (true, 0);
            self.story.closed();
        } else {
            inner.show(before.as_ref(), user, now_ms);
            self.tell_presence(&mut inner, now_ms);
        }
        Some(Gone { member, closed: empty })
    }

    /// Removes a member: takes it out at once, and orders its seat to close. `None` if that seat is not the
    /// user's any more.
    pub(crate) fn put_out(self: &Arc<Self>, occupant: &Occupant, close: Close) -> Option<Gone> {
        let Occupant { seat, member, mailbox, .. } = occupant;
        // In this order: a connection that closes gives its seat up by itself, on another thread at once.
        let gone = self.depart(&member.user, *seat, &[], close.reason())?;
        mailbox.close(close);
        Some(gone)
    }

    /// Closes the room for everybody, and tells first what did it, if a member's act did; how many seats it
    /// closed. A room that is closed stays as it is.
    pub(crate) fn close(&self, act: Option<Event>) -> usize {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        if std::mem::replace(&mut inner.closed, true) {
            return 0;
        }
        act.into_iter().for_each(|act| self.story.act(act));
        inner.standings.clear();
        let seats: Vec<Arc<Occupant>> = inner.members.every_seat().cloned().collect();
        for occupant in &seats {
            inner.remove(&occupant.member.user, occupant.seat, Ended::Left, now_ms);
            self.story.left(occupant, Close::RoomClosed.reason(), now_ms);
            occupant.mailbox.close(Close::RoomClosed);
        }
        if inner.opened {
            self.story.closed();
        }
        seats.len()
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

    /// Tells those who have to know that a user's face is another than before, or that it came or left.
    pub(super) fn show(&mut self, before: Option<&Arc<Occupant>>, user: &str, now_ms: u64) {
        let after = self.members.get(user).cloned();
        let hidden = |face: Option<&Arc<Occupant>>| {
            u32::from(face.is_some_and(|face| is_hidden(&face.grants)))
        };
        self.hidden += hidden(after.as_ref());
        self.hidden -= hidden(before);
        let count = self.count();
        match (before.map(Change::of), after.as_ref().map(Change::of)) {
            (None, Some(after)) => self.presence.joined(after),
            (Some(before), None) => self.presence.left(before),
            (Some(before), Some(after)) => {
                if !self.presence.changed(&after) {
                    self.views.tell_changed(&before, &after, count, now_ms);
                }
            }
            (None, None) => {}
        }
    }

    /// Takes a seat out, and tells those who have to know.
    fn remove(&mut self, user: &str, seat: u64, why: Ended, now_ms: u64) -> Option<Arc<Occupant>> {
        let before = self.members.get(user).cloned();
        let occupant = self.take_out(user, seat, why, now_ms)?;
        self.show(before.as_ref(), user, now_ms);
        Some(occupant)
    }

    fn take_out(
        &mut self,
        user: &str,
        seat: u64,
        why: Ended,
        now_ms: u64,
    ) -> Option<Arc<Occupant>> {
        let occupant = self.members.remove(user, seat)?;
        let own = self.streams.iter().filter(|(_, live)| live.seat == occupant.seat);
        let own: Vec<u32> = own.map(|(number, _)| *number).collect();
        for number in own {
            self.end_stream(number, why, now_ms);
        }
        if self.members.get(user).is_none() {
            self.withdraw(&occupant, now_ms);
        }
        self.views.leave(&occupant, now_ms);
        Some(occupant)
    }
}

/// The seats of a user that give way to a new one of a token.
fn gives_way(
    inner: &Inner,
    user: &str,
    jti: &str,
    policy: SecondLogin,
) -> Result<Vec<Arc<Occupant>>, EnterError> {
    let seats: Vec<&Arc<Occupant>> = inner.members.seats(user).collect();
    let places = match policy {
        SecondLogin::Replace => return Ok(seats.into_iter().cloned().collect()),
        SecondLogin::Reject => 1,
        SecondLogin::Allow(places) => usize::from(places),
    };
    if seats.len() < places {
        return Ok(Vec::new());
    }
    // The same client coming back, whose old connection nobody has missed yet.
    let own = seats.into_iter().find(|seat| *seat.pass.jti == *jti);
    own.map(|seat| vec![seat.clone()]).ok_or(EnterError::SeatHeld)
}
