//! The expected result of each operation: the answer, and who is sent what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    law::{Texts, matches},
    ops::{Op, To},
    regrant::{Act, middle_of_step},
    world::{AtExp, Revocation, Room, Seat, Stream, Target, Token, World},
};

/// What an operation is answered with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The fields that count.
    Ok(Value),
    /// Code and, if a grant refused, rule.
    Refused(&'static str, Option<&'static str>),
}

/// The parts of the relay's answer that are its own choice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hint {
    /// A stream's number.
    pub(crate) number: u32,
    /// A guest's user id, its token's id, its end, and its generation, which counts kicks and bans too.
    pub(crate) guest: (String, String, i64, Option<u64>),
}

pub(crate) type Done = Result<Value, Answer>;

/// The revocation of a used one-time token; no generation of an app's.
const USED: u64 = u64::MAX;

pub(crate) fn no(code: &'static str) -> Answer {
    Answer::Refused(code, None)
}

pub(crate) fn denied(code: &'static str) -> impl Fn(&'static str) -> Answer {
    move |rule| Answer::Refused(code, Some(rule))
}

fn of_token(jti: &str, generation: u64) -> Revocation {
    Revocation { target: Target::Jti(jti.into()), generation, at: 0, ban: false, ends: None }
}

impl World {
    /// Executes an operation.
    pub(crate) fn carry_out(&mut self, op: &Op, hint: &Hint) -> Answer {
        let done = match op {
            Op::Login { client, token, names } => self.login(*client, token, names.as_ref()),
            Op::Guest { client, invitation } => match self.invitations.get(*invitation).cloned() {
                Some(token) => self.login(*client, &token, None),
                None => Err(no("nobody")),
            },
            Op::Ticket { client, ticket } => self.by_ticket(*client, *ticket),
            Op::Roles { roles, second_login, reapply } => {
                self.roles = roles.iter().map(|role| (role.role.clone(), role.clone())).collect();
                self.second_login.clone_from(second_login);
                Ok(if *reapply { json!({"seats": self.reapply()}) } else { json!({}) })
            }
            Op::Assign { room, user, role } => self.by_api(room, user, &Act::Give(role.clone())),
            Op::Mute { room, user, kinds, muted } => {
                let kinds = kinds.clone();
                let act = if *muted { Act::Mute(kinds) } else { Act::Unmute(kinds) };
                self.by_api(room, user, &act)
            }
            Op::Kick { room, user } => self.api_kick(room, user),
            Op::CloseRoom { room } => self.api_close(room),
            Op::Admit { client: None, room, users } => self.admit(room, None, users.as_ref()),
            Op::Message { room, to, data } => self.api_message(room, to, data),
            Op::Revoke { entry, margin, then } => {
                Ok(json!({"seats": self.revoke(entry, *margin, then)}))
            }
            Op::Clock => {
                self.step();
                Ok(json!({}))
            }
            _ => self.request(op, hint),
        };
        self.pass_wishes_on();
        done.map_or_else(|refused| refused, Answer::Ok)
    }

    /// The refusal of a token, with the rule that its restriction violates.
    fn refused(&self, token: &Token, code: &'static str) -> Answer {
        let role = self.roles.get(&token.role);
        let rule = role.zip(token.grants.as_ref()).and_then(|(role, by)| role.beyond(by));
        Answer::Refused(code, rule.filter(|_| code == "grants_too_wide"))
    }

    fn login(&mut self, client: usize, token: &Token, names: Option<&(String, String)>) -> Done {
        let names = names.map(|(room, user)| (room.as_str(), user.as_str()));
        self.door(token, names).map_err(|code| self.refused(token, code))?;
        let mut answer = self.enter(client, token).map_err(|code| self.refused(token, code))?;
        if token.once {
            self.revocations.push(of_token(&token.jti, USED));
            self.tickets.push(Some(token.clone()));
        }
        answer["ticket"] = token.once.into();
        self.close_over(client);
        Ok(answer)
    }

    fn by_ticket(&mut self, client: usize, ticket: usize) -> Done {
        let token = self.tickets.get(ticket).cloned().flatten().ok_or(no("ticket_unknown"))?;
        // Its use is what the ticket stands for.
        let used = |entry: &Revocation| {
            entry.generation == USED && entry.target == Target::Jti(token.jti.clone())
        };
        let all = self.revocations.clone();
        self.revocations.retain(|entry| !used(entry));
        let door = self.door(&token, None);
        self.revocations = all;
        door.map_err(|code| self.refused(&token, code))?;
        let mut answer = self.enter(client, &token).map_err(|code| self.refused(&token, code))?;
        self.tickets[ticket] = None;
        self.tickets.push(Some(token));
        answer["ticket"] = true.into();
        self.close_over(client);
        Ok(answer)
    }

