//! How a seat's grants change, who enters, and what time and revocations do: `spec/wire.md` §In the seat,
//! `spec/token.md` §The stay.

use serde_json::{Value, json};

use super::{
    law::{Grants, Texts, width},
    world::{
        AtExp, Pass, Revocation, Room, Seat, Standing, Stream, Target, Then, Token, World, asked,
    },
};

/// The length of a clock step. Expiry times are in the middle between two steps, so that the seconds which the test
/// itself takes never matter.
pub(crate) const STEP_S: i64 = 100;

/// A time without the test's own duration, which is within half a step. An invited guest's times, set by the relay,
/// include it, and so does whatever is derived from them.
pub(crate) fn middle_of_step(s: i64) -> i64 {
    s - s.rem_euclid(STEP_S) + STEP_S / 2
}

/// A change of a seat.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Give(String),
    Mute(Texts),
    Unmute(Texts),
    Admit,
    Renew(Box<Token>),
    Revoked(String),
    Margin(i64, Then),
    Time,
    Roles,
}

/// What a member is told about its grants.
pub(crate) fn grants_words(grants: &Grants) -> String {
    format!("{grants:?}")
}

impl Act {
    fn apply(&self, pass: &mut Pass, standing: &mut Standing, seat: &Seat, now: i64) {
        match self {
            Self::Give(role) => {
                standing.given = Some((role.clone(), pass.token.role.clone(), now));
            }
            Self::Mute(kinds) => standing.muted.extend(kinds.iter().cloned()),
            Self::Unmute(kinds) => standing.muted.retain(|kind| !kinds.contains(kind)),
            Self::Admit => standing.admitted = true,
            Self::Renew(token) => {
                meet(standing, token);
                let ends = token.max_stay.map(|stay| seat.began + stay);
                if token.max_stay.is_some() {
                    standing.stays.insert(token.jti.clone(), seat.began);
                }
                pass.stay_ends = [pass.stay_ends, ends].into_iter().flatten().min();
                pass.jtis.push(token.jti.clone());
                pass.token = Token::clone(token);
                (pass.demoted, pass.revoked, pass.ended) = (None, None, false);
            }
            Self::Revoked(role) => (pass.demoted, pass.revoked) = (Some(role.clone()), None),
            Self::Margin(until, then) => pass.revoked = Some((*until, then.clone())),
            Self::Time | Self::Roles => {}
        }
    }

    fn why(&self, old: &Grants, new: &Grants) -> Option<&'static str> {
        Some(match self {
            Self::Give(_) if new.rank >= old.rank => "promoted",
            Self::Give(_) => "demoted",
            Self::Mute(_) => "muted",
            Self::Unmute(_) => "unmuted",
            Self::Admit => "admitted",
            Self::Renew(_) => return None,
            Self::Revoked(_) => "revoked",
            Self::Time => "expired",
            Self::Roles | Self::Margin(..) => "roles",
        })
    }
}

/// A token with a newer decision of the backend ends a set role.
fn meet(standing: &mut Standing, token: &Token) {
    let anew = |(_, over, at): &(String, String, i64)| *over != token.role && token.iat >= *at;
    if standing.given.as_ref().is_some_and(anew) {
        standing.given = None;
    }
}

