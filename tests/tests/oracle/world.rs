//! What the relay should know, as plain data: the app, its rooms, their seats and streams, and what is due to whom.
//! Times are seconds from the episode's beginning.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::law::{Grants, Texts, matches};

/// A token's claims.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// 0 and 1 are the app's; others are not.
    pub(crate) key: usize,
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) grants: Option<Value>,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    pub(crate) generation: Option<u64>,
    pub(crate) once: bool,
    pub(crate) at_exp: AtExp,
    pub(crate) max_stay: Option<i64>,
    pub(crate) until: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AtExp {
    Close,
    Demote(String),
    Grace(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Jti(String),
    User(String),
    RoomUser(String, String),
    Room(String),
    RoomRole(String, String),
    Role(String),
    Key(usize),
    App,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Revocation {
    pub(crate) target: Target,
    pub(crate) generation: u64,
    pub(crate) at: i64,
    pub(crate) ban: bool,
    pub(crate) ends: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Then {
    Close,
    Demote(String),
}

/// A user's overrides in a room.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    pub(crate) given: Option<(String, String, i64)>,
    pub(crate) muted: Texts,
    pub(crate) admitted: bool,
    /// When the stays of tokens that limit them began.
    pub(crate) stays: BTreeMap<String, i64>,
}

/// The parts of a token that count in a seat.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) token: Token,
    pub(crate) demoted: Option<String>,
    pub(crate) revoked: Option<(i64, Then)>,
    /// Every token that the seat used.
    pub(crate) jtis: Vec<String>,
    pub(crate) ended: bool,
    pub(crate) stay_ends: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) client: usize,
    pub(crate) id: u64,
    pub(crate) user: String,
    pub(crate) pass: Pass,
    pub(crate) grants: Grants,
    pub(crate) waiting: bool,
    pub(crate) began: i64,
    pub(crate) patterns: Texts,
    /// Numbers of the streams that it reads.
    pub(crate) reads: BTreeSet<u32>,
    /// Its streams that the relay ended, newest last.
    pub(crate) taken: Vec<(u32, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) seat: u64,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) kind: String,
    pub(crate) delivery: &'static str,
    pub(crate) history: bool,
    pub(crate) frames: Vec<(bool, String)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    /// In the order in which they joined.
    pub(crate) seats: Vec<Seat>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) state: BTreeMap<String, (Value, u64)>,
    pub(crate) version: u64,
    /// A role and its rank; `None`: admission.
    pub(crate) asks: BTreeMap<String, Option<(String, u16)>>,
}

/// The expected result of an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Out {
    /// What clients are sent, in words.
    pub(crate) due: BTreeMap<usize, Vec<String>>,
    /// Which clients are closed, and why.
    pub(crate) closes: BTreeMap<usize, &'static str>,
    /// Clients whose own grants changed.
    pub(crate) regranted: BTreeSet<usize>,
    /// Streams that ended while several seats were acted on: who began to read them in between is unspecified.
    pub(crate) ended: BTreeSet<u32>,
}

impl Out {
    pub(crate) fn send(&mut self, client: usize, what: String) {
        self.due.entry(client).or_default().push(what);
    }
}

/// The whole model.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) roles: BTreeMap<String, Grants>,
    pub(crate) second_login: Option<Value>,
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) generation: u64,
    pub(crate) rooms: BTreeMap<String, Room>,
    pub(crate) standings: BTreeMap<(String, String), Standing>,
    /// Of each ticket, the token.
    pub(crate) tickets: Vec<Option<Token>>,
    /// The tokens of invitations.
    pub(crate) invitations: Vec<Token>,
    pub(crate) seats: u64,
    pub(crate) out: Out,
}

/// Leeway of `iat`, from `spec/token.md`.
const LEEWAY_S: i64 = 10;

impl Stream {
    pub(crate) fn words(&self) -> String {
        format!("{} {} {} {} {}", self.number, self.name, self.user, self.role, self.kind)
    }

