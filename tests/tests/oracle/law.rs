//! `spec/roles.md` again, in the fewest lines that express it: patterns, grants, narrowing, actions. The first file of
//! the oracle's model. Uses nothing of the product.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) type Texts = BTreeSet<String>;

/// §Template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grants {
    pub(crate) role: String,
    pub(crate) rank: u16,
    pub(crate) publish: Publish,
    pub(crate) subscribe: Subscribe,
    pub(crate) send: Send,
    pub(crate) set: Texts,
    pub(crate) moderate: Texts,
    pub(crate) presence: Presence,
    pub(crate) ask: Texts,
    pub(crate) invite: Texts,
    pub(crate) waits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) second_login: Option<Value>,
    pub(crate) caps: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Publish {
    pub(crate) streams: Texts,
    pub(crate) kinds: Texts,
    pub(crate) streams_max: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subscribe {
    pub(crate) streams: Texts,
    pub(crate) from: Texts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Send {
    pub(crate) room: bool,
    pub(crate) roles: Texts,
    pub(crate) users: Texts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Presence {
    pub(crate) sees: Texts,
    pub(crate) seen_by: Texts,
}

/// §Patterns: whether a pattern matches a name.
pub(crate) fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

/// Whether a list matches a name.
pub(crate) fn matches(patterns: &Texts, name: &str) -> bool {
    patterns.iter().any(|pattern| stands_for(pattern, name))
}

/// Whether everything that `inner` matches is matched by one of `outer`.
fn within(inner: &str, outer: &Texts) -> bool {
    match inner.strip_suffix('*') {
        Some(prefix) => outer.iter().any(|outer| {
            outer.strip_suffix('*').is_some_and(|allowed| prefix.starts_with(allowed))
        }),
        None => matches(outer, inner),
    }
}

/// Whether both match some name.
fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
        _ => stands_for(one, other) || stands_for(other, one),
    }
}

/// The order of second logins in §Narrowing.
pub(crate) fn width(second_login: &Value) -> u64 {
    match second_login.as_str() {
        Some("reject") => 0,
        Some(_) => 1,
        None => second_login["allow"].as_u64().unwrap_or(0),
    }
}

fn texts(value: &Value) -> Texts {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(Into::into).collect()
}

impl Grants {
    /// §Narrowing: the first rule, in the template's order, by which it exceeds the role.
    pub(crate) fn beyond(&self, by: &Value) -> Option<&'static str> {
        let list = |mine: &Texts, given: &Value| texts(given).iter().any(|one| !within(one, mine));
        let cap = |name: &str| {
            let held = self.caps.get(name).copied().map(u64::from);
            held.zip(by["caps"][name].as_u64()).is_some_and(|(held, given)| given > held)
        };
        let Self { publish, subscribe, send, presence, .. } = self;
        let second = &by["second_login"];
        let most = by["publish"]["streams_max"].as_u64().unwrap_or(0);
        [
            (list(&publish.streams, &by["publish"]["streams"]), "publish.streams"),
            (list(&publish.kinds, &by["publish"]["kinds"]), "publish.kinds"),
            (most > u64::from(publish.streams_max), "publish.streams_max"),
            (list(&subscribe.streams, &by["subscribe"]["streams"]), "subscribe.streams"),
            (list(&subscribe.from, &by["subscribe"]["from"]), "subscribe.from"),
            (by["send"]["room"] == true && !send.room, "send.room"),
            (list(&send.roles, &by["send"]["roles"]), "send.roles"),
            (list(&send.users, &by["send"]["users"]), "send.users"),
            (list(&self.set, &by["set"]), "set"),
            (list(&self.moderate, &by["moderate"]), "moderate"),
            (list(&presence.sees, &by["presence"]["sees"]), "presence.sees"),
            (list(&presence.seen_by, &by["presence"]["seen_by"]), "presence.seen_by"),
            (list(&self.ask, &by["ask"]), "ask"),
            (list(&self.invite, &by["invite"]), "invite"),
            (by["waits"] == false && self.waits, "waits"),
            (
                !second.is_null() && width(second) > self.second_login.as_ref().map_or(0, width),
                "second_login",
            ),
            (cap("messages_per_s"), "caps.messages_per_s"),
            (cap("bytes_per_s"), "caps.bytes_per_s"),
            (cap("frame_bytes_max"), "caps.frame_bytes_max"),
        ]
        .into_iter()
        .find_map(|(beyond, rule)| beyond.then_some(rule))
    }

    /// §Narrowing; `None` if it exceeds the role.
    pub(crate) fn narrowed(&self, by: &Value) -> Option<Self> {
        if self.beyond(by).is_some() {
            return None;
        }
        let mut out = self.clone();
        let list = |mine: &mut Texts, given: &Value| {
            if !given.is_null() {
                *mine = texts(given);
            }
        };
        list(&mut out.publish.streams, &by["publish"]["streams"]);
        list(&mut out.publish.kinds, &by["publish"]["kinds"]);
        list(&mut out.subscribe.streams, &by["subscribe"]["streams"]);
        list(&mut out.subscribe.from, &by["subscribe"]["from"]);
        list(&mut out.send.roles, &by["send"]["roles"]);
        list(&mut out.send.users, &by["send"]["users"]);
        list(&mut out.set, &by["set"]);
        list(&mut out.moderate, &by["moderate"]);
        list(&mut out.presence.sees, &by["presence"]["sees"]);
        list(&mut out.presence.seen_by, &by["presence"]["seen_by"]);
        list(&mut out.ask, &by["ask"]);
        list(&mut out.invite, &by["invite"]);
        if let Some(most) = by["publish"]["streams_max"].as_u64() {
            out.publish.streams_max = most as u32;
        }
        if let Some(room) = by["send"]["room"].as_bool() {
            out.send.room = room;
        }
        if let Some(waits) = by["waits"].as_bool() {
            out.waits = waits;
        }
        let second = &by["second_login"];
        if !second.is_null() {
            out.second_login = Some(second.clone());
        }
        for (cap, given) in by["caps"].as_object().into_iter().flatten() {
            out.caps.insert(cap.clone(), given.as_u64().unwrap_or(0) as u32);
        }
        Some(out)
    }

    /// Role and rank with no permissions: a waiting member.
    pub(crate) fn waiting(&self) -> Self {
        Self {
            role: self.role.clone(),
            rank: self.rank,
            waits: self.waits,
            second_login: self.second_login.clone(),
            caps: self.caps.clone(),
            ..Self::default()
        }
    }

    /// §Actions: the rule that refuses.
    pub(crate) fn publish(&self, name: &str, kind: &str, live: usize) -> Result<(), &'static str> {
        rules(&[
            (matches(&self.publish.streams, name), "publish.streams"),
            (self.publish.kinds.contains(kind), "publish.kinds"),
            (live < self.publish.streams_max as usize, "publish.streams_max"),
        ])
    }

    pub(crate) fn subscribe(&self, name: &str, publisher_role: &str) -> Result<(), &'static str> {
        rules(&[
            (matches(&self.subscribe.streams, name), "subscribe.streams"),
            (matches(&self.subscribe.from, publisher_role), "subscribe.from"),
        ])
    }

    /// Whether a future stream could be subscribed to with a pattern.
    pub(crate) fn could_subscribe(&self, pattern: &str) -> Result<(), &'static str> {
        rules(&[
            (
                self.subscribe.streams.iter().any(|allowed| overlap(pattern, allowed)),
                "subscribe.streams",
            ),
            (!self.subscribe.from.is_empty(), "subscribe.from"),
        ])
    }

    pub(crate) fn moderate(&self, verb: &str, target_rank: u16) -> Result<(), &'static str> {
        rules(&[(self.moderate.contains(verb), "moderate"), (target_rank < self.rank, "rank")])
    }

    /// Whether it may change a member's role from rank `from` to rank `to`.
    pub(crate) fn give(&self, verb: &str, from: u16, to: u16) -> Result<(), &'static str> {
        self.moderate(verb, from)?;
        let direction = if verb == "promote" { to >= from } else { to <= from };
        rules(&[(to < self.rank, "rank"), (direction, "moderate.direction")])
    }

    pub(crate) fn invite(&self, role: &str, rank: u16) -> Result<(), &'static str> {
        rules(&[(matches(&self.invite, role), "invite"), (rank < self.rank, "invite.rank")])
    }

    pub(crate) fn sees(&self, member: &Self) -> bool {
        matches(&self.presence.sees, &member.role) && matches(&member.presence.seen_by, &self.role)
    }
}

/// The first that does not hold.
fn rules(rules: &[(bool, &'static str)]) -> Result<(), &'static str> {
    rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
}
