//! One episode: an app of its own on a real relay, real sockets, and the model beside them. After each
//! operation both must be of one mind. Of the oracle, after `client`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use stagedoor_bus::{self as bus, App, Bus, Command};
use stagedoor_tests::{
    Stage,
    stage::{decode_secret, now_s},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, Roles, mint};
use stagedoor_wire::{name::Topic, request};

use super::{
    acts::{Answer, Hint},
    client::{self, Client},
    ops::{CLIENTS, Op, To},
    regrant::STEP_S,
    world::{AtExp, Out, Revocation, Target, Then, Token, World},
};

/// How long a client listens for what is still to come before it asks whether anything is.
const LISTEN: Duration = Duration::from_millis(500);
/// How often it listens for what the clock does, which comes when it comes.
const LISTENS: usize = 20;
/// Operations between two looks at everybody.
const LOOK_EVERY: usize = 16;

/// An episode.
pub(crate) struct Episode<'a> {
    stage: &'a Stage,
    app: AppId,
    keys: [Key; 3],
    /// The relay's time at the beginning, Unix seconds.
    base: u64,
    /// How far this stage's clock was put forward.
    ahead: &'a mut Duration,
    pub(crate) world: World,
    clients: [Option<Client>; CLIENTS],
    tickets: Vec<String>,
    done: usize,
    look_every: usize,
}

impl<'a> Episode<'a> {
    pub(crate) async fn begin(stage: &'a Stage, ahead: &'a mut Duration) -> Result<Self> {
        let created = stage.running.server.create_app("oracle").await?;
        let app = AppId(created.app);
        let secret = decode_secret(&created.key.secret);
        let first = Key::hs256(app, &created.key.kid, &secret, KeyState::Current)?;
        let second = Key::hs256(app, &format!("second-{}", app.0), &[2; 32], KeyState::Current)?;
        let foreign = Key::hs256(app, &format!("foreign-{}", app.0), &[3; 32], KeyState::Current)?;
        let base = now_s() + ahead.as_secs();
        Ok(Self {
            stage,
            app,
            keys: [first, second, foreign],
            base,
            ahead,
            world: World::default(),
            clients: Default::default(),
            tickets: Vec::new(),
            done: 0,
            look_every: LOOK_EVERY,
        })
    }

    /// Looks at everybody after each operation.
    pub(crate) fn look_always(&mut self) {
        self.look_every = 1;
    }

    /// Carries one operation out on both sides; an error says how they differ. `false`: it means nothing
    /// here.
    pub(crate) async fn carry_out(&mut self, op: &Op) -> Result<bool> {
        if !self.means_something(op) {
            return Ok(false);
        }
        self.world.out = Out::default();
        let (answer, hint) = self.perform(op).await?;
        let expected = self.world.carry_out(op, &hint);
        let out = std::mem::take(&mut self.world.out);
        self.compare(op, answer, &expected, &out)?;
        let loose = match op {
            Op::Roles { .. } | Op::Revoke { .. } => out.ended.clone(),
            _ => BTreeSet::new(),
        };
        self.settle(op, out, &loose).await?;
        self.done += 1;
        if self.done.is_multiple_of(self.look_every) || !loose.is_empty() {
            self.look(&loose).await?;
        }
        Ok(true)
    }

    fn means_something(&self, op: &Op) -> bool {
        match op {
            Op::Login { client, .. } => self.clients[*client].is_none(),
            Op::Ticket { client, ticket } => {
                self.clients[*client].is_none() && *ticket < self.tickets.len()
            }
            Op::Clock => self.world.due_next().len() < 2,
            _ => op.client().is_none_or(|client| self.world.sits(client).is_some()),
        }
    }

    fn at(&self, s: i64) -> u64 {
        self.base.saturating_add_signed(s)
    }

