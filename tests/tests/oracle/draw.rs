//! Draws operations from a seed, guided by the model so that most of them are meaningful.

mod roles;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    dice::Dice,
    ops::{CLIENTS, Op, To},
    regrant::STEP_S,
    world::{AtExp, Revocation, Room, Target, Then, Token, World},
};

const ROOMS: [&str; 2] = ["r", "s"];
const USERS: [&str; 5] = ["ann", "bob", "cat", "dan", "eve"];
const ROLES: [&str; 5] = ["a", "b", "c", "d", "e"];
const STREAMS: [&str; 6] = ["cam", "cam.1", "cam.2", "mic", "q.1", "q.2"];
const KEYS: [&str; 4] = ["k.a", "k.b", "poll", "k"];
const KINDS: [&str; 4] = ["audio", "video", "screen", "data"];
const VERBS: [&str; 8] = ["kick", "ban", "mute", "unmute", "promote", "demote", "close", "admit"];
const DELIVERIES: [&str; 3] = ["reliable", "latest", "media"];

/// Draws operations.
#[derive(Debug)]
pub(crate) struct Gen {
    pub(crate) dice: Dice,
    /// Expiry times in use: no two things are due at the same time.
    ends: BTreeSet<i64>,
    tokens: Vec<Token>,
    drawn: u64,
    ahead: Vec<Op>,
    /// Whether users may have several seats. Then nobody waits, because it is unspecified for which of its seats a user
    /// asks.
    several: bool,
}

