//! Each mutating operation of the API, on a fresh app: the request, and how store, doors and audit trail show that it
//! was done.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use stagedoor_tests::{
    Caller, Member,
    stage::{decode_secret, now_s},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

/// The traces of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// A change in the store, which the doors follow, and a record.
    Change,
    /// A change in a room, which ends with the process, and a record.
    InRoom,
    /// Only a record.
    Record,
}

/// Every mutating operation, its kind of audit record, and its traces.
pub(crate) const OPERATIONS: [(&str, &str, Leaves); 28] = [
    ("POST /v1/apps", "app.create", Leaves::Change),
    ("PATCH /v1/apps/{app}", "app.change", Leaves::Change),
    ("DELETE /v1/apps/{app}", "app.delete", Leaves::Change),
    ("POST /v1/apps/{app}/api-keys", "api_key.create", Leaves::Change),
    ("DELETE /v1/apps/{app}/api-keys/{id}", "api_key.delete", Leaves::Change),
    ("POST /v1/apps/{app}/api-keys/{id}/rotate", "api_key.rotate", Leaves::Change),
    ("POST /v1/apps/{app}/keys", "key.create", Leaves::Change),
    ("PATCH /v1/apps/{app}/keys/lines/{line}", "key.bound", Leaves::Change),
    ("DELETE /v1/apps/{app}/keys/lines/{line}", "key.line_end", Leaves::Change),
    ("POST /v1/apps/{app}/keys/rotate", "key.rotate", Leaves::Change),
    ("POST /v1/apps/{app}/keys/{kid}/retire", "key.retire", Leaves::Change),
    ("POST /v1/apps/{app}/revocations", "revocation.add", Leaves::Change),
    ("DELETE /v1/apps/{app}/revocations/{generation}", "revocation.lift", Leaves::Change),
    ("PUT /v1/apps/{app}/roles", "roles.change", Leaves::Change),
    ("PUT /v1/apps/{app}/roles/{role}", "roles.change", Leaves::Change),
    ("DELETE /v1/apps/{app}/roles/{role}", "roles.change", Leaves::Change),
    ("POST /v1/apps/{app}/roles/versions/{version}/restore", "roles.change", Leaves::Change),
    ("DELETE /v1/apps/{app}/rooms/{room}", "room.close", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/admit", "room.admit", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/admit", "room.admit", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/decline", "room.decline", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/kick", "room.kick", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/mute", "room.mute", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/role", "room.role", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/members/{user}/unmute", "room.unmute", Leaves::InRoom),
    ("POST /v1/apps/{app}/rooms/{room}/messages", "room.message", Leaves::InRoom),
    ("POST /v1/apps/{app}/tokens", "token.mint", Leaves::Record),
    ("POST /v1/apps/{app}/tokens/verify", "token.verify", Leaves::Record),
];

/// An operation that is about to be requested.
pub(crate) struct Case {
    pub(crate) operation: &'static str,
    kind: &'static str,
    pub(crate) leaves: Leaves,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// The operator.
    pub(crate) root: Caller,
    app: u32,
    key: Key,
    /// When its tokens were issued, Unix seconds: before the operation.
    at_s: u64,
    /// The id or credential that the operation concerns.
    about: Value,
    members: Vec<Member>,
    records_before: usize,
}

impl Case {
    /// Prepares what the operation needs; `id` is its own AppID.
    pub(crate) async fn prepare(
        root: &Caller,
        (operation, kind, leaves): (&'static str, &'static str, Leaves),
        id: u32,
    ) -> Result<Self> {
        let (method, path) = operation.split_once(' ').context("a path")?;
        let path = path.replace("{app}", &id.to_string()).replace("{room}", "r");
        let (path, key) = (path.replace("{user}", "u"), [7; 32]);
        let mut case = Self {
            operation,
            kind,
            leaves,
            method,
            path,
            body: None,
            root: root.clone(),
            app: id,
            key: Key::hs256(AppId(id), "none", &key, KeyState::Current)?,
            at_s: now_s(),
            about: Value::Null,
            members: Vec::new(),
            records_before: 0,
        };
        if operation == "POST /v1/apps" {
            case.body = Some(json!({"name": "n", "id": id}));
            return Ok(case);
        }
        let made = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "n", "id": id}))).await?;
        let secret = decode_secret(made["key"]["secret"].as_str().context("a secret")?);
        let kid = made["key"]["kid"].as_str().context("a key id")?;
        case.key = Key::hs256(AppId(id), kid, &secret, KeyState::Current)?;
        match leaves {
            Leaves::InRoom => case.prepare_room().await?,
            _ => case.prepare_store().await?,
        }
        case.records_before = case.records().await?;
        Ok(case)
    }

    async fn prepare_store(&mut self) -> Result<()> {
        let keys = || json!({"name": "n", "scopes": ["rooms:read"]});
        match self.operation {
            "PATCH /v1/apps/{app}" => {
                self.body = Some(json!({"name": "changed", "second_login": "reject"}));
            }
            "POST /v1/apps/{app}/api-keys" => self.body = Some(keys()),
            "DELETE /v1/apps/{app}/api-keys/{id}" | "POST /v1/apps/{app}/api-keys/{id}/rotate" => {
                self.about = self.ask(201, "POST", "/api-keys", Some(keys())).await?;
                self.path = self.path.replace("{id}", text(&self.about["id"])?);
            }
            "PATCH /v1/apps/{app}/keys/lines/{line}"
            | "DELETE /v1/apps/{app}/keys/lines/{line}" => {
                self.ask(201, "POST", "/keys", Some(json!({"line": "a"}))).await?;
                self.path = self.path.replace("{line}", "a");
                self.body = (self.method == "PATCH").then(|| json!({"bounds": {"rank_max": 9}}));
            }
            "POST /v1/apps/{app}/keys/{kid}/retire" => {
                self.ask(200, "POST", "/keys/rotate", None).await?;
                self.path = self.path.replace("{kid}", self.key.kid());
            }
            "POST /v1/apps/{app}/revocations" => self.body = Some(json!({"target": {"user": "u"}})),
            "DELETE /v1/apps/{app}/revocations/{generation}" => {
                let entry = json!({"target": {"user": "u"}});
                self.ask(201, "POST", "/revocations", Some(entry)).await?;
                self.path = self.path.replace("{generation}", "1");
            }
            "PUT /v1/apps/{app}/roles" => self.body = Some(json!({"roles": [{"role": "chef"}]})),
            "PUT /v1/apps/{app}/roles/{role}" => {
                self.body = Some(json!({"template": {"role": "chef"}}));
                self.path = self.path.replace("{role}", "chef");
            }
            "DELETE /v1/apps/{app}/roles/{role}" => {
                self.path = self.path.replace("{role}", "observer");
            }
            "POST /v1/apps/{app}/roles/versions/{version}/restore" => {
                let roles = json!({"roles": [{"role": "chef"}]});
                self.ask(200, "PUT", "/roles", Some(roles)).await?;
                self.path = self.path.replace("{version}", "0");
            }
            "POST /v1/apps/{app}/tokens" => {
                self.body = Some(json!({"room": "r", "user": "u", "role": "host"}));
            }
            "POST /v1/apps/{app}/tokens/verify" => {
                self.body = Some(json!({"token": self.token("u", "host", "t-u")?}));
            }
            _ => {}
        }
        Ok(())
    }

    async fn prepare_room(&mut self) -> Result<()> {
        let guest = json!({"template": {"role": "guest", "waits": true}});
        self.ask(200, "PUT", "/roles/guest", Some(guest)).await?;
        let (last, mut role) = (self.operation.rsplit('/').next().unwrap_or_default(), "host");
        match last {
            "admit" | "decline" => role = "guest",
            "role" => self.body = Some(json!({"role": "audience"})),
            "messages" => self.body = Some(json!({"to": "room", "data": 1})),
            _ => {}
        }
        if self.operation.ends_with("{room}/admit") {
            self.body = Some(json!({"all": true}));
        }
        for (user, role) in [("other", "host"), ("u", role)] {
            let mut member = Member::connect(self.root.to).await?;
            member.log_in(&self.token(user, role, user)?).await?;
            self.members.push(member);
        }
        if last == "unmute" {
            self.ask(200, "POST", "/rooms/r/members/u/mute", None).await?;
        }
        Ok(())
    }

    fn token(&self, user: &str, role: &str, jti: &str) -> Result<String> {
        let claims = Claims::builder(AppId(self.app), role.parse()?)
            .room("r")
            .user(user)
            .jti(jti)
            .lifetime(self.at_s, 600)
            .build();
        Ok(mint(&claims, &self.key)?)
    }

    async fn ask(
        &self,
        status: u16,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let path = format!("/v1/apps/{}{path}", self.app);
        self.root.get(status, method, &path, body.as_ref()).await
    }

    async fn see(&self, path: &str) -> Result<(u16, Value)> {
        let answer = self.root.ask("GET", &format!("/v1/apps/{}{path}", self.app), None).await?;
        Ok((answer.status, answer.body))
    }

    /// The code with which the door answers.
    async fn login(&self, token: &str) -> Result<String> {
        let mut member = Member::connect(self.root.to).await?;
        let answer = member.ask(json!({"op": "login", "token": token})).await?;
        Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
    }

    async fn opens(&self, user: &str, role: &str) -> Result<bool> {
        Ok(self.login(&self.token(user, role, &format!("t-{user}"))?).await? == "ok")
    }

    async fn records(&self) -> Result<usize> {
        let path = format!("/v1/audit?app={}&kind={}&code=ok&limit=200", self.app, self.kind);
        let page = self.root.get(200, "GET", &path, None).await?;
        Ok(page["items"].as_array().map_or(0, Vec::len))
    }

    /// Whether the audit trail has it.
    pub(crate) async fn is_recorded(&self) -> Result<bool> {
        Ok(self.records().await? > self.records_before)
    }

    /// Whether the API shows it.
    pub(crate) async fn is_stored(&mut self) -> Result<bool> {
        let keys = self.see("/keys").await?.1;
        let state = |kid: &str| {
            let keys = keys["items"].as_array();
            keys.and_then(|keys| keys.iter().find(|key| key["kid"] == kid))
                .map(|key| key["state"].clone())
        };
        Ok(match self.operation {
            "POST /v1/apps" => self.see("").await?.0 == 200,
            "PATCH /v1/apps/{app}" => self.see("").await?.1["name"] == "changed",
            "DELETE /v1/apps/{app}" => self.see("").await?.0 == 404,
            "POST /v1/apps/{app}/api-keys" => self.see("/api-keys").await?.1["items"] != json!([]),
            "DELETE /v1/apps/{app}/api-keys/{id}" => {
                self.see("/api-keys").await?.1["items"] == json!([])
            }
            "PATCH /v1/apps/{app}/keys/lines/{line}" => keys["items"][1]["bounds"] != json!({}),
            "DELETE /v1/apps/{app}/keys/lines/{line}" => keys["items"][1]["state"] == "retired",
            "POST /v1/apps/{app}/keys" => keys["items"][1]["state"] == "next",
            "POST /v1/apps/{app}/keys/rotate" => keys["items"][1]["state"] == "current",
            "POST /v1/apps/{app}/keys/{kid}/retire" => {
                state(self.key.kid()) == Some(json!("retired"))
            }
            "POST /v1/apps/{app}/revocations" => {
                self.see("/revocations").await?.1["items"] != json!([])
            }
            "DELETE /v1/apps/{app}/revocations/{generation}" => {
                self.see("/revocations").await?.1["items"] == json!([])
            }
            "PUT /v1/apps/{app}/roles" | "DELETE /v1/apps/{app}/roles/{role}" => {
                self.see("/roles").await?.1["version"] == 1
            }
            "PUT /v1/apps/{app}/roles/{role}" => self.see("/roles/chef").await?.0 == 200,
            "POST /v1/apps/{app}/roles/versions/{version}/restore" => {
                self.see("/roles").await?.1["version"] == 2
            }
            _ => self.is_enforced().await?,
        })
    }

    /// Whether the doors, or the room, show it.
    pub(crate) async fn is_enforced(&mut self) -> Result<bool> {
        Ok(match self.operation {
            "POST /v1/apps" => self.mints_what_opens().await?.is_some(),
            "PATCH /v1/apps/{app}" => {
                let mut first = Member::connect(self.root.to).await?;
                let seated =
                    first.ask(json!({"op": "login", "token": self.token("u", "host", "a")?}));
                let seated = seated.await?.get("ok").is_some();
                seated && self.login(&self.token("u", "host", "b")?).await? != "ok"
            }
            "POST /v1/apps/{app}/api-keys"
            | "PATCH /v1/apps/{app}/keys/lines/{line}"
            | "DELETE /v1/apps/{app}/keys/lines/{line}" => self.is_recorded().await?,
            "DELETE /v1/apps/{app}/api-keys/{id}" | "POST /v1/apps/{app}/api-keys/{id}/rotate" => {
                let credential = text(&self.about["api_key"])?.to_owned();
                let backend = Caller { credential, ..self.root.clone() };
                let path = format!("/v1/apps/{}/rooms", self.app);
                backend.ask("GET", &path, None).await?.status == 401
            }
            "POST /v1/apps/{app}/keys" => {
                let keys = self.see("/keys").await?.1;
                match keys["items"][1]["kid"].as_str() {
                    Some(kid) => self.door_knows(kid).await?,
                    None => false,
                }
            }
            "POST /v1/apps/{app}/keys/rotate" => {
                self.mints_what_opens().await?.is_some_and(|kid| kid != self.key.kid())
            }
            "DELETE /v1/apps/{app}"
            | "POST /v1/apps/{app}/keys/{kid}/retire"
            | "POST /v1/apps/{app}/revocations"
            | "PUT /v1/apps/{app}/roles" => !self.opens("u", "host").await?,
            "DELETE /v1/apps/{app}/revocations/{generation}"
            | "POST /v1/apps/{app}/roles/versions/{version}/restore" => {
                self.opens("u", "host").await?
            }
            "PUT /v1/apps/{app}/roles/{role}" => self.opens("u", "chef").await?,
            "DELETE /v1/apps/{app}/roles/{role}" => !self.opens("u", "observer").await?,
            _ => return self.is_done_in_room().await,
        })
    }

    async fn is_done_in_room(&mut self) -> Result<bool> {
        let (status, room) = self.see("/rooms/r").await?;
        let members = room["members"].as_array();
        let u = members.and_then(|all| all.iter().find(|seated| seated["member"]["user"] == "u"));
        let last = self.operation.rsplit('/').next().unwrap_or_default();
        Ok(match last {
            "{room}" => status == 404,
            "kick" | "decline" => u.is_none(),
            "admit" => u.is_some_and(|seated| seated["waiting"] != true),
            "role" => u.is_some_and(|seated| seated["member"]["role"] == "audience"),
            "mute" => !self.publishes().await?,
            "unmute" => self.publishes().await?,
            "messages" => {
                let other = self.members.first_mut().context("a member")?;
                other.ok(json!({"op": "members"})).await?;
                let heard = |heard: &stagedoor_tests::Heard| {
                    matches!(heard,
                    stagedoor_tests::Heard::Control(told) if told["ev"] == "message")
                };
                other.unheard().any(heard)
            }
            _ => bail!("{}: in no room", self.operation),
        })
    }

    async fn publishes(&mut self) -> Result<bool> {
        let member = self.members.last_mut().context("a member")?;
        let publish = json!({"op": "publish", "stream": "mic", "kind": "audio"});
        let done = member.ask(publish).await?.get("ok").is_some();
        if done {
            member.ok(json!({"op": "unpublish", "stream": "mic"})).await?;
        }
        Ok(done)
    }

    /// The key id of a token that the API mints now and the door accepts.
    async fn mints_what_opens(&self) -> Result<Option<String>> {
        let body = json!({"room": "r", "user": "u", "role": "host"});
        let path = format!("/v1/apps/{}/tokens", self.app);
        let minted = self.root.ask("POST", &path, Some(&body)).await?;
        let Some(token) = minted.body["token"].as_str() else { return Ok(None) };
        if self.login(token).await? != "ok" {
            return Ok(None);
        }
        let header = decode_secret(token.split('.').next().unwrap_or_default());
        let header: Value = serde_json::from_slice(&header)?;
        Ok(header["kid"].as_str().map(ToOwned::to_owned))
    }

    /// Whether the door knows a key with this id: it then reports a wrong signature as such.
    async fn door_knows(&self, kid: &str) -> Result<bool> {
        let key = Key::hs256(AppId(self.app), kid, &[9; 32], KeyState::Current)?;
        let claims = Claims::builder(AppId(self.app), "host".parse()?)
            .room("r")
            .user("u")
            .jti("j")
            .lifetime(now_s(), 600)
            .build();
        let question = json!({"token": mint(&claims, &key)?});
        let told = self.ask(200, "POST", "/tokens/verify", Some(question)).await?;
        Ok(told["code"] != "key_unknown")
    }
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("a text")
}