    fn mint(&self, token: &Token) -> Result<String> {
        let role = token.role.parse().context("a role's name")?;
        let mut claims = Claims::new(self.app, &token.room, &token.user, role, &token.jti, 0, 1);
        claims.grants = token.grants.clone().map(serde_json::from_value).transpose()?;
        (claims.iat, claims.nbf) = (self.at(token.iat), self.at(token.iat));
        claims.exp = self.at(token.exp);
        claims.generation = token.generation;
        claims.once = token.once;
        claims.at_exp = match &token.at_exp {
            AtExp::Close => stagedoor_token::AtExp::Close,
            AtExp::Demote(role) => stagedoor_token::AtExp::Demote(role.parse().context("a role")?),
            AtExp::Grace(s) => stagedoor_token::AtExp::Grace { s: *s as u32 },
        };
        claims.max_stay = token.max_stay.map(|stay| stay as u32);
        let until = |section: &str| token.until.get(section).map(|end| self.at(*end));
        claims.until = stagedoor_token::Until {
            publish: until("publish"),
            subscribe: until("subscribe"),
            send: until("send"),
            set: until("set"),
            moderate: until("moderate"),
        };
        Ok(mint(&claims, &self.keys[token.key])?)
    }

    /// Does it to the relay. The answer: `None` where a connection was closed instead.
    async fn perform(&mut self, op: &Op) -> Result<(Option<Value>, Hint)> {
        let mut hint = Hint::default();
        let answer = match op {
            Op::Login { client, token } => {
                let token = self.mint(token)?;
                self.log_in(*client, json!({"op": "login", "token": token})).await?
            }
            Op::Ticket { client, ticket } => {
                let ticket = &self.tickets[*ticket];
                self.log_in(*client, json!({"op": "login", "ticket": ticket})).await?
            }
            Op::Frame { client, stream, key, payload } => {
                let client = self.client(*client)?;
                client.frame(*stream, *key, payload).await;
                // What comes after is done after.
                client.ask(json!({"op": "members"})).await?.map(|_| json!({"ok": {}}))
            }
            Op::Clock => {
                // The time that the test took does not count.
                let to = self.base + (self.world.now + STEP_S) as u64;
                let now = now_s() + self.ahead.as_secs();
                ensure!(to > now + 60, "the operations of one step of the clock took too long");
                let by = Duration::from_secs(to - now);
                *self.ahead += by;
                self.stage.running.relay.put_clock_forward(by);
                Some(json!({"ok": {}}))
            }
            _ => match op.client() {
                Some(client) => {
                    let request = self.request(op)?;
                    self.client(client)?.ask(request).await?
                }
                None => Some(self.command(op).await?),
            },
        };
        if let Some(ok) = answer.as_ref().map(|answer| &answer["ok"]) {
            hint.number = ok["stream"].as_u64().unwrap_or(0) as u32;
        }
        Ok((answer, hint))
    }

    fn client(&mut self, client: usize) -> Result<&mut Client> {
        self.clients[client].as_mut().context("a client that is connected")
    }

    async fn log_in(&mut self, client: usize, login: Value) -> Result<Option<Value>> {
        let mut connected = Client::connect(self.stage.running.http, self.base).await?;
        let answer = connected.ask(login).await?;
        if let Some(ok) = answer.as_ref().map(|answer| &answer["ok"]) {
            connected.sees = client::members(&ok["members"]);
            self.tickets.extend(ok["ticket"].as_str().map(ToOwned::to_owned));
        }
        self.clients[client] = Some(connected);
        Ok(answer)
    }