    /// §Beginning of `spec/wire.md`.
    fn begin(&self) -> usize {
        let len = self.frames.len();
        match self.delivery {
            "media" => self.frames.iter().rposition(|(key, _)| *key).unwrap_or(len),
            "latest" => len.saturating_sub(1),
            _ if self.history => 0,
            _ => len,
        }
    }
}

impl Seat {
    pub(crate) fn may_read(&self, stream: &Stream) -> bool {
        self.grants.subscribe(&stream.name, &stream.role).is_ok()
    }

    /// Begins to read what it wants and may; returns in words what it began with.
    pub(crate) fn attach(&mut self, streams: &BTreeMap<u32, Stream>, out: &mut Out) -> Vec<String> {
        let mut found = Vec::new();
        for stream in streams.values() {
            let wanted = matches(&self.patterns, &stream.name) && stream.user != self.user;
            if !wanted || !self.may_read(stream) || !self.reads.insert(stream.number) {
                continue;
            }
            found.push(format!("subscribed {} from {}", stream.words(), stream.begin()));
            for (_, payload) in &stream.frames[stream.begin()..] {
                out.send(self.client, format!("frame {} {payload}", stream.number));
            }
        }
        found
    }
}

impl Room {
    pub(crate) fn face(&self, user: &str) -> Option<&Seat> {
        self.seats.iter().rev().find(|seat| seat.user == user)
    }