impl World {
    /// Changes a seat; returns whether its grants changed.
    pub(crate) fn regrant(
        &mut self,
        room: &str,
        id: u64,
        act: &Act,
        by: Option<&Seat>,
    ) -> Result<bool, &'static str> {
        let Some(old) = self.rooms.get(room).and_then(|room| room.seat(id)).cloned() else {
            return Ok(false);
        };
        let (mut pass, mut standing) = (old.pass.clone(), self.standing(room, &old.user));
        act.apply(&mut pass, &mut standing, &old, self.now);
        let (grants, waiting) = self.effective(&pass, &standing)?;
        let (Some(place), out) = (self.rooms.get_mut(room), &mut self.out) else {
            return Ok(false);
        };
        if grants.role != old.grants.role && place.is_full(&grants) {
            return Err("role_full");
        }
        self.standings.insert((room.into(), old.user.clone()), standing);
        let changed = grants != old.grants;
        let new = Seat { pass, grants, waiting, ..old.clone() };
        if let Some(seat) = place.seat_mut(id) {
            *seat = new.clone();
        }
        if changed {
            if let Some(why) = act.why(&old.grants, &new.grants) {
                let by = by.filter(|by| new.grants.sees(&by.grants));
                let by = by.map_or("nobody", |by| &by.user);
                let words = grants_words(&new.grants);
                out.send(new.client, format!("grants_changed {why} by {by}: {words}"));
            }
            out.regranted.insert(new.client);
            end_denied(place, &new, out);
            reattach(place, id, out);
        }
        if changed || !matches!(act, Act::Renew(_)) {
            settle_asks(place, &old, &new, out);
        }
        if old.waiting && !new.waiting {
            send_found(place, &new, out);
        }
        Ok(changed)
    }

    /// Gives a token its seat. Returns the answer, or the code of the refusal.
    pub(crate) fn enter(&mut self, client: usize, token: &Token) -> Result<Value, &'static str> {
        let mut standing = self.standing(&token.room, &token.user);
        meet(&mut standing, token);
        let began = match token.max_stay {
            Some(_) => *standing.stays.entry(token.jti.clone()).or_insert(self.now),
            None => self.now,
        };
        let mut pass = Pass {
            token: token.clone(),
            demoted: None,
            revoked: None,
            jtis: vec![token.jti.clone()],
            ended: false,
            stay_ends: None,
        };
        pass.stay_ends = token.max_stay.map(|stay| began + stay);
        let (grants, waiting) = self.effective(&pass, &standing)?;
        let app = self.second_login.clone().unwrap_or(json!("replace"));
        let policy = grants.second_login.clone().unwrap_or(app);
        let mut place = self.rooms.get(&token.room).cloned().unwrap_or_default();
        let out = &mut self.out;
        let mut give_way = place.ids_of(&token.user);
        give_way.reverse();
        if policy != "replace" {
            let places = width(&policy).max(1) as usize;
            if give_way.len() < places {
                give_way.clear();
            } else {
                let own = |id: &&u64| {
                    place.seat(**id).is_some_and(|seat| seat.pass.token.jti == token.jti)
                };
                give_way = vec![*give_way.iter().find(own).ok_or("seat_held")?];
            }
        }
        let sits = |id: &u64| place.seat(*id).is_some_and(|seat| seat.grants.role == grants.role);
        if !give_way.iter().any(sits) && place.is_full(&grants) {
            return Err("role_full");
        }
        self.standings.insert((token.room.clone(), token.user.clone()), standing);
        for id in give_way {
            place.remove(id, Some("replaced"), out);
        }
        self.seats += 1;
        let seat = Seat {
            client,
            id: self.seats,
            user: token.user.clone(),
            pass,
            grants,
            waiting,
            began,
            patterns: Texts::new(),
            reads: Default::default(),
            taken: Vec::new(),
        };
        place.seats.push(seat.clone());
        let answer = found(&place, &seat);
        if waiting {
            place.begin_ask(&seat, None, out);
        }
        self.rooms.insert(token.room.clone(), place);
        Ok(answer)
    }

    /// Evicts a seat.
    pub(crate) fn put_out(&mut self, room: &str, id: u64, close: &'static str) {
        if let Some(place) = self.rooms.get_mut(room) {
            place.remove(id, Some(close), &mut self.out);
            self.forget_if_empty(room);
        }
    }

    /// A room ends with its last member.
    pub(crate) fn forget_if_empty(&mut self, room: &str) {
        if self.rooms.get(room).is_some_and(|room| room.seats.is_empty()) {
            self.rooms.remove(room);
        }
    }

    /// Everybody in the order in which the relay acts on them.
    pub(crate) fn everybody(&self) -> Vec<(String, u64)> {
        let rooms = self.rooms.iter();
        rooms
            .flat_map(|(name, room)| room.everybody().into_iter().map(|id| (name.clone(), id)))
            .collect()
    }

    /// A revocation acts on live seats; returns how many.
    pub(crate) fn revoke(&mut self, entry: &Revocation, margin: i64, then: &Then) -> usize {
        self.revocations.push(entry.clone());
        if let Target::Jti(jti) = &entry.target {
            self.forget_tickets(jti);
        }
        let mut seats = 0;
        for (room, id) in self.everybody() {
            let Some(seat) = self.rooms.get(&room).and_then(|room| room.seat(id)) else { continue };
            if !entry.hits(&seat.pass.token) {
                continue;
            }
            seats += 1;
            let act = match then {
                _ if entry.ban => None,
                _ if margin > 0 => {
                    let client = seat.client;
                    self.out.send(client, "token_revoked".into());
                    Some(Act::Margin(self.now + margin, then.clone()))
                }
                Then::Demote(role) => Some(Act::Revoked(role.clone())),
                Then::Close => None,
            };
            let done = act.is_some_and(|act| self.regrant(&room, id, &act, None).is_ok());
            if !done {
                self.put_out(
                    &room,
                    id,
                    if entry.ban && !matches!(entry.target, Target::Key(_)) {
                        "banned"
                    } else {
                        "token_revoked"
                    },
                );
            }
        }
        seats
    }

    /// The roles changed and act on live seats; returns how many got other grants.
    pub(crate) fn reapply(&mut self) -> usize {
        let mut seats = 0;
        for (room, id) in self.everybody() {
            match self.regrant(&room, id, &Act::Roles, None) {
                Ok(changed) => seats += usize::from(changed),
                Err(_) => {
                    seats += 1;
                    self.put_out(&room, id, "token_refused");
                }
            }
        }
        seats
    }

    /// Clients with something due at the clock's next step.
    pub(crate) fn due_next(&self) -> Vec<usize> {
        let (from, to) = (self.now, self.now + STEP_S);
        let seats = self.rooms.values().flat_map(|room| &room.seats);
        let due = seats.filter(|seat| ends(seat).iter().any(|end| *end > from && *end <= to));
        due.map(|seat| seat.client).collect()
    }

    /// One step of the clock.
    pub(crate) fn step(&mut self) {
        let before = self.now;
        self.now += STEP_S;
        for (room, id) in self.everybody() {
            let Some(seat) = self.rooms.get(&room).and_then(|room| room.seat(id)) else { continue };
            if ends(seat).iter().any(|end| *end > before && *end <= self.now) {
                self.hour(&room, id);
            }
        }
    }

    /// What the clock does to a seat, the most severe first.
    fn hour(&mut self, room: &str, id: u64) {
        let Some(seat) = self.rooms.get(room).and_then(|room| room.seat(id)).cloned() else {
            return;
        };
        let (now, pass) = (self.now, &seat.pass);
        if pass.stay_ends.is_some_and(|ends| ends <= now) {
            return self.put_out(room, id, "stay_over");
        }
        if let Some((until, then)) = &pass.revoked
            && *until <= now
        {
            let demoted = match then {
                Then::Close => false,
                Then::Demote(role) => {
                    self.regrant(room, id, &Act::Revoked(role.clone()), None).is_ok()
                }
            };
            if !demoted {
                // A role that no longer exists, or is full, cannot be used.
                let reason = if *then == Then::Close { "token_revoked" } else { "token_expired" };
                return self.put_out(room, id, reason);
            }
        }
        let mut lapses = pass.token.until.values().any(|end| *end > now - STEP_S && *end <= now);
        if pass.token.exp <= now {
            let first = !pass.ended;
            if let Some(seat) = self.rooms.get_mut(room).and_then(|room| room.seat_mut(id)) {
                seat.pass.ended = true;
            }
            match &pass.token.at_exp {
                AtExp::Close => return self.put_out(room, id, "token_expired"),
                AtExp::Grace(s) if pass.token.exp + s <= now => {
                    return self.put_out(room, id, "token_expired");
                }
                AtExp::Grace(s) if first => {
                    let until = pass.token.exp + s;
                    self.out.send(seat.client, format!("token_expired {until}"));
                }
                AtExp::Grace(_) => {}
                AtExp::Demote(_) => lapses |= first,
            }
        }
        if lapses && self.regrant(room, id, &Act::Time, None).is_err() {
            self.put_out(room, id, "token_expired");
        }
    }
}

