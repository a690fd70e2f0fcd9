//! One episode: an app on a real relay, real sockets, and the model beside them. After each operation both must agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{
    Stage,
    member::PATIENCE,
    stage::{decode_secret, now_s},
};
use stagedoor_token::{AppId, Key, KeyState};

use super::{
    acts::{Answer, Hint},
    client::{self, Client},
    ops::{CLIENTS, Op},
    readers::Wishes,
    regrant::{STEP_S, middle_of_step},
    say::with,
    world::{Out, World},
};

/// How long a client waits for what is still to arrive before it asks whether anything is.
const LISTEN: Duration = Duration::from_millis(500);
/// How often it waits for effects of the clock, which arrive at their own time.
const LISTENS: usize = 20;
/// Operations between two checks of everybody.
const LOOK_EVERY: usize = 16;

/// An episode.
pub(crate) struct Episode<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) app: AppId,
    pub(crate) keys: [Key; 3],
    /// The relay's time at the beginning, Unix seconds.
    pub(crate) base: u64,
    /// How far this stage's clock was moved forward.
    pub(crate) ahead: &'a mut Duration,
    pub(crate) world: World,
    pub(crate) clients: [Option<Client>; CLIENTS],
    pub(crate) tickets: Vec<String>,
    pub(crate) invitations: Vec<String>,
    pub(crate) done: usize,
    pub(crate) look_every: usize,
    /// Whether joins and leaves are announced in batches, a while after they happen.
    pub(crate) batched: bool,
    wishes: Wishes,
    /// Whom each client saw before the operation.
    saw: [BTreeMap<String, String>; CLIENTS],
}