    /// A member that stayed as long as its token allows loses its seat at once.
    fn close_over(&mut self, client: usize) {
        let now = self.now;
        let over = |seat: &Seat| seat.pass.stay_ends.is_some_and(|ends| ends <= now);
        if self.seat_of(client).is_some_and(over)
            && let Some((room, id)) = self.sits(client)
        {
            self.put_out(&room, id, "stay_over");
        }
    }

    fn api_seat(&self, room: &str, user: &str) -> Result<Vec<u64>, Answer> {
        let place = self.rooms.get(room).ok_or(no("room_unknown"))?;
        let ids = place.ids_of(user);
        if ids.is_empty() { Err(no("user_unknown")) } else { Ok(ids) }
    }

    fn by_api(&mut self, room: &str, user: &str, act: &Act) -> Done {
        if !self.rooms.contains_key(room) {
            return Err(no("room_unknown"));
        }
        if let Act::Give(role) = act
            && !self.roles.contains_key(role)
        {
            return Err(no("role_refused"));
        }
        let ids = self.api_seat(room, user)?;
        self.regrant(room, ids[0], act, None).map_err(|_| no("role_refused"))?;
        for id in &ids[1..] {
            // A seat whose own token rules it out stays as it is.
            let _ = self.regrant(room, *id, act, None);
        }
        Ok(json!({"seats": 1}))
    }

    fn api_kick(&mut self, room: &str, user: &str) -> Done {
        self.api_seat(room, user)?;
        self.kick(room, user);
        Ok(json!({"seats": 1}))
    }

    pub(crate) fn kick(&mut self, room: &str, user: &str) {
        let ids = self.rooms[room].ids_of(user);
        for id in &ids {
            let jtis = self.rooms[room].seat(*id).map(|seat| seat.pass.jtis.clone());
            for jti in jtis.unwrap_or_default() {
                self.forget_tickets(&jti);
                self.revocations.push(of_token(&jti, 0));
            }
        }
        self.put_all_out(room, ids, "kicked");
    }

    /// A revocation of its token also ends a ticket.
    pub(crate) fn forget_tickets(&mut self, jti: &str) {
        for ticket in &mut self.tickets {
            ticket.take_if(|token| token.jti == jti);
        }
    }

    pub(crate) fn put_all_out(&mut self, room: &str, ids: Vec<u64>, close: &'static str) {
        // The oldest seat goes first.
        ids.into_iter().rev().for_each(|id| self.put_out(room, id, close));
    }

    fn api_close(&mut self, room: &str) -> Done {
        let seats = self.rooms.get(room).ok_or(no("room_unknown"))?.seats.len();
        self.close(room);
        Ok(json!({"seats": seats}))
    }

    fn close(&mut self, room: &str) {
        self.standings.retain(|(of, _), _| of != room);
        for seat in self.rooms.remove(room).into_iter().flat_map(|room| room.seats) {
            self.out.closes.insert(seat.client, "room_closed");
        }
    }

    fn api_message(&mut self, room: &str, to: &To, data: &str) -> Done {
        let place = self.rooms.get(room).ok_or(no("room_unknown"))?;
        if let To::User(user) = to
            && place.face(user).is_none()
        {
            return Err(no("user_unknown"));
        }
        let words = format!("message from the app {data}");
        pass_on(place, to, &words, &mut self.out);
        Ok(json!({}))
    }

    /// A member's request.
    fn request(&mut self, op: &Op, hint: &Hint) -> Done {
        let Some((room, id)) = op.client().and_then(|client| self.sits(client)) else {
            return Err(no("nobody"));
        };
        let Some(me) = self.rooms[&room].seat(id).cloned() else { return Err(no("nobody")) };
        match op {
            Op::Leave { .. } | Op::Break { .. } => {
                self.put_out(&room, id, "left");
                Ok(json!({}))
            }
            Op::Renew { token, .. } => self.renew(&room, &me, token),
            Op::Publish { name, kind, delivery, history, .. } => {
                let stream = Stream {
                    number: hint.number,
                    name: name.clone(),
                    seat: id,
                    user: me.user.clone(),
                    role: me.grants.role.clone(),
                    kind: kind.clone(),
                    delivery,
                    history: *history,
                    frames: Vec::new(),
                };
                self.publish(&room, &me, stream)
            }
            Op::Unpublish { name, .. } => self.unpublish(&room, id, name),
            Op::Frame { stream, key, payload, .. } => {
                self.frame(&room, &me, *stream, *key, payload);
                Ok(json!({}))
            }
            Op::Subscribe { patterns, .. } => self.subscribe(&room, &me, patterns),
            Op::Unsubscribe { patterns, .. } => {
                self.unsubscribe(&room, id, patterns);
                Ok(json!({}))
            }
            Op::Keyframe { stream, .. } => self.keyframe(&room, &me, *stream),
            Op::Send { to, data, .. } => self.send(&room, &me, to, data),
            Op::Set { key, value, if_version, .. } => self.set(&room, &me, key, value, *if_version),
            Op::Ask { role, .. } => self.ask(&room, &me, role),
            Op::Unask { .. } => self.unask(&room, &me),
            Op::Invite { role, ttl, once, .. } => self.invite(&me, role, *ttl, *once, hint),
            Op::Moderate { verb, user, role, kinds, for_s, .. } => {
                if *verb == "close" {
                    let may = me.grants.moderate.contains("close");
                    if !may {
                        return Err(denied("moderate_denied")("moderate"));
                    }
                    self.close(&room);
                    return Ok(json!({}));
                }
                let target = self.target(&room, &me, verb, user)?;
                let given = (role.as_deref(), kinds.as_ref(), *for_s);
                self.moderate(&room, &me, verb, &target, given)
            }
            Op::Admit { users, .. } => self.admit(&room, Some(&me), users.as_ref()),
            _ => Err(no("nobody")),
        }
    }