/// When something is due for a seat.
fn ends(seat: &Seat) -> Vec<i64> {
    let Pass { token, revoked, stay_ends, .. } = &seat.pass;
    let mut ends: Vec<i64> = token.until.values().copied().collect();
    ends.push(token.exp);
    if let AtExp::Grace(s) = token.at_exp {
        ends.push(token.exp + s);
    }
    ends.extend(revoked.as_ref().map(|(until, _)| *until));
    ends.extend(stay_ends);
    ends
}

/// What a new member finds.
fn found(place: &Room, seat: &Seat) -> Value {
    let streams = place.streams.values().filter(|stream| seat.may_read(stream));
    let mut asks: Vec<String> = Vec::new();
    for (user, wants) in &place.asks {
        if let Some(asker) = place.face(user)
            && Room::decides(&seat.grants, &asker.grants, wants.as_ref())
        {
            asks.push(asked(user, wants.as_ref()));
        }
    }
    let state = if seat.waiting { Default::default() } else { place.state.clone() };
    json!({
        "user": seat.user,
        "role": seat.grants.role,
        "grants": grants_words(&seat.grants),
        "exp": seat.pass.token.exp,
        "count": place.count(),
        "members": place.seen_by(seat),
        "streams": streams.map(Stream::words).collect::<Vec<_>>(),
        "state": state,
        "waiting": seat.waiting,
        "asks": asks,
    })
}