impl<'a> Episode<'a> {
    pub(crate) async fn begin(
        stage: &'a Stage,
        ahead: &'a mut Duration,
        batched: bool,
    ) -> Result<Self> {
        let created = stage.running.server.create_app("oracle").await?;
        let app = AppId(created.app);
        let secret = decode_secret(created.key.secret.as_deref().unwrap_or_default());
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
            invitations: Vec::new(),
            done: 0,
            look_every: LOOK_EVERY,
            batched,
            wishes: Wishes::default(),
            saw: Default::default(),
        })
    }

    /// Checks everybody after each operation, unless that would wait for each batch.
    pub(crate) fn look_always(&mut self) {
        if !self.batched {
            self.look_every = 1;
        }
    }

    /// Executes one operation on both sides; an error says how they differ. `false`: it is meaningless here.
    pub(crate) async fn carry_out(&mut self, op: &Op) -> Result<bool> {
        if !self.means_something(op) {
            return Ok(false);
        }
        self.world.out = Out::default();
        for at in 0..CLIENTS {
            self.saw[at] = self.seen_by(at);
        }
        let (answer, hint) = self.perform(op).await?;
        let expected = self.world.carry_out(op, &hint);
        let mut out = std::mem::take(&mut self.world.out);
        self.wishes.add(&out);
        self.compare(op, answer, &expected, &mut out)?;
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

    /// Whom a client sees.
    fn seen_by(&self, at: usize) -> BTreeMap<String, String> {
        let seat = self.world.sits(at).zip(self.world.seat_of(at));
        seat.map_or_else(BTreeMap::new, |((room, _), seat)| self.world.rooms[&room].seen_by(seat))
    }

    fn means_something(&self, op: &Op) -> bool {
        match op {
            Op::Login { client, .. } => self.clients[*client].is_none(),
            Op::Ticket { client, ticket } => {
                self.clients[*client].is_none() && *ticket < self.tickets.len()
            }
            Op::Guest { client, invitation } => {
                self.clients[*client].is_none() && *invitation < self.invitations.len()
            }
            Op::Break { client } => self.sits_once(*client),
            Op::Clock => self.world.due_next().len() < 2,
            _ => op.client().is_none_or(|client| self.world.sits(client).is_some()),
        }
    }

    /// Whether a client has its user's only seat, so that its absence is visible.
    fn sits_once(&self, client: usize) -> bool {
        let seat = self.world.sits(client).zip(self.world.seat_of(client));
        seat.is_some_and(|((room, _), seat)| self.world.rooms[&room].ids_of(&seat.user).len() == 1)
    }

    /// Executes it on the relay. Returns the answer, or `None` if a connection was closed instead.
    async fn perform(&mut self, op: &Op) -> Result<(Option<Value>, Hint)> {
        let mut hint = Hint::default();
        let answer = match op {
            Op::Login { client, token, names } => {
                let login = json!({"op": "login", "token": self.mint(token)?});
                let login = with(login, "room", names.as_ref().map(|(room, _)| room));
                let login = with(login, "user", names.as_ref().map(|(_, user)| user));
                self.log_in(*client, login).await?
            }
            Op::Guest { client, invitation } => {
                let token = &self.invitations[*invitation];
                self.log_in(*client, json!({"op": "login", "token": token})).await?
            }
            Op::Break { client } => {
                self.break_off(*client).await?;
                Some(json!({"ok": {}}))
            }
            Op::Ticket { client, ticket } => {
                let ticket = &self.tickets[*ticket];
                self.log_in(*client, json!({"op": "login", "ticket": ticket})).await?
            }
            Op::Frame { client, stream, key, payload } => {
                let client = self.client(*client)?;
                client.frame(*stream, *key, payload).await;
                // What follows is done after it.
                client.ask(json!({"op": "members"})).await?.map(|_| json!({"ok": {}}))
            }
            Op::Clock => {
                // The test's own time does not count.
                let to = self.base + (self.world.now + STEP_S) as u64;
                let now = now_s() + self.ahead.as_secs();
                ensure!(to > now + 60, "the operations of one step of the clock took too long");
                let by = Duration::from_secs(to - now);
                *self.ahead += by;
                self.stage.running.relay.put_clock_forward(by);
                // A member whose time has come is done with when it is answered, notified or not.
                for client in self.world.due_next() {
                    self.client(client)?.fence().await?;
                }
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
            if matches!(op, Op::Invite { .. }) && ok["token"].is_string() {
                let exp = ok["exp"].as_u64().unwrap_or(0) as i64 - self.base as i64;
                let token = client::text(ok, "token");
                let generation = client::claim(&token, "gen").as_u64();
                hint.guest = (client::text(ok, "user"), client::text(ok, "jti"), exp, generation);
                self.invitations.push(token);
            }
        }
        Ok((answer, hint))
    }

    fn client(&mut self, client: usize) -> Result<&mut Client> {
        self.clients[client].as_mut().context("a client that is connected")
    }

    async fn log_in(&mut self, client: usize, login: Value) -> Result<Option<Value>> {
        let mut connected = Client::connect(self.stage.running.http, self.base).await?;
        let answer = connected.log_in(login).await?;
        if let Some(ok) = answer.as_ref().map(|answer| &answer["ok"]) {
            connected.sees = client::members(&ok["members"]);
            self.tickets.extend(ok["ticket"].as_str().map(ToOwned::to_owned));
        }
        self.clients[client] = Some(connected);
        Ok(answer)
    }

    fn compare(
        &self,
        op: &Op,
        answer: Option<Value>,
        expected: &Answer,
        out: &mut Out,
    ) -> Result<()> {
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
                let closed =
                    op.newcomer().and_then(|at| self.clients[at].as_ref()?.closed.as_ref());
                for (field, value) in fields.as_object().into_iter().flatten() {
                    if closed.is_some() && value.is_array() | value.is_object() {
                        continue;
                    }
                    let told = self.told(op, field, ok)?;
                    if let Op::Subscribe { client, .. } = op
                        && field == "streams"
                        && let Some(rest) = self.rest(&told, value)
                    {
                        out.due.entry(*client).or_default().extend(rest);
                        continue;
                    }
                    ensure!(told == *value, "{field} is {told}, not {value}");
                }
            }
        }
        Ok(())
    }

    /// What events bring after an answer that has a page of the streams that were found; `None` if it is no page.
    fn rest(&self, told: &Value, found: &Value) -> Option<Vec<String>> {
        let (told, found) = (told.as_array()?, found.as_array()?);
        let is_page = self.batched && !told.is_empty() && found.starts_with(told);
        let rest = is_page.then(|| found.get(told.len()..))??;
        Some(rest.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
    }

    /// A field of an answer in the model's terms.
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
            "waiting" if op.newcomer().is_some() => ok[field].as_bool().unwrap_or(false).into(),
            "ticket" => ok[field].is_string().into(),
            "state" => {
                let entries = ok[field].as_array().into_iter().flatten();
                let entry = |entry: &Value| {
                    (client::text(entry, "key"), json!([entry["value"], entry["version"]]))
                };
                json!(entries.map(entry).collect::<BTreeMap<_, _>>())
            }
            "lasts" => middle_of_step(from_base(&ok["exp"]) - self.world.now).into(),
            _ => ok[field].clone(),
        })
    }

    /// Everybody is sent what is due, and closed if that is due.
    async fn settle(&mut self, op: &Op, mut out: Out, loose: &BTreeSet<u32>) -> Result<()> {
        let refused = op
            .newcomer()
            .filter(|client| out.closes.contains_key(client) || self.world.sits(*client).is_none());
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

    /// A client receives what is due and nothing else, and sees whom it should see.
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
        let (told_later, me, readers) = (own || self.batched, seat.user.clone(), room.readers(id));
        let client = self.clients[at].as_mut().context("a client")?;
        let mut listens = if by_clock { LISTENS } else { 1 };
        loop {
            for words in std::mem::take(&mut client.heard) {
                if is_loose(&words, loose) {
                    continue;
                }
                let place = due.iter().position(|due| *due == words);
                if place.is_none() && client.readers.may_want(&words, id, &self.wishes) {
                    continue;
                }
                let place = place.with_context(|| format!("heard {words}, but was due {due:?}"))?;
                due.swap_remove(place);
            }
            if let Some(closed) = &client.closed {
                bail!("closed with {closed:?}, was due {due:?}");
            }
            // `spec/wire.md` §Events: nobody is named before being announced. Whom a member sees after a change of its
            // own grants it learns from `members`.
            for (user, told) in std::mem::take(&mut client.strangers) {
                let sees = self.saw[at].contains_key(&user) && sees.contains_key(&user);
                ensure!(
                    own || user == me || !sees,
                    "{user} is named before it was told of: {told}"
                );
            }
            let up_to_date = client.readers.is_up_to_date(&readers);
            if due.is_empty() && up_to_date && (told_later || client.sees == sees) {
                break;
            }
            if client.hear_within(LISTEN).await? {
                continue;
            }
            listens = listens.checked_sub(1).with_context(|| {
                let (saw, heard) = (&client.sees, &client.readers);
                format!(
                    "did not hear {due:?}; sees {saw:?}, not {sees:?}; {heard:?}, not {readers:?}"
                )
            })?;
            client.fence().await?;
        }
        if own {
            let page = client.members().await?;
            let page = page.with_context(|| format!("closed: {:?}", client.closed))?;
            let members = client::members(&page["members"]);
            ensure!(members == sees, "sees {members:?}, not {sees:?}");
            ensure!(page["count"] == count, "counts {}, not {count}", page["count"]);
            client.sees = members;
            client.strangers.clear();
        }
        Ok(())
    }

    /// Checks that everybody received no more than was due, and sees whom it should see.
    async fn look(&mut self, loose: &BTreeSet<u32>) -> Result<()> {
        for at in 0..CLIENTS {
            let Some((room, id)) = self.world.sits(at) else { continue };
            let room = &self.world.rooms[&room];
            let sees = room.seen_by(room.seat(id).context("a seat")?);
            let (count, readers) = (room.count(), room.readers(id));
            let client = self.clients[at].as_mut().context("a client")?;
            let page = client.fence().await?;
            // In batches it is announced a little later.
            while self.batched && client.sees != sees && client.hear_within(PATIENCE / 2).await? {}
            let page = page.with_context(|| {
                format!("client {at}: {:?} {:?}", client.closed, self.world.seat_of(at))
            })?;
            let (wishes, told) = (&self.wishes, &client.readers);
            let may_want = |words: &str| told.may_want(words, id, wishes);
            client.heard.retain(|words| !is_loose(words, loose) && !may_want(words));
            ensure!(told.is_up_to_date(&readers), "client {at} heard {told:?}, not {readers:?}");
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
    let about = matches!(
        parts.next(),
        Some("published" | "subscribed" | "ended" | "frame" | "keyframe_wanted")
    );
    let number = parts.next().and_then(|number| number.parse().ok());
    about && number.is_some_and(|number| loose.contains(&number))
}