impl Gen {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let several = dice.percent(30);
        let (ends, tokens, ahead) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { dice, ends, tokens, drawn: 0, ahead, several }
    }

    fn serial(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    /// An unused time in the middle between two steps.
    fn end(&mut self, now: i64, steps_max: usize) -> i64 {
        loop {
            let end = now + STEP_S * self.dice.below(steps_max) as i64 + STEP_S / 2;
            if self.ends.insert(end) || self.dice.percent(5) {
                return end;
            }
        }
    }

    /// A token for a user, mostly a valid one.
    fn token(&mut self, world: &World, room: &str, user: &str) -> Token {
        let role = match self.dice.below(40) {
            0 => "zz".into(),
            _ => self.dice.text(&ROLES),
        };
        let grants = world.roles.get(&role).filter(|_| self.dice.percent(40)).cloned();
        let now = world.now;
        let exp = self.end(now, 60);
        let mut token = Token {
            key: self.dice.below(2),
            room: room.into(),
            user: user.into(),
            role,
            grants: grants.map(|role| self.narrowing(&role)),
            iat: now - STEP_S / 2,
            exp,
            jti: format!("t{}", self.serial()),
            generation: self.dice.percent(50).then_some(world.generation),
            once: self.dice.percent(8),
            at_exp: AtExp::Close,
            max_stay: None,
            until: Default::default(),
        };
        match self.dice.below(6) {
            0 | 1 => token.at_exp = AtExp::Demote(self.dice.text(&ROLES)),
            2 => {
                let s = (self.end(exp, 3) - exp + STEP_S / 2).clamp(STEP_S, 3 * STEP_S);
                token.at_exp = AtExp::Grace(s);
            }
            _ => {}
        }
        if self.dice.percent(10) {
            token.max_stay = Some(self.end(now, 20) - now);
        }
        for section in ["publish", "subscribe", "send", "set", "moderate"] {
            if self.dice.percent(8) && exp > now + STEP_S {
                let steps = ((exp - now) / STEP_S) as usize;
                token.until.insert(section.into(), self.end(now, steps.max(1)).min(exp));
            }
        }
        match self.dice.below(60) {
            0 => token.key = 2,
            1 => (token.exp, token.iat) = (now - STEP_S / 2, now - 3 * STEP_S),
            2 => (token.iat, token.exp) = (now + STEP_S / 2, now + 40 * STEP_S + STEP_S / 2),
            _ => {}
        }
        token.until.retain(|_, end| *end <= token.exp);
        self.tokens.push(token.clone());
        token
    }

    fn older(&mut self, room: Option<&str>, user: &str) -> Option<Token> {
        let fits =
            |token: &&Token| room.is_none_or(|room| token.room == room) && token.user == user;
        let all: Vec<&Token> = self.tokens.iter().rev().take(60).filter(fits).collect();
        (!all.is_empty()).then(|| (*self.dice.of(&all)).clone())
    }

    fn login(&mut self, world: &World, client: usize) -> Op {
        if !world.tickets.is_empty() && !self.several && self.dice.percent(8) {
            let newest = world.tickets.len() - 1;
            let ticket = newest - self.dice.below(4).min(newest);
            return Op::Ticket { client, ticket };
        }
        if !world.invitations.is_empty() && self.dice.percent(12) {
            let newest = world.invitations.len() - 1;
            let invitation = newest - self.dice.below(4).min(newest);
            let token = &world.invitations[invitation];
            let there = world.rooms.get(&token.room).is_some_and(|r| r.face(&token.user).is_some());
            if !self.several || !there {
                return Op::Guest { client, invitation };
            }
        }
        let room = self.dice.text(&ROOMS);
        let mut user = self.dice.text(&USERS);
        // At most one user of a room has several seats, because the order of acts on several such users is unspecified.
        let twice = world.rooms.get(&room).and_then(Room::sits_twice);
        if self.several
            && let Some(twice) = twice
        {
            user = twice;
        }
        let older = if self.dice.percent(25) { self.older(Some(&room), &user) } else { None };
        let token = older.unwrap_or_else(|| self.token(world, &room, &user));
        let names = match self.dice.below(20) {
            0 => Some((self.dice.text(&ROOMS), token.user.clone())),
            1 => Some((token.room.clone(), self.dice.text(&USERS))),
            _ => None,
        };
        Op::Login { client, token, names }
    }

    fn to(&mut self) -> To {
        match self.dice.below(3) {
            0 => To::Room,
            1 => To::Role(self.dice.text(&ROLES)),
            _ => To::User(self.dice.text(&USERS)),
        }
    }

    /// A user of the client's room, usually.
    fn user(&mut self, world: &World, client: usize) -> String {
        let there = world.sits(client).map(|(room, _)| &world.rooms[&room].seats);
        match there {
            Some(seats) if self.dice.percent(70) => self.dice.of(seats).user.clone(),
            _ => self.dice.text(&USERS),
        }
    }

    fn moderate(&mut self, world: &World, client: usize) -> Op {
        const ALL: [&str; 16] = [
            "kick", "ban", "mute", "mute", "unmute", "unmute", "promote", "promote", "promote",
            "demote", "demote", "admit", "admit", "decline", "decline", "close",
        ];
        let mut verb = *self.dice.of(&ALL);
        if verb == "close" && self.dice.percent(70) {
            verb = "demote";
        }
        let gives = verb == "promote" || verb == "demote";
        let mutes = verb == "mute" || verb == "unmute";
        let user = self.user(world, client);
        let role =
            gives.then(|| if self.dice.percent(2) { "zz".into() } else { self.dice.text(&ROLES) });
        let kinds = (mutes && self.dice.percent(50)).then(|| self.dice.some(&KINDS, 50));
        let for_s = (verb == "ban").then(|| STEP_S * (1 + self.dice.below(8)) as i64 + STEP_S / 2);
        Op::Moderate { client, verb, user, role, kinds, for_s }
    }

    /// A list of users to admit, or all, by a member or by the backend.
    fn admit(&mut self, client: Option<usize>) -> Op {
        let users = self.dice.percent(60).then(|| self.dice.some(&USERS, 50));
        Op::Admit { client, room: self.dice.text(&ROOMS), users }
    }

    fn frame(&mut self, world: &World, client: usize) -> Option<Op> {
        let (room, id) = world.sits(client)?;
        let room = &world.rooms[&room];
        let own: Vec<u32> = room
            .streams
            .values()
            .filter(|stream| stream.seat == id)
            .map(|stream| stream.number)
            .collect();
        let stream = match self.dice.below(40) {
            0 => 1 + self.dice.below(40) as u32,
            1..=3 => room.seat(id)?.taken.last()?.0,
            _ if own.is_empty() => return None,
            _ => *self.dice.of(&own),
        };
        let mut payload = format!("f{}", self.serial());
        if self.dice.percent(2) {
            payload += &"-".repeat(30);
        }
        Some(Op::Frame { client, stream, key: self.dice.percent(30), payload })
    }

    fn revoke(&mut self, world: &World) -> Op {
        let (room, user, role) =
            (self.dice.text(&ROOMS), self.dice.text(&USERS), self.dice.text(&ROLES));
        let ban = self.dice.percent(15);
        let target = match self.dice.below(if ban { 2 } else { 24 }) {
            0..=3 => Target::RoomUser(room, user),
            4..=8 => match self.tokens.is_empty() {
                true => Target::User(user),
                false => {
                    let from = self.tokens.len().saturating_sub(30);
                    let at = from + self.dice.below(self.tokens.len() - from);
                    Target::Jti(self.tokens[at].jti.clone())
                }
            },
            9..=13 => Target::User(user),
            14 | 15 => Target::Room(room),
            16..=18 => Target::RoomRole(room, role),
            19..=21 => Target::Role(role),
            22 => Target::Key(self.dice.below(2)),
            _ => Target::App,
        };
        let entry = Revocation {
            target,
            generation: world.generation + 1,
            at: world.now + STEP_S / 2,
            ban,
            ends: ban.then(|| self.end(world.now, 8)),
        };
        let margin = if self.dice.percent(40) { self.end(world.now, 6) - world.now } else { 0 };
        let then = match self.dice.below(2) {
            0 => Then::Close,
            _ => Then::Demote(self.dice.text(&ROLES)),
        };
        Op::Revoke { entry, margin, then }
    }

    fn by_api(&mut self, world: &World) -> Op {
        let (room, user) = (self.dice.text(&ROOMS), self.dice.text(&USERS));
        match self.dice.below(20) {
            0..=5 => Op::Assign { room, user, role: self.dice.text(&ROLES) },
            6..=10 => {
                let kinds = self.dice.some(&KINDS, 50);
                Op::Mute { room, user, kinds, muted: self.dice.percent(50) }
            }
            11 => Op::Kick { room, user },
            12 if self.dice.percent(20) => Op::CloseRoom { room },
            15 => self.admit(None),
            12..=14 => {
                let (to, data) = (self.to(), format!("m{}", self.serial()));
                Op::Message { room, to, data }
            }
            _ => self.revoke(world),
        }
    }

    /// The next operation.
    pub(crate) fn draw(&mut self, world: &World) -> Op {
        if let Some(op) = self.ahead.pop() {
            return self.spread(world, op);
        }
        loop {
            if let Some(op) = self.try_draw(world) {
                return self.spread(world, op);
            }
        }
    }

    /// No two members have something due at the same step of the clock, because their order is unspecified.
    fn spread(&mut self, world: &World, op: Op) -> Op {
        if matches!(op, Op::Clock)
            && let [_, client, ..] = world.due_next()[..]
        {
            self.ahead.push(op);
            return Op::Leave { client };
        }
        op
    }

    fn try_draw(&mut self, world: &World) -> Option<Op> {
        let seated: Vec<usize> = (0..CLIENTS).filter(|at| world.sits(*at).is_some()).collect();
        let free: Vec<usize> = (0..CLIENTS).filter(|at| !seated.contains(at)).collect();
        let what = self.dice.below(1000);
        if seated.len() < 4 && what < 400 || what < 60 {
            return (!free.is_empty()).then(|| {
                let client = *self.dice.of(&free);
                self.login(world, client)
            });
        }
        match what {
            60..=79 => return Some(self.by_api(world)),
            80..=89 => {
                self.ahead.extend((0..self.dice.below(5)).map(|_| Op::Clock));
                return Some(Op::Clock);
            }
            90..=95 => {
                let (roles, second_login) = self.roles();
                return Some(Op::Roles { roles, second_login, reapply: self.dice.percent(70) });
            }
            _ if seated.is_empty() => return None,
            _ => {}
        }
        let client = *self.dice.of(&seated);
        self.asked_by(world, client, what)
    }

    /// A request of a member.
    fn asked_by(&mut self, world: &World, client: usize, what: usize) -> Option<Op> {
        Some(match what {
            96..=100 => Op::Leave { client },
            101..=103 => Op::Break { client },
            104..=150 => return self.renewal(world, client),
            151..=280 => Op::Publish {
                client,
                name: self.dice.text(&STREAMS),
                kind: self.dice.text(&KINDS),
                delivery: DELIVERIES[self.dice.below(DELIVERIES.len())],
                history: self.dice.percent(30),
            },
            281..=330 => Op::Unpublish { client, name: self.dice.text(&STREAMS) },
            331..=560 => return self.frame(world, client),
            561..=650 => {
                let patterns = (0..=self.dice.below(2)).map(|_| self.dice.pattern(&STREAMS));
                Op::Subscribe { client, patterns: patterns.collect() }
            }
            651..=690 => {
                let own = world.seat_of(client)?.patterns.clone();
                let own: Vec<&str> = own.iter().map(|own| &**own).collect();
                Op::Unsubscribe { client, patterns: self.dice.some(&own, 50) }
            }
            691..=780 => {
                let (to, data) = (self.to(), format!("m{}", self.serial()));
                Op::Send { client, to, data }
            }
            781..=840 => {
                let value = match self.dice.below(5) {
                    0 => Value::Null,
                    _ => self.serial().into(),
                };
                let if_version = self.dice.percent(20).then(|| self.dice.below(9) as u64);
                Op::Set { client, key: self.dice.text(&KEYS), value, if_version }
            }
            841..=880 => {
                let role = self.dice.text(&ROLES);
                if world.seat_of(client)?.grants.role == role {
                    return None;
                }
                Op::Ask { client, role }
            }
            881..=895 => Op::Unask { client },
            896..=905 => {
                let ttl = STEP_S * self.dice.below(20) as i64 + STEP_S / 2;
                let (role, once) = (self.dice.text(&ROLES), self.dice.percent(20));
                Op::Invite { client, role, ttl, once: once && !self.several }
            }
            906..=914 => self.admit(Some(client)),
            915..=929 => {
                let (room, _) = world.sits(client)?;
                let live: Vec<u32> = world.rooms[&room].streams.keys().copied().collect();
                let stream = match self.dice.below(20) {
                    0 => 1 + self.dice.below(40) as u32,
                    _ if live.is_empty() => return None,
                    _ => *self.dice.of(&live),
                };
                Op::Keyframe { client, stream }
            }
            _ => self.moderate(world, client),
        })
    }

    fn renewal(&mut self, world: &World, client: usize) -> Option<Op> {
        let user = world.seat_of(client)?.user.clone();
        let room = world.sits(client)?.0;
        let (room, user) = match self.dice.below(20) {
            0 => (self.dice.text(&ROOMS), user),
            1 => (room, self.dice.text(&USERS)),
            _ => (room, user),
        };
        let older = if self.dice.percent(15) { self.older(None, &user) } else { None };
        let token = older.unwrap_or_else(|| self.token(world, &room, &user));
        Some(Op::Renew { client, token })
    }
}