/// A member that no longer waits is sent what it would have found.
fn send_found(place: &Room, new: &Seat, out: &mut super::world::Out) {
    for stream in place.streams.values().filter(|stream| new.may_read(stream)) {
        out.send(new.client, format!("published {}", stream.words()));
    }
    for (key, (value, version)) in &place.state {
        out.send(new.client, format!("state {key} {value} {version} by nobody"));
    }
    out.send(new.client, "listed".into());
}

/// Streams that a member may no longer publish end; if there are too many, the newest.
fn end_denied(place: &mut Room, new: &Seat, out: &mut super::world::Out) {
    let mut kept = 0;
    let mut lost = Vec::new();
    for stream in place.streams.values().filter(|stream| stream.seat == new.id) {
        match new.grants.publish(&stream.name, &stream.kind, kept) {
            Ok(()) => kept += 1,
            Err(_) => lost.push(stream.number),
        }
    }
    lost.into_iter().for_each(|number| place.end(number, "denied", out));
}

/// A member stops reading what it may not read, and begins to read what it wants and may.
fn reattach(place: &mut Room, id: u64, out: &mut super::world::Out) {
    let streams = place.streams.clone();
    let Some(seat) = place.seat_mut(id) else { return };
    let lost: Vec<u32> = seat.reads.iter().copied().collect();
    for number in lost {
        let Some(stream) = streams.get(&number) else { continue };
        if !seat.may_read(stream) {
            seat.reads.remove(&number);
            let (name, seq) = (&stream.name, stream.frames.len());
            out.send(seat.client, format!("ended {number} {name} denied {seq}"));
        }
    }
    for found in seat.attach(&streams, out) {
        out.send(seat.client, found);
    }
}

/// A member's request may now be granted, and it may decide others' requests.
fn settle_asks(place: &mut Room, old: &Seat, new: &Seat, out: &mut super::world::Out) {
    let given = place.asks.get(&new.user).is_some_and(|wants| match wants {
        Some((role, _)) => *role == new.grants.role,
        None => !new.waiting,
    });
    if given {
        place.settle(new, "accepted", out);
    }
    if new.waiting && !old.waiting {
        place.begin_ask(new, None, out);
    }
    for (user, wants) in &place.asks {
        let Some(asker) = place.face(user) else { continue };
        let decides = |grants: &Grants| Room::decides(grants, &asker.grants, wants.as_ref());
        if decides(&new.grants) && !decides(&old.grants) {
            out.send(new.client, asked(user, wants.as_ref()));
        }
    }
}