    fn request(&self, op: &Op) -> Result<Value> {
        Ok(match op {
            Op::Leave { .. } => json!({"op": "leave"}),
            Op::Renew { token, .. } => json!({"op": "renew", "token": self.mint(token)?}),
            Op::Publish { name, kind, delivery, history, .. } => json!({
                "op": "publish", "stream": name, "kind": kind, "delivery": delivery,
                "history": history,
            }),
            Op::Unpublish { name, .. } => json!({"op": "unpublish", "stream": name}),
            Op::Subscribe { patterns, .. } => json!({"op": "subscribe", "streams": patterns}),
            Op::Unsubscribe { patterns, .. } => json!({"op": "unsubscribe", "streams": patterns}),
            Op::Send { to, data, .. } => json!({"op": "send", "to": to_json(to), "data": data}),
            Op::Set { key, value, if_version, .. } => {
                with(json!({"op": "set", "key": key, "value": value}), "if_version", *if_version)
            }
            Op::Ask { role, .. } => json!({"op": "ask", "role": role}),
            Op::Unask { .. } => json!({"op": "unask"}),
            Op::Invite { role, ttl, .. } => json!({"op": "invite", "role": role, "ttl_s": ttl}),
            Op::Moderate { verb: "close", .. } => json!({"op": "moderate", "verb": "close"}),
            Op::Moderate { verb, user, role, kinds, for_s, .. } => {
                let request = json!({"op": "moderate", "verb": verb, "user": user});
                let request = with(request, "role", role.clone());
                let request = with(request, "kinds", kinds.clone());
                with(request, "for_s", *for_s)
            }
            _ => bail!("{op:?} is no request"),
        })
    }

    /// What the app's backend asks for; answered in the words of the wire.
    async fn command(&mut self, op: &Op) -> Result<Value> {
        let (app, bus) = (self.app, &self.stage.running.bus);
        let command = match op {
            Op::Roles { roles, second_login, reapply } => {
                let roles = Roles::from_json(&serde_json::to_string(roles)?)?.into();
                let second_login = second_login.clone().map(serde_json::from_value).transpose()?;
                let keys = self.keys[..2].to_vec();
                bus.put_app(App { id: app, keys, roles, second_login }).await?;
                if !reapply {
                    return Ok(json!({"ok": {}}));
                }
                Command::Reapply { app }
            }
            Op::Assign { room, user, role } => {
                let role = role.parse().context("a role's name")?;
                let (room, user, by) = (room.clone(), user.clone(), "oracle".into());
                Command::Assign { app, room, user, role, by }
            }
            Op::Mute { room, user, kinds, muted } => {
                let kinds = serde_json::from_value(json!(kinds))?;
                Command::Mute { app, room: room.clone(), user: user.clone(), kinds, muted: *muted }
            }
            Op::Kick { room, user } => {
                Command::Kick { app, room: room.clone(), user: user.clone() }
            }
            Op::CloseRoom { room } => Command::CloseRoom { app, room: room.clone() },
            Op::Message { room, to, data } => Command::Message {
                app,
                room: room.clone(),
                to: serde_json::from_value::<request::To>(to_json(to))?,
                topic: None::<Topic>,
                data: serde_json::value::to_raw_value(data)?,
            },
            Op::Revoke { entry, margin, then } => {
                let revocation = self.revocation(entry);
                bus.revoke(&revocation);
                self.world.generation = entry.generation;
                let then = match then {
                    Then::Close => bus::Then::Close,
                    Then::Demote(role) => bus::Then::Demote(role.parse().context("a role")?),
                };
                Command::Revoke { revocation, margin_s: *margin as u32, then }
            }
            _ => bail!("{op:?} is no command"),
        };
        Ok(match bus.command(command).await? {
            bus::Answer::Done { seats } => json!({"ok": {"seats": seats}}),
            bus::Answer::RoomUnknown => json!({"error": {"code": "room_unknown"}}),
            bus::Answer::UserUnknown => json!({"error": {"code": "user_unknown"}}),
            bus::Answer::RoleRefused => json!({"error": {"code": "role_refused"}}),
            other => bail!("{op:?} was answered {other:?}"),
        })
    }

    fn revocation(&self, entry: &Revocation) -> bus::Revocation {
        let target = match entry.target.clone() {
            Target::Jti(jti) => bus::Target::Jti(jti),
            Target::User(user) => bus::Target::User(user),
            Target::RoomUser(room, user) => bus::Target::RoomUser { room, user },
            Target::Room(room) => bus::Target::Room(room),
            Target::RoomRole(room, role) => bus::Target::RoomRole { room, role },
            Target::Role(role) => bus::Target::Role(role),
            Target::Key(key) => bus::Target::Key(self.keys[key].kid().into()),
            Target::App => bus::Target::App,
        };
        bus::Revocation {
            app: self.app,
            target,
            generation: entry.generation,
            at_s: self.at(entry.at),
            ends_s: entry.ends.map(|ends| self.at(ends)),
            ban: entry.ban,
            reason: None,
        }
    }

