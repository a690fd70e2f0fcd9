//! Operations on the wire and on the bus.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use stagedoor_bus::{self as bus, Actor, App, Bus, Command};
use stagedoor_tests::member::PATIENCE;
use stagedoor_token::{Claims, Roles, mint};
use stagedoor_wire::{name::Topic, request};

use super::{
    drive::Episode,
    ops::{Op, To},
    world::{AtExp, Revocation, Target, Then, Token},
};

impl Episode<'_> {
    fn at(&self, s: i64) -> u64 {
        self.base.saturating_add_signed(s)
    }

    pub(crate) fn mint(&self, token: &Token) -> Result<String> {
        let role = token.role.parse().context("a role's name")?;
        let mut claims = Claims::builder(self.app, role)
            .room(&token.room)
            .user(&token.user)
            .jti(&token.jti)
            .lifetime(0, 1)
            .build();
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

    /// Breaks a connection, and waits until the relay has noticed.
    pub(crate) async fn break_off(&mut self, at: usize) -> Result<()> {
        let user = self.world.seat_of(at).context("a seat")?.user.clone();
        let (room, _) = self.world.sits(at).context("a seat")?;
        self.clients[at] = None;
        let (app, limit, after) = (self.app, usize::MAX, None);
        let noticed = async {
            loop {
                let ask = Command::Room { app, room: room.clone(), after: after.clone(), limit };
                match self.stage.running.bus.command(ask).await {
                    Ok(bus::Answer::Room(room))
                        if room.members.iter().any(|seated| seated.member.user == user) =>
                    {
                        tokio::task::yield_now().await;
                    }
                    answer => break answer.map(drop),
                }
            }
        };
        Ok(tokio::time::timeout(PATIENCE, noticed).await.context("a broken connection")??)
    }

    pub(crate) fn request(&self, op: &Op) -> Result<Value> {
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
            Op::Keyframe { stream, .. } => json!({"op": "keyframe", "stream": stream}),
            Op::Send { to, data, .. } => json!({"op": "send", "to": to_json(to), "data": data}),
            Op::Set { key, value, if_version, .. } => {
                with(json!({"op": "set", "key": key, "value": value}), "if_version", *if_version)
            }
            Op::Ask { role, .. } => json!({"op": "ask", "role": role}),
            Op::Unask { .. } => json!({"op": "unask"}),
            Op::Invite { role, ttl, once, .. } => {
                json!({"op": "invite", "role": role, "ttl_s": ttl, "once": once})
            }
            Op::Moderate { verb: "close", .. } => json!({"op": "moderate", "verb": "close"}),
            Op::Moderate { verb, user, role, kinds, for_s, .. } => {
                let request = json!({"op": "moderate", "verb": verb, "user": user});
                let request = with(request, "role", role.clone());
                let request = with(request, "kinds", kinds.clone());
                with(request, "for_s", *for_s)
            }
            Op::Admit { users, .. } => {
                let request = json!({"op": "moderate", "verb": "admit", "all": users.is_none()});
                with(request, "users", users.clone())
            }
            _ => bail!("{op:?} is no request"),
        })
    }

    /// A request of the app's backend, answered in the wire's terms.
    pub(crate) async fn command(&mut self, op: &Op) -> Result<Value> {
        let (app, bus) = (self.app, &self.stage.running.bus);
        let command = match op {
            Op::Roles { roles, second_login, reapply } => {
                let roles = Roles::from_json(&serde_json::to_string(roles)?)?.into();
                let second_login = second_login.clone().map(serde_json::from_value).transpose()?;
                let keys = self.keys[..2].iter().map(Into::into).collect();
                let since_ms = self.stage.since_ms(app);
                bus.put_app(App { id: app, since_ms, keys, roles, second_login, token04: None })
                    .await?;
                if !reapply {
                    return Ok(json!({"ok": {}}));
                }
                Command::Reapply { app }
            }
            Op::Assign { room, user, role } => {
                let role = role.parse().context("a role's name")?;
                let (room, user, by) = (room.clone(), user.clone(), Actor::System);
                Command::Assign { app, room, user, role, by }
            }
            Op::Mute { room, user, kinds, muted } => {
                let kinds = serde_json::from_value(json!(kinds))?;
                Command::Mute { app, room: room.clone(), user: user.clone(), kinds, muted: *muted }
            }
            Op::Kick { room, user } => {
                Command::Kick { app, room: room.clone(), user: user.clone(), by: Actor::System }
            }
            Op::CloseRoom { room } => Command::CloseRoom { app, room: room.clone() },
            Op::Admit { room, users, .. } => Command::Admit {
                app,
                room: room.clone(),
                users: users.clone().map(|users| users.into_iter().collect()),
            },
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
            bus::Answer::Admitted { admitted, waiting } => {
                json!({"ok": {"admitted": admitted, "waiting": waiting}})
            }
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
}

fn to_json(to: &To) -> Value {
    match to {
        To::Room => json!("room"),
        To::Role(role) => json!({"role": role}),
        To::User(user) => json!({"user": user}),
    }
}

/// A request with one more field, if it has one.
pub(crate) fn with(mut request: Value, field: &str, value: Option<impl serde::Serialize>) -> Value {
    if let Some(value) = value {
        request[field] = json!(value);
    }
    request
}