    fn renew(&mut self, room: &str, me: &Seat, token: &Token) -> Done {
        self.door(token, Some((room, &me.user))).map_err(|code| self.refused(token, code))?;
        let done = self.regrant(room, me.id, &Act::Renew(Box::new(token.clone())), None);
        done.map_err(|code| self.refused(token, code))?;
        if token.once {
            self.revocations.push(of_token(&token.jti, USED));
        }
        let seat = self.rooms[room].seat(me.id).cloned().ok_or(no("nobody"))?;
        let words = super::regrant::grants_words(&seat.grants);
        self.close_over(me.client);
        Ok(json!({"role": seat.grants.role, "grants": words, "exp": token.exp}))
    }

    fn publish(&mut self, room: &str, me: &Seat, stream: Stream) -> Done {
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        let live = place.streams.values().filter(|live| live.seat == me.id).count();
        me.grants.publish(&stream.name, &stream.kind, live).map_err(denied("publish_denied"))?;
        let older = place.streams.values().find(|live| live.name == stream.name).cloned();
        if older.as_ref().is_some_and(|older| older.user != me.user) {
            return Err(no("stream_exists"));
        }
        let out = &mut self.out;
        if let Some(older) = older {
            place.end(older.number, "replaced", out);
        }
        let told = format!("published {}", stream.words());
        place.broadcast(out, |seat| seat.may_read(&stream).then(|| told.clone()));
        place.streams.insert(stream.number, stream);
        let streams = place.streams.clone();
        for seat in &mut place.seats {
            for found in seat.attach(&streams, out) {
                out.send(seat.client, found);
            }
        }
        Ok(json!({}))
    }

    fn unpublish(&mut self, room: &str, id: u64, name: &str) -> Done {
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        let own = place.streams.values().find(|live| live.name == name && live.seat == id);
        let number = own.map(|stream| stream.number).ok_or(no("stream_unknown"))?;
        place.end(number, "unpublished", &mut self.out);
        if let Some(seat) = place.seat_mut(id) {
            seat.taken.retain(|(_, taken)| taken != name);
        }
        Ok(json!({}))
    }

    fn frame(&mut self, room: &str, me: &Seat, number: u32, key: bool, payload: &str) {
        const HEADER_BYTES: usize = 6;
        let most = me.grants.caps.get("frame_bytes_max").copied().unwrap_or(u32::MAX);
        if payload.len() + HEADER_BYTES > most as usize {
            return self.put_out(room, me.id, "too_large");
        }
        let Some(place) = self.rooms.get_mut(room) else { return };
        if me.taken.iter().any(|(taken, _)| *taken == number) {
            return;
        }
        match place.streams.get_mut(&number).filter(|stream| stream.seat == me.id) {
            None => self.put_out(room, me.id, "stream_not_yours"),
            Some(stream) => {
                stream.frames.push((key, payload.into()));
                for seat in place.seats.iter().filter(|seat| seat.reads.contains(&number)) {
                    self.out.send(seat.client, format!("frame {number} {payload}"));
                }
            }
        }
    }

    fn subscribe(&mut self, room: &str, me: &Seat, patterns: &Texts) -> Done {
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        for pattern in patterns {
            let live = place.streams.values().find(|stream| stream.name == *pattern);
            match live {
                Some(stream) => me.grants.subscribe(&stream.name, &stream.role),
                None => me.grants.could_subscribe(pattern),
            }
            .map_err(denied("subscribe_denied"))?;
        }
        let streams = place.streams.clone();
        let Some(seat) = place.seat_mut(me.id) else { return Err(no("nobody")) };
        seat.patterns.extend(patterns.iter().cloned());
        Ok(json!({"streams": seat.attach(&streams, &mut self.out)}))
    }