    fn compare(&self, op: &Op, answer: Option<Value>, expected: &Answer, out: &Out) -> Result<()> {
        let Some(answer) = answer else {
            let closed = op.client().is_some_and(|client| out.closes.contains_key(&client));
            ensure!(closed, "no answer, and no reason to close");
            return Ok(());
        };
        match expected {
            Answer::Refused(code, rule) => {
                let error = &answer["error"];
                let told = (error["code"].as_str(), error["rule"].as_str());
                ensure!(told == (Some(code), *rule), "answered {answer}, not {expected:?}");
            }
            Answer::Ok(fields) => {
                let ok = answer
                    .get("ok")
                    .with_context(|| format!("answered {answer}, not {expected:?}"))?;
                for (field, value) in fields.as_object().into_iter().flatten() {
                    let told = self.told(op, field, ok)?;
                    ensure!(told == *value, "{field} is {told}, not {value}");
                }
            }
        }
        Ok(())
    }

    /// A field of an answer in the words of the model.
    fn told(&self, op: &Op, field: &str, ok: &Value) -> Result<Value> {
        let list = |of: fn(&Value) -> String| -> Value {
            ok[field].as_array().into_iter().flatten().map(of).collect()
        };
        let from_base = |s: &Value| s.as_u64().unwrap_or(0) as i64 - self.base as i64;
        Ok(match field {
            "grants" => client::grants(&ok[field])?.into(),
            "members" => json!(client::members(&ok[field])),
            "streams" if matches!(op, Op::Subscribe { .. }) => list(client::subscribed),
            "streams" => list(client::stream),
            "asks" => list(client::asked),
            "exp" => from_base(&ok[field]).into(),
            "waiting" => ok[field].as_bool().unwrap_or(false).into(),
            "ticket" => ok[field].is_string().into(),
            "state" => {
                let entries = ok[field].as_array().into_iter().flatten();
                let entry = |entry: &Value| {
                    (client::text(entry, "key"), json!([entry["value"], entry["version"]]))
                };
                json!(entries.map(entry).collect::<BTreeMap<_, _>>())
            }
            "ends_with_own" => {
                let own = op.client().and_then(|client| self.world.seat_of(client));
                let exp = from_base(&ok["exp"]);
                own.is_some_and(|own| own.pass.token.exp == exp).into()
            }
            _ => ok[field].clone(),
        })
    }

    /// Everybody is told what is due, and is closed that is to be closed.
    async fn settle(&mut self, op: &Op, mut out: Out, loose: &BTreeSet<u32>) -> Result<()> {
        let refused = match op {
            Op::Login { client, .. } | Op::Ticket { client, .. } => {
                let closed = out.closes.contains_key(client) || self.world.sits(*client).is_none();
                closed.then_some(*client)
            }
            _ => None,
        };
        for at in 0..CLIENTS {
            if self.clients[at].is_none() {
                continue;
            }
            let mut due = out.due.remove(&at).unwrap_or_default();
            let close = out.closes.get(&at).copied();
            if close.is_some() || refused == Some(at) {
                self.is_closed(at, close).await.with_context(|| format!("client {at}"))?;
                continue;
            }
            due.retain(|words| !is_loose(words, loose));
            let own = out.regranted.contains(&at);
            let by_clock = matches!(op, Op::Clock);
            self.hears(at, due, loose, own, by_clock)
                .await
                .with_context(|| format!("client {at}"))?;
        }
        Ok(())
    }

    async fn is_closed(&mut self, at: usize, reason: Option<&str>) -> Result<()> {
        let Some(mut client) = self.clients[at].take() else { return Ok(()) };
        for _ in 0..LISTENS {
            if client.closed.is_some() {
                break;
            }
            client.hear_within(LISTEN).await?;
        }
        let closed = client.closed.with_context(|| format!("not closed with {reason:?}"))?;
        let right = reason.is_none_or(|reason| closed.reason == reason);
        ensure!(right, "closed with {closed:?}, not {reason:?}");
        Ok(())
    }

