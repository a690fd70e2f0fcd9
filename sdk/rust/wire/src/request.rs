//! The requests of a member (`spec/wire.md` §Requests): one JSON object in one text message, with `op` and `id`. The
//! answer is a [`reply`](crate::reply). Form and bounds are checked here, never rights.

mod act;
mod fields;
mod from;
mod ops;
mod parse;
mod refused;
mod to;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
pub use stagedoor_grants::Verb;

pub use self::{act::Act, fields::LIST_ITEMS_MAX, from::From, refused::Refused, to::To};
use self::{
    fields::{is_false, or_default},
    ops::ops,
};
use crate::{
    member::{Cursor, Delivery, Kind},
    name::{StateKey, StreamName, Topic},
};

ops! {
    /// The first message of a connection that brought no token in its handshake.
    Login = "login";
    /// Continue on the same seat with a new token.
    Renew = "renew";
    /// Begin a stream; the answer holds its number.
    Publish = "publish";
    /// End one of the member's own streams.
    Unpublish = "unpublish";
    /// Receive streams, those that are live now and those that begin later.
    Subscribe = "subscribe";
    /// Take patterns back.
    Unsubscribe = "unsubscribe";
    /// Message the room, a role or a user.
    Send = "send";
    /// Change the room's state.
    Set = "set";
    /// Act on a member of lower rank, or on the room.
    Moderate = "moderate";
    /// Ask for a role.
    Ask = "ask";
    /// Take an `ask` back.
    Unask = "unask";
    /// Obtain a token for a guest, with a weaker role.
    Invite = "invite";
    /// List the members that this one may see, page by page.
    Members = "members";
    /// Ask for the time; answered after everything that the member sent before.
    Ping = "ping";
    /// Ask a stream's publisher for a keyframe.
    Keyframe = "keyframe";
    /// Leave the room; the relay closes with `left`.
    Leave = "leave";
}

/// `login`: take the seat that the token grants.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The constant `op`.
    pub op: op::Login,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The token that the backend minted. Exactly one of `token` and `ticket` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The ticket from the answer to an earlier login with a token of `once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The proof that the member holds the key to which the token is bound (`spec/wire.md` §Stolen tokens).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// The app that the member expects; another one in the token is `room_mismatch`. Needed only for a Token04, which does
    /// not name its app in clear, where many apps take such tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<u32>,
    /// The room that the member expects; another one in the token is `room_mismatch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The user that the member expects; another one in the token is `user_mismatch`.
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

/// `renew`: continue with a new token for the same app, room and user.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// The constant `op`.
    pub op: op::Renew,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The new token.
    pub token: String,
    /// The proof that the member holds the key to which the token is bound (`spec/wire.md` §Stolen tokens).
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
    /// The constant `op`.
    pub op: op::Publish,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The stream's name, unique among the room's live streams.
    pub stream: StreamName,
    /// What the stream carries.
    pub kind: Kind,
    /// What the relay does with a subscriber that falls behind; absent: [`Delivery::of`] the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Anything that subscribers should know, at most `stream_meta_bytes_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// How long a frame is kept for subscribers that are behind, in milliseconds, at most `stream_log_age_ms_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
    /// For `reliable`: a late subscriber starts at the oldest kept frame, not at the present.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub history: bool,
    /// For `media`: how far behind a subscriber may be, in milliseconds, at most `media_behind_ms_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<u64>,
}

/// `subscribe`: receive streams.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The constant `op`.
    pub op: op::Subscribe,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// Names of streams, or prefixes followed by one `*`; at most [`LIST_ITEMS_MAX`].
    #[serde(deserialize_with = "fields::list")]
    pub streams: Vec<String>,
    /// Where the member stopped reading streams on an earlier connection.
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
    /// The constant `op`.
    pub op: op::Send,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The receivers.
    pub to: To,
    /// What the message is about, for the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// Any JSON, passed on unchanged, at most `message_bytes_max`.
    pub data: Box<RawValue>,
}

/// `set`: change a key of the room's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// The constant `op`.
    pub op: op::Set,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The key of the room's state.
    pub key: StateKey,
    /// Any JSON; `null` removes the key. At most `state_value_bytes_max`.
    pub value: Box<RawValue>,
    /// Compare and set: change the key only if it has this version; 0: only if there is no such key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
}

/// `moderate`: act on a member or on the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moderate {
    /// The constant `op`.
    pub op: op::Moderate,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The act.
    pub verb: Act,
    /// The user to act on; absent for `close`, and where `users` or `all` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The users that `admit` lets in, at most [`LIST_ITEMS_MAX`].
    #[serde(
        default,
        deserialize_with = "fields::optional_list",
        skip_serializing_if = "Option::is_none"
    )]
    pub users: Option<Vec<String>>,
    /// Whether `admit` lets in every waiting member.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub all: bool,
    /// The role that `promote` and `demote` give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The kinds of streams that `mute` and `unmute` concern; absent: every kind.
    #[serde(
        default,
        deserialize_with = "fields::optional_list",
        skip_serializing_if = "Option::is_none"
    )]
    pub kinds: Option<Vec<Kind>>,
    /// How long a `ban` lasts, in seconds; absent: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// `ask`: ask for a role. A second `ask` replaces the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The constant `op`.
    pub op: op::Ask,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The role that the member asks for.
    pub role: String,
}

/// `unask`: take an `ask` back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unask {
    /// The constant `op`.
    pub op: op::Unask,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
}

/// `invite`: obtain a token for a guest, with a role of lower rank and no longer life than the member's own token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// The constant `op`.
    pub op: op::Invite,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The guest's role.
    pub role: String,
    /// How long the guest's token is good, in seconds; shortened to what is left of the member's own.
    pub ttl_s: u64,
    /// The guest's name as others see it, at most 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the token logs in only once.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub once: bool,
}

/// `unpublish`: end one of the member's own streams.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpublish {
    /// The constant `op`.
    pub op: op::Unpublish,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The stream's name.
    pub stream: StreamName,
}

/// `unsubscribe`: take patterns back. Streams that no other pattern of the member matches end for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The constant `op`.
    pub op: op::Unsubscribe,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The patterns as they were given to `subscribe`, at most [`LIST_ITEMS_MAX`].
    #[serde(deserialize_with = "fields::list")]
    pub streams: Vec<String>,
}

/// `members`: list the members of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// The constant `op`.
    pub op: op::Members,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// Only users after this id, in byte order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// `ping`: ask for the relay's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// The constant `op`.
    pub op: op::Ping,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
}

/// `keyframe`: ask the publisher of a `media` stream that the member reads for a keyframe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyframe {
    /// The constant `op`.
    pub op: op::Keyframe,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
    /// The stream's number.
    pub stream: u32,
}

/// `leave`: leave the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// The constant `op`.
    pub op: op::Leave,
    /// Chosen by the member; the answer has the same.
    pub id: u64,
}

#[cfg(test)]
mod tests;
