//! What a member asks (`spec/wire.md` §Requests): one JSON object in one text message, with `op` and
//! `id`. The answer is a [`reply`](crate::reply). Parses and bounds; never decides.

mod act;
mod fields;
mod from;
mod parse;
mod refused;
mod to;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
pub use stagedoor_grants::Verb;

use self::fields::{is_false, or_default};
pub use self::{act::Act, fields::LIST_ITEMS_MAX, from::From, refused::Refused, to::To};
use crate::{
    member::{Cursor, Delivery, Kind},
    name::{StateKey, StreamName, Topic},
};

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $op:literal;)*) => {
        /// One request. Unknown operations, unknown fields and fields given twice are refused.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        const OPS: &[&str] = &[$($op,)*];

        impl Request {
            fn parse_op(op: &str, text: &str) -> Result<Option<Self>, serde_json::Error> {
                match op {
                    $($op => serde_json::from_str(text).map(|request| Some(Self::$name(request))),)*
                    _ => Ok(None),
                }
            }

            /// The `id` that the answer carries.
            pub fn id(&self) -> u64 {
                match self { $(Self::$name(request) => request.id,)* }
            }

            /// Sets the `id`.
            pub fn set_id(&mut self, id: u64) {
                match self { $(Self::$name(request) => request.id = id,)* }
            }

            /// The `op`, for logs and metrics.
            pub fn op(&self) -> &'static str {
                match self { $(Self::$name(_) => $op,)* }
            }
        }

        /// The `op` of each request, as a type of its own: written always, read only as itself.
        pub mod op {
            $(
                #[doc = concat!("`", $op, "`")]
                #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
                pub struct $name;

                impl serde::Serialize for $name {
                    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                        s.serialize_str($op)
                    }
                }

                impl<'de> serde::Deserialize<'de> for $name {
                    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                        let op = std::borrow::Cow::<'de, str>::deserialize(d)?;
                        if op == $op { Ok(Self) } else { Err(serde::de::Error::custom("another op")) }
                    }
                }
            )*
        }
    };
}

ops! {
    /// The first message of a connection that brought no token in its handshake.
    Login = "login";
    /// Go on with a new token, on the same seat.
    Renew = "renew";
    /// Begin a stream; the answer holds its number.
    Publish = "publish";
    /// End one of the member's own streams.
    Unpublish = "unpublish";
    /// Receive streams, those that live now and those to come.
    Subscribe = "subscribe";
    /// Take patterns back.
    Unsubscribe = "unsubscribe";
    /// Message the room, a role or a user.
    Send = "send";
    /// Change the room's state.
    Set = "set";
    /// Act on a member of lower rank, or on the room.
    Moderate = "moderate";
    /// Ask to be given a role.
    Ask = "ask";
    /// Take that back.
    Unask = "unask";
    /// A token for somebody else, for a weaker role.
    Invite = "invite";
    /// Who is in the room, as far as the member may see, a page at a time.
    Members = "members";
    /// What time it is, answered after everything that the member sent before.
    Ping = "ping";
    /// Leave the room; the relay closes with `left`.
    Leave = "leave";
}

/// `login`: take the seat that the token grants.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Which request this is.
    pub op: op::Login,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The token, as the backend gave it; this or `ticket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What an earlier login with a token of `once` was given, in place of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The proof that the member holds the key to which the token is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// If given, must be the token's room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// If given, must be the token's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where the member stopped reading the room's events on an earlier connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Cursor>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("id", &self.id)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// `renew`: go on with a new token of the same app, room and user.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// Which request this is.
    pub op: op::Renew,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The new token.
    pub token: String,
    /// The proof that the member holds the key to which the token is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

impl std::fmt::Debug for Renew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renew").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `publish`: begin a stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Which request this is.
    pub op: op::Publish,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The name, unique among the room's live streams.
    pub stream: StreamName,
    /// What it carries.
    pub kind: Kind,
    /// What happens to a subscriber that falls behind; by default what suits the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Shown to subscribers; at most `stream_meta_bytes_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// How long a frame is kept for those behind, in milliseconds; at most `stream_log_age_ms_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
    /// For `reliable`: a late subscriber starts at the oldest kept frame, not at now.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub history: bool,
}

/// `subscribe`: receive streams.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Which request this is.
    pub op: op::Subscribe,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// Stream names, or prefixes followed by one `*`.
    #[serde(deserialize_with = "fields::list")]
    pub streams: Vec<String>,
    /// Where the member stopped reading on an earlier connection.
    #[serde(
        default,
        deserialize_with = "fields::list_or_none",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub from: Vec<From>,
}

/// `send`: message the room, a role or a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Which request this is.
    pub op: op::Send,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The receivers.
    pub to: To,
    /// What it is about, for the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// Any JSON, passed on as it stands; at most `message_bytes_max`.
    pub data: Box<RawValue>,
}

/// `set`: change a key of the room's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Which request this is.
    pub op: op::Set,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The key.
    pub key: StateKey,
    /// Any JSON; `null` removes the key. At most `state_value_bytes_max`.
    pub value: Box<RawValue>,
    /// Compare and set: only if the key is at this version. 0: only if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `moderate`: act on a member or on the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moderate {
    /// Which request this is.
    pub op: op::Moderate,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The act.
    pub verb: Act,
    /// On whom; not given where the act is on the room, or on `users` or `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Those whom `admit` lets in.
    #[serde(
        default,
        deserialize_with = "fields::optional_list",
        skip_serializing_if = "Option::is_none"
    )]
    pub users: Option<Vec<String>>,
    /// `admit` lets everybody in who waits.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub all: bool,
    /// The role that `promote` and `demote` give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What `mute` and `unmute` are about; absent: every kind.
    #[serde(
        default,
        deserialize_with = "fields::optional_list",
        skip_serializing_if = "Option::is_none"
    )]
    pub kinds: Option<Vec<Kind>>,
    /// How long a `ban` is, in seconds; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// `ask`: ask to be given a role. A second `ask` takes the place of the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Which request this is.
    pub op: op::Ask,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The role.
    pub role: String,
}

/// `unask`: take an `ask` back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unask {
    /// Which request this is.
    pub op: op::Unask,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
}

/// `invite`: a token for a guest, of a lower rank and no longer life than the member's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Which request this is.
    pub op: op::Invite,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The guest's role.
    pub role: String,
    /// How long the token is good, in seconds; cut to what is left of the member's own.
    pub ttl_s: u64,
    /// Shown to others as the guest's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the token logs in once.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub once: bool,
}

/// `unpublish`: end a stream of the member's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpublish {
    /// Which request this is.
    pub op: op::Unpublish,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The stream's name.
    pub stream: StreamName,
}

/// `unsubscribe`: take patterns back; streams that no other pattern of the member matches end for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Which request this is.
    pub op: op::Unsubscribe,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// The patterns as they were given to `subscribe`.
    #[serde(deserialize_with = "fields::list")]
    pub streams: Vec<String>,
}

/// `members`: who is in the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// Which request this is.
    pub op: op::Members,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
    /// Only users after this one, in byte order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// `ping`: whether the relay still hears, and what time it is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Which request this is.
    pub op: op::Ping,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
}

/// `leave`: leave the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Which request this is.
    pub op: op::Leave,
    /// Chosen by the member; the answer carries it.
    pub id: u64,
}

#[cfg(test)]
mod tests;