    /// A client hears what is due and nothing else, and sees whom it is to see.
    async fn hears(
        &mut self,
        at: usize,
        mut due: Vec<String>,
        loose: &BTreeSet<u32>,
        own: bool,
        by_clock: bool,
    ) -> Result<()> {
        let Some((room, id)) = self.world.sits(at) else { bail!("it has no seat in the model") };
        let room = &self.world.rooms[&room];
        let seat = room.seat(id).context("a seat")?;
        let (sees, count) = (room.seen_by(seat), room.count());
        let client = self.clients[at].as_mut().context("a client")?;
        let mut listens = if by_clock { LISTENS } else { 1 };
        loop {
            for words in std::mem::take(&mut client.heard) {
                if is_loose(&words, loose) {
                    continue;
                }
                let place = due.iter().position(|due| *due == words);
                let place = place.with_context(|| format!("heard {words}, but was due {due:?}"))?;
                due.swap_remove(place);
            }
            if let Some(closed) = &client.closed {
                bail!("closed with {closed:?}, was due {due:?}");
            }
            if due.is_empty() && (own || client.sees == sees) {
                break;
            }
            if client.hear_within(LISTEN).await? {
                continue;
            }
            listens = listens.checked_sub(1).with_context(|| {
                format!("did not hear {due:?}; sees {:?}, not {sees:?}", client.sees)
            })?;
            client.fence().await?;
        }
        if own {
            let page = client.ask(json!({"op": "members"})).await?;
            let page = page.with_context(|| format!("closed: {:?}", client.closed))?;
            let members = client::members(&page["ok"]["members"]);
            ensure!(members == sees, "sees {members:?}, not {sees:?}");
            ensure!(page["ok"]["count"] == count, "counts {}, not {count}", page["ok"]["count"]);
            client.sees = members;
        }
        Ok(())
    }

    /// Looks whether everybody heard no more than was due, and sees whom it is to see.
    async fn look(&mut self, loose: &BTreeSet<u32>) -> Result<()> {
        for at in 0..CLIENTS {
            let Some((room, id)) = self.world.sits(at) else { continue };
            let room = &self.world.rooms[&room];
            let sees = room.seen_by(room.seat(id).context("a seat")?);
            let count = room.count();
            let client = self.clients[at].as_mut().context("a client")?;
            let page = client.fence().await?;
            let page = page.with_context(|| {
                format!("client {at}: {:?} {:?}", client.closed, self.world.seat_of(at))
            })?;
            client.heard.retain(|words| !is_loose(words, loose));
            let heard = &client.heard;
            ensure!(heard.is_empty(), "client {at} heard {heard:?}, and nothing was due");
            let members = client::members(&page["members"]);
            ensure!(members == sees, "client {at} sees {members:?}, not {sees:?}");
            ensure!(client.sees == sees, "client {at} was told of {:?}, not {sees:?}", client.sees);
            ensure!(page["count"] == count, "client {at} counts {}, not {count}", page["count"]);
        }
        Ok(())
    }
}

fn is_loose(words: &str, loose: &BTreeSet<u32>) -> bool {
    let mut parts = words.split(' ');
    let about = matches!(parts.next(), Some("subscribed" | "ended" | "frame"));
    let number = parts.next().and_then(|number| number.parse().ok());
    about && number.is_some_and(|number| loose.contains(&number))
}

fn to_json(to: &To) -> Value {
    match to {
        To::Room => json!("room"),
        To::Role(role) => json!({"role": role}),
        To::User(user) => json!({"user": user}),
    }
}

/// A request with one more field, where it has one.
fn with(mut request: Value, field: &str, value: Option<impl serde::Serialize>) -> Value {
    if let Some(value) = value {
        request[field] = json!(value);
    }
    request
}