    fn unsubscribe(&mut self, room: &str, id: u64, patterns: &Texts) {
        let Some(place) = self.rooms.get_mut(room) else { return };
        let names: Vec<(u32, String)> =
            place.streams.values().map(|stream| (stream.number, stream.name.clone())).collect();
        let Some(seat) = place.seat_mut(id) else { return };
        seat.patterns.retain(|pattern| !patterns.contains(pattern));
        for (number, name) in names {
            if !matches(&seat.patterns, &name) {
                seat.reads.remove(&number);
            }
        }
    }

    fn send(&mut self, room: &str, me: &Seat, to: &To, data: &str) -> Done {
        let place = &self.rooms[room];
        let denied = denied("send_denied");
        let send = &me.grants.send;
        match to {
            To::Room if !send.room => return Err(denied("send.room")),
            To::Role(role) if !matches(&send.roles, role) => return Err(denied("send.roles")),
            To::User(_) if send.users.is_empty() => return Err(denied("send.users")),
            To::User(user) => {
                let target = place.face(user).filter(|target| me.grants.sees(&target.grants));
                let target = target.ok_or(no("user_unknown"))?;
                if !matches(&send.users, &target.grants.role) {
                    return Err(denied("send.users"));
                }
            }
            To::Room | To::Role(_) => {}
        }
        let words = format!("message from {} as {} {data}", me.user, me.grants.role);
        pass_on(place, to, &words, &mut self.out);
        Ok(json!({}))
    }

    fn set(
        &mut self,
        room: &str,
        me: &Seat,
        key: &str,
        value: &Value,
        version: Option<u64>,
    ) -> Done {
        if !matches(&me.grants.set, key) {
            return Err(denied("set_denied")("set"));
        }
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        let there = place.state.get(key).map_or(0, |(_, version)| *version);
        if version.is_some_and(|version| version != there) {
            return Err(no("version_conflict"));
        }
        place.version += 1;
        let version = place.version;
        if value.is_null() {
            place.state.remove(key);
        } else {
            place.state.insert(key.into(), (value.clone(), version));
        }
        place.broadcast(&mut self.out, |seat| {
            let by = if seat.grants.sees(&me.grants) { &me.user } else { "nobody" };
            Some(format!("state {key} {value} {version} by {by}"))
        });
        Ok(json!({"version": version}))
    }

    fn ask(&mut self, room: &str, me: &Seat, role: &str) -> Done {
        if !matches(&me.grants.ask, role) {
            return Err(denied("ask_denied")("ask"));
        }
        let rank = self.roles.get(role).ok_or(no("role_unknown"))?.rank;
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        place.begin_ask(me, Some((role.into(), rank)), &mut self.out);
        Ok(json!({}))
    }

    fn unask(&mut self, room: &str, me: &Seat) -> Done {
        let Some(place) = self.rooms.get_mut(room) else { return Err(no("nobody")) };
        match place.asks.get(&me.user) {
            Some(Some(_)) => {
                place.settle(me, "withdrawn", &mut self.out);
                Ok(json!({}))
            }
            _ => Err(no("ask_unknown")),
        }
    }

    /// The relay chooses the guest's id, but not what the guest may do, and until when.
    fn invite(&mut self, me: &Seat, role: &str, ttl: i64, once: bool, hint: &Hint) -> Done {
        let rank = self.roles.get(role).ok_or(no("role_unknown"))?.rank;
        me.grants.invite(role, rank).map_err(denied("invite_denied"))?;
        if me.pass.revoked.is_some() || me.pass.demoted.is_some() {
            return Err(no("invite_denied"));
        }
        let left = me.pass.token.exp - self.now;
        if left <= 0 {
            return Err(no("request_invalid"));
        }
        let (user, jti, exp, generation) = hint.guest.clone();
        let token = Token {
            key: 0,
            room: me.pass.token.room.clone(),
            user,
            role: role.into(),
            grants: None,
            iat: self.now,
            exp,
            jti,
            generation,
            once,
            at_exp: AtExp::Close,
            max_stay: None,
            until: BTreeMap::new(),
        };
        if self.is_alive(&token) == Err("banned") {
            return Err(no("invite_denied"));
        }
        self.invitations.push(token);
        Ok(json!({"lasts": middle_of_step(ttl.min(left))}))
    }
}

/// Delivers a message to its recipients.
fn pass_on(place: &Room, to: &To, words: &str, out: &mut super::world::Out) {
    match to {
        To::Room => place.broadcast(out, |_| Some(words.into())),
        To::Role(role) => {
            place.broadcast(out, |seat| (seat.grants.role == *role).then(|| words.into()));
        }
        To::User(user) => {
            for seat in place.seats.iter().filter(|seat| seat.user == *user) {
                out.send(seat.client, words.into());
            }
        }
    }
}
