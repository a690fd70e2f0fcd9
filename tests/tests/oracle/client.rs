//! A connection of the oracle: what it receives, in the model's terms, and whom it sees according to that.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Closed, Heard, Member};
use stagedoor_wire::frame::FrameHeader;
use tokio_tungstenite::tungstenite::Message;

use super::{law::Grants, readers::HeardOfReaders, regrant::grants_words};

/// A connection.
pub(crate) struct Client {
    socket: Member,
    next_id: u64,
    base: u64,
    /// What was received and is not accounted for.
    pub(crate) heard: Vec<String>,
    /// Whom it sees, according to what it received.
    pub(crate) sees: BTreeMap<String, String>,
    /// Users that were named before they were announced, with the message.
    pub(crate) strangers: Vec<(String, String)>,
    /// What it heard of the readers of its streams.
    pub(crate) readers: HeardOfReaders,
    /// The answer to its login, while it is incomplete.
    listing: Option<Value>,
    pub(crate) closed: Option<Closed>,
}

/// Members as a list of the wire has them.
pub(crate) fn members(list: &Value) -> BTreeMap<String, String> {
    let members = list.as_array().into_iter().flatten();
    members.map(|member| (text(member, "user"), text(member, "role"))).collect()
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or("nobody").into()
}

/// A claim of a token; `null` without it.
pub(crate) fn claim(token: &str, name: &str) -> Value {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    claims.map_or(Value::Null, |mut claims| claims[name].take())
}

/// A stream as on the wire.
pub(crate) fn stream(value: &Value) -> String {
    let words = ["name", "user", "role", "kind"].map(|field| text(value, field));
    format!("{} {}", value["stream"], words.join(" "))
}

pub(crate) fn subscribed(value: &Value) -> String {
    format!("subscribed {} from {}", stream(value), value["seq"])
}

pub(crate) fn asked(value: &Value) -> String {
    format!("asked {} {}", text(value, "user"), value["wants"].as_str().unwrap_or("admission"))
}