    pub(crate) fn seat(&self, id: u64) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id == id)
    }

    pub(crate) fn seat_mut(&mut self, id: u64) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.id == id)
    }

    /// A user with several seats.
    pub(crate) fn sits_twice(&self) -> Option<String> {
        let twice = |seat: &&Seat| self.ids_of(&seat.user).len() > 1;
        self.seats.iter().find(twice).map(|seat| seat.user.clone())
    }

    /// A user's seats, the one that others see first.
    pub(crate) fn ids_of(&self, user: &str) -> Vec<u64> {
        self.seats.iter().rev().filter(|seat| seat.user == user).map(|seat| seat.id).collect()
    }

    /// Everybody, ordered by user; older seats last.
    pub(crate) fn everybody(&self) -> Vec<u64> {
        let users: BTreeSet<&str> = self.seats.iter().map(|seat| &*seat.user).collect();
        let seats: Vec<Vec<u64>> = users.iter().map(|user| self.ids_of(user)).collect();
        let faces = seats.iter().filter_map(|ids| ids.first());
        faces.chain(seats.iter().flat_map(|ids| ids.iter().skip(1).rev())).copied().collect()
    }

    /// The members that a seat sees, with their roles.
    pub(crate) fn seen_by(&self, viewer: &Seat) -> BTreeMap<String, String> {
        let faces = self.seats.iter().filter_map(|seat| self.face(&seat.user));
        let seen = faces.filter(|face| viewer.grants.sees(&face.grants));
        seen.map(|face| (face.user.clone(), face.grants.role.clone())).collect()
    }

    /// Members, without hidden ones.
    pub(crate) fn count(&self) -> usize {
        let users: BTreeSet<&str> = self.seats.iter().map(|seat| &*seat.user).collect();
        let faces = users.iter().filter_map(|user| self.face(user));
        faces.filter(|face| !face.grants.presence.seen_by.is_empty()).count()
    }

    /// Sends to everybody who does not wait.
    pub(crate) fn broadcast(&self, out: &mut Out, what: impl Fn(&Seat) -> Option<String>) {
        for seat in self.seats.iter().filter(|seat| !seat.waiting) {
            if let Some(what) = what(seat) {
                out.send(seat.client, what);
            }
        }
    }

    pub(crate) fn is_full(&self, grants: &Grants) -> bool {
        let there = self.seats.iter().filter(|seat| seat.grants.role == grants.role).count();
        grants.caps.get("members_max").is_some_and(|most| there >= *most as usize)
    }

    /// Ends a stream, and notifies everybody who read it or could.
    pub(crate) fn end(&mut self, number: u32, reason: &str, out: &mut Out) {
        let Some(stream) = self.streams.remove(&number) else { return };
        out.ended.insert(number);
        let (name, seq) = (&stream.name, stream.frames.len());
        for seat in &mut self.seats {
            if seat.reads.remove(&number) {
                out.send(seat.client, format!("ended {number} {name} {reason} {seq}"));
            }
            if seat.id == stream.seat && reason != "unpublished" {
                seat.taken.push((number, name.clone()));
            }
        }
        let told = format!("unpublished {number} {name} {reason}");
        self.broadcast(out, |seat| seat.may_read(&stream).then(|| told.clone()));
    }

    /// Whether a member may decide another's request.
    pub(crate) fn decides(decider: &Grants, asker: &Grants, wants: Option<&(String, u16)>) -> bool {
        match wants {
            Some((_, rank)) => decider.give("promote", asker.rank, *rank).is_ok(),
            None => decider.moderate("admit", asker.rank).is_ok(),
        }
    }

    pub(crate) fn notify_deciders(
        &self,
        asker: &Grants,
        wants: Option<&(String, u16)>,
        what: &str,
        out: &mut Out,
    ) {
        for seat in &self.seats {
            if Self::decides(&seat.grants, asker, wants) {
                out.send(seat.client, what.into());
            }
        }
    }

    pub(crate) fn begin_ask(&mut self, asker: &Seat, wants: Option<(String, u16)>, out: &mut Out) {
        let told = asked(&asker.user, wants.as_ref());
        self.notify_deciders(&asker.grants, wants.as_ref(), &told, out);
        self.asks.insert(asker.user.clone(), wants);
    }

    /// Ends a request, if there is one.
    pub(crate) fn settle(&mut self, asker: &Seat, outcome: &str, out: &mut Out) {
        if let Some(wants) = self.asks.remove(&asker.user) {
            let told = format!("ask_ended {} {outcome}", asker.user);
            self.notify_deciders(&asker.grants, wants.as_ref(), &told, out);
            if outcome != "withdrawn" {
                out.send(asker.client, told);
            }
        }
    }

    /// Removes a seat; its client is closed for this reason, or left on its own.
    pub(crate) fn remove(&mut self, id: u64, close: Option<&'static str>, out: &mut Out) {
        let Some(at) = self.seats.iter().position(|seat| seat.id == id) else { return };
        let seat = self.seats.remove(at);
        if let Some(close) = close {
            out.closes.insert(seat.client, close);
        }
        let own = self.streams.values().filter(|stream| stream.seat == id);
        let reason = if close == Some("replaced") { "replaced" } else { "left" };
        for number in own.map(|stream| stream.number).collect::<Vec<_>>() {
            self.end(number, reason, out);
        }
        if self.face(&seat.user).is_none() {
            self.settle(&seat, "withdrawn", out);
        }
    }
}

pub(crate) fn asked(user: &str, wants: Option<&(String, u16)>) -> String {
    format!("asked {user} {}", wants.map_or("admission", |(role, _)| role))
}

impl Revocation {
    pub(crate) fn hits(&self, token: &Token) -> bool {
        let about = match &self.target {
            Target::Jti(jti) => *jti == token.jti,
            Target::User(user) => *user == token.user,
            Target::RoomUser(room, user) => *room == token.room && *user == token.user,
            Target::Room(room) => *room == token.room,
            Target::RoomRole(room, role) => *room == token.room && *role == token.role,
            Target::Role(role) => *role == token.role,
            Target::Key(key) => *key == token.key,
            Target::App => true,
        };
        let before = match token.generation {
            Some(generation) => generation < self.generation,
            None => token.iat <= self.at,
        };
        about && (self.ban || matches!(self.target, Target::Jti(_)) || before)
    }
}