/// Effective grants as received: every field must be present.
pub(crate) fn grants(value: &Value) -> Result<String> {
    let grants: Grants = serde_json::from_value(value.clone()).context("grants")?;
    let told = serde_json::to_value(&grants)?;
    let fields = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect());
    let (told, there): (Option<Vec<String>>, _) = (fields(&told), fields(value));
    ensure!(told == there, "fields of the grants: {there:?}");
    Ok(grants_words(&grants))
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr, base: u64) -> Result<Self> {
        let socket = Member::connect(to).await?;
        let (heard, sees, strangers, readers, listing) = Default::default();
        let (next_id, closed) = (1, None);
        Ok(Self { socket, next_id, base, heard, sees, strangers, readers, listing, closed })
    }

    async fn say(&mut self, message: Message) {
        // A client that is closed hears that instead of an answer.
        let _ = self.socket.say(message).await;
    }

    /// Sends a request; its id.
    pub(crate) async fn request(&mut self, mut request: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = id.into();
        self.say(Message::text(request.to_string())).await;
        id
    }

    /// Sends a data frame.
    pub(crate) async fn frame(&mut self, stream: u32, keyframe: bool, payload: &str) {
        let mut bytes = FrameHeader { keyframe, stream }.to_bytes().to_vec();
        bytes.extend_from_slice(payload.as_bytes());
        self.say(Message::binary(bytes)).await;
    }

    /// The answer to a request; `None` if the connection closes before.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Option<Value>> {
        loop {
            match self.hear().await? {
                Some(answer) if answer["re"] == id => return Ok(Some(answer)),
                Some(other) => bail!("an answer to nothing that was asked: {other}"),
                None if self.closed.is_some() => return Ok(None),
                None => {}
            }
        }
    }

    pub(crate) async fn ask(&mut self, request: Value) -> Result<Option<Value>> {
        let id = self.request(request).await;
        self.answer(id).await
    }

    /// Logs in; returns the answer with the rest of long lists, unless the connection closes before.
    pub(crate) async fn log_in(&mut self, login: Value) -> Result<Option<Value>> {
        let Some(mut answer) = self.ask(login).await? else { return Ok(None) };
        let ok = &answer["ok"];
        let (more, after) = (ok["more"] == true, ok["next"].clone());
        if more {
            self.listing = Some(ok.clone());
            while self.listing.as_ref().is_some_and(|listing| listing["more"] == true) {
                ensure!(self.hear().await?.is_none(), "an answer to nothing that was asked");
                if self.closed.is_some() {
                    return Ok(Some(answer));
                }
            }
            answer["ok"] = self.listing.take().unwrap_or_default();
        }
        if !after.is_null() {
            let Some(rest) = self.members_after(after).await? else { return Ok(Some(answer)) };
            let members = answer["ok"]["members"].as_array_mut().context("members")?;
            members.extend(rest["members"].as_array().cloned().unwrap_or_default());
        }
        Ok(Some(answer))
    }

    /// Whom it sees, with the count: all pages.
    pub(crate) async fn members(&mut self) -> Result<Option<Value>> {
        self.members_after(Value::Null).await
    }

    async fn members_after(&mut self, mut after: Value) -> Result<Option<Value>> {
        let mut all = Vec::new();
        loop {
            let request = match after.is_null() {
                true => json!({"op": "members"}),
                false => json!({"op": "members", "after": after}),
            };
            let Some(answer) = self.ask(request).await? else { return Ok(None) };
            let page = &answer["ok"];
            all.extend(page["members"].as_array().cloned().unwrap_or_default());
            after = page["next"].clone();
            if after.is_null() {
                return Ok(Some(json!({"members": all, "count": page["count"]})));
            }
        }
    }

    /// Everything due has been received when this returns: whatever the first answer overtook precedes the second.
    pub(crate) async fn fence(&mut self) -> Result<Option<Value>> {
        self.members().await?;
        self.members().await
    }

    /// Receives for this long; returns whether anything arrived.
    pub(crate) async fn hear_within(&mut self, patience: Duration) -> Result<bool> {
        match tokio::time::timeout(patience, self.hear()).await {
            Err(_) => Ok(false),
            Ok(heard) => match heard? {
                Some(answer) => bail!("an answer to nothing that was asked: {answer}"),
                None => Ok(true),
            },
        }
    }

    /// Receives one thing; returns it if it is an answer.
    async fn hear(&mut self) -> Result<Option<Value>> {
        match self.socket.hear().await? {
            None => self.closed = Some(self.socket.closed().await?),
            Some(Heard::Frame(number, _, payload)) => {
                self.heard.push(format!("frame {number} {}", String::from_utf8_lossy(&payload)));
            }
            Some(Heard::Control(value)) if value.get("re").is_some() => {
                // That of a login comes with its members.
                if value["ok"].get("members").is_none() {
                    self.meet(&value["ok"]);
                }
                return Ok(Some(value));
            }
            Some(Heard::Control(value)) => {
                if value["ev"] != "joined" && value["ev"] != "left" {
                    self.meet(&value);
                }
                self.event(&value)?;
            }
        }
        Ok(None)
    }

    /// Notes whom a message names.
    fn meet(&mut self, said: &Value) {
        let streams = said["streams"].as_array().into_iter().flatten();
        let named = streams.map(|stream| &stream["user"]);
        let named = named.chain([&said["user"], &said["from"]["user"], &said["by"]]);
        for user in named.filter_map(Value::as_str) {
            if !self.sees.contains_key(user) {
                self.strangers.push((user.into(), said.to_string()));
            }
        }
    }

    /// Takes what completes the answer to its login.
    fn list(&mut self, event: &Value) -> bool {
        let Some(listing) = &mut self.listing else { return false };
        let field = match event["ev"].as_str() {
            Some("listed") => {
                listing["more"] = false.into();
                return true;
            }
            Some("published") => "streams",
            Some("state") => "state",
            Some("asked") => "asks",
            _ => return false,
        };
        if listing[field].is_null() {
            listing[field] = json!([]);
        }
        let list = listing[field].as_array_mut().filter(|_| event.get("n").is_none());
        list.map(|list| list.push(event.clone())).is_some()
    }

    fn event(&mut self, event: &Value) -> Result<()> {
        if self.list(event) {
            return Ok(());
        }
        let word = |field: &str| text(event, field);
        let told = match &*word("ev") {
            "joined" => {
                self.sees.extend(members(&event["members"]));
                return Ok(());
            }
            "left" => {
                for user in event["users"].as_array().into_iter().flatten() {
                    self.sees.remove(user.as_str().unwrap_or_default());
                }
                return Ok(());
            }
            "role_changed" => {
                // If it does not see the user, this causes a difference that is found.
                self.sees.insert(word("user"), word("role"));
                return Ok(());
            }
            "subscribed" => {
                let streams = event["streams"].as_array().into_iter().flatten();
                self.heard.extend(streams.map(subscribed));
                return Ok(());
            }
            "watched" | "keyframe_wanted" => {
                self.heard.extend(self.readers.event(event)?);
                return Ok(());
            }
            "published" => format!("published {}", stream(event)),
            "unpublished" => {
                format!("unpublished {} {} {}", event["stream"], word("name"), word("reason"))
            }
            "ended" => {
                let (name, reason) = (word("name"), word("reason"));
                format!("ended {} {name} {reason} {}", event["stream"], event["seq"])
            }
            "message" => {
                let from = match event.get("from") {
                    Some(from) => format!("{} as {}", text(from, "user"), text(from, "role")),
                    None => "the app".into(),
                };
                format!("message from {from} {}", word("data"))
            }
            "state" => {
                let (key, by) = (word("key"), word("by"));
                format!("state {key} {} {} by {by}", event["value"], event["version"])
            }
            "grants_changed" => {
                let words = grants(&event["grants"])?;
                format!("grants_changed {} by {}: {words}", word("why"), word("by"))
            }
            "listed" => "listed".into(),
            "asked" => asked(event),
            "ask_ended" => format!("ask_ended {} {}", word("user"), word("outcome")),
            "token_expired" => {
                let until = event["until"].as_u64().unwrap_or(0) as i64 - self.base as i64;
                format!("token_expired {until}")
            }
            "token_revoked" => "token_revoked".into(),
            _ => event.to_string(),
        };
        self.heard.push(told);
        Ok(())
    }
}