impl World {
    /// Whether a token is revoked or its user banned.
    pub(crate) fn is_alive(&self, token: &Token) -> Result<(), &'static str> {
        let live =
            |entry: &&Revocation| !entry.ban || entry.ends.is_none_or(|ends| ends > self.now);
        let hits: Vec<&Revocation> =
            self.revocations.iter().filter(live).filter(|entry| entry.hits(token)).collect();
        if hits.iter().any(|hit| hit.ban) {
            return Err("banned");
        }
        if hits.is_empty() { Ok(()) } else { Err("token_revoked") }
    }

    /// The door, in the order of `spec/wire.md` §Connecting.
    pub(crate) fn door(
        &self,
        token: &Token,
        seat: Option<(&str, &str)>,
    ) -> Result<(), &'static str> {
        if token.key > 1 {
            return Err("token_invalid");
        }
        if token.exp <= self.now {
            return Err("token_expired");
        }
        if token.iat > self.now + LEEWAY_S {
            return Err("token_not_yet_valid");
        }
        if let Some((room, user)) = seat {
            if token.room != room {
                return Err("room_mismatch");
            }
            if token.user != user {
                return Err("user_mismatch");
            }
        }
        self.is_alive(token)?;
        let role = self.roles.get(&token.role).ok_or("role_unknown")?;
        if let AtExp::Demote(to) = &token.at_exp {
            let to = self.roles.get(to).ok_or("role_unknown")?;
            if to.rank >= role.rank {
                return Err("at_exp_invalid");
            }
        }
        self.narrowed(token)?;
        Ok(())
    }

    fn narrowed(&self, token: &Token) -> Result<Grants, &'static str> {
        let role = self.roles.get(&token.role).ok_or("role_unknown")?;
        match &token.grants {
            Some(by) => role.narrowed(by).ok_or("grants_too_wide"),
            None => Ok(role.clone()),
        }
    }

    /// What a user may do, and whether it waits.
    pub(crate) fn effective(
        &self,
        pass: &Pass,
        standing: &Standing,
    ) -> Result<(Grants, bool), &'static str> {
        let token = &pass.token;
        let template = |role: &String| self.roles.get(role).cloned().ok_or("role_unknown");
        let given = standing.given.as_ref().and_then(|(role, ..)| self.roles.get(role));
        let mut grants = match (&pass.demoted, &token.at_exp) {
            (Some(role), _) => template(role)?,
            (None, AtExp::Demote(role)) if token.exp <= self.now => template(role)?,
            _ => {
                let own = self.narrowed(token)?;
                given.cloned().unwrap_or(own)
            }
        };
        if grants.waits && !standing.admitted {
            return Ok((grants.waiting(), true));
        }
        for (section, ends) in &token.until {
            if *ends <= self.now {
                match &**section {
                    "publish" => grants.publish = Default::default(),
                    "subscribe" => grants.subscribe = Default::default(),
                    "send" => grants.send = Default::default(),
                    "set" => grants.set.clear(),
                    _ => grants.moderate.clear(),
                }
            }
        }
        grants.publish.kinds.retain(|kind| !standing.muted.contains(kind));
        Ok((grants, false))
    }

    pub(crate) fn standing(&self, room: &str, user: &str) -> Standing {
        self.standings.get(&(room.into(), user.into())).cloned().unwrap_or_default()
    }

    /// Where a client has its seat: room and seat.
    pub(crate) fn sits(&self, client: usize) -> Option<(String, u64)> {
        self.rooms.iter().find_map(|(name, room)| {
            let seat = room.seats.iter().find(|seat| seat.client == client)?;
            Some((name.clone(), seat.id))
        })
    }

    pub(crate) fn seat_of(&self, client: usize) -> Option<&Seat> {
        let (room, id) = self.sits(client)?;
        self.rooms[&room].seat(id)
    }
}
