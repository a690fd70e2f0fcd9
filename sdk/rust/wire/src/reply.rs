//! The relay's answers (`spec/wire.md` §Requests): `{"re":id,"ok":{…}}` or `{"re":id,"error":{…}}`. Each request has
//! exactly one. Answers are composed by the relay from all their fields, so the structs are not `#[non_exhaustive]`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    event::Asked,
    member::{Cursor, Member, StreamInfo, Subscribed},
};

/// The answer to one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply<T> {
    /// The request's `id`; `None` where it could not be read.
    pub re: Option<u64>,
    /// The result, or the refusal.
    #[serde(flatten)]
    pub outcome: Outcome<T>,
}

/// The outcome of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome<T> {
    /// The request was carried out.
    Ok(T),
    /// The request was refused.
    Error(Refusal),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable code, for programs (`spec/wire.md` §Error codes).
    pub code: Cow<'static, str>,
    /// The text, for people. It may change.
    pub message: String,
    /// The rule of the grants that refused, such as `publish.kinds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'static, str>>,
    /// The place in the claims of a refused token, such as `grants.publish.streams[1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Box<str>>,
    /// With `key_bounds_exceeded`: the bound of the key that the token exceeds, such as `rank_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Cow<'static, str>>,
    /// With `rate_limited`: when to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// With `version_conflict`: the key's version now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// With `proof_required`: the nonce that the proof must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Box<str>>,
    /// Of a refused login or renewal: its number, by which the app's backend finds the exact reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Box<str>>,
}

impl Refusal {
    /// A refusal with a code and a text, and nothing else.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            rule: None,
            field: None,
            bound: None,
            retry_ms: None,
            version: None,
            nonce: None,
            attempt: None,
        }
    }
}

/// The answer to `login`: the seat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggedIn<D> {
    /// The AppID.
    pub app: u32,
    /// The room's name.
    pub room: String,
    /// The member that logged in.
    #[serde(flatten)]
    pub me: Member,
    /// The effective grants, in the form of `spec/roles.md`.
    pub grants: D,
    /// When the token ends, Unix seconds.
    pub exp: u64,
    /// The relay's time, Unix seconds.
    pub now: u64,
    /// The relay pings a connection from which nothing came for this long, in milliseconds.
    pub ping_interval_ms: u64,
    /// The relay closes the connection when nothing comes for this long after the ping, in milliseconds.
    pub pong_timeout_ms: u64,
    /// The number of members in the room, without hidden ones.
    pub count: u32,
    /// The first page of the members that this one may see.
    pub members: Vec<Member>,
    /// The `after` of the next page of `members`; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The live streams that this member may subscribe to, as many as fit.
    pub streams: Vec<StreamInfo>,
    /// The room's state, as much as fits.
    pub state: Vec<StateEntry<D>>,
    /// Where the room's events continue.
    pub events: Cursor,
    /// Whether the events continue exactly at the cursor that the login named; `None` where it named none. If they do
    /// not, rely on the lists above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Whether the member waits for admission. Until then it may do nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting: bool,
    /// Requests of others that this member may decide about, as many as fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Asked>,
    /// Whether the rest of streams, state and requests follows in events, and `listed` after the last of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// With a token of `once`: the ticket that logs in next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The answer to `renew`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renewed<D> {
    /// The member's role now.
    pub role: String,
    /// The effective grants now, in the form of `spec/roles.md`.
    pub grants: D,
    /// When the new token ends, Unix seconds.
    pub exp: u64,
    /// The relay's time, Unix seconds.
    pub now: u64,
}

/// The answer to `invite`. `Debug` does not show the token.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invited {
    /// The guest's token.
    pub token: String,
    /// The guest's user id.
    pub user: String,
    /// The token's id.
    pub jti: String,
    /// When the token ends, Unix seconds.
    pub exp: u64,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited").field("jti", &self.jti).finish_non_exhaustive()
    }
}

/// One key of the room's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateEntry<D> {
    /// The key's name.
    pub key: String,
    /// The value of the key.
    pub value: D,
    /// The number of the change that set it, counted over all keys of the room.
    pub version: u64,
}

/// The answer to `publish`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The number that the stream's data frames carry.
    pub stream: u32,
    /// The epoch of the stream's log.
    pub epoch: u32,
}

/// The answer to `subscribe`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscribedTo {
    /// The streams that match now, as many as fit. The others, and those that begin later, come in `subscribed` events.
    pub streams: Vec<Subscribed>,
}

/// The answer to `set`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versioned {
    /// The key's new version.
    pub version: u64,
}

/// The answer to `ping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The relay's time, Unix milliseconds.
    pub now_ms: u64,
}

/// The answer to `members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MembersPage {
    /// The number of members in the room, without hidden ones.
    pub count: u32,
    /// At most `members_page_max` and `page_bytes_max`, by user id in byte order.
    pub members: Vec<Member>,
    /// The `after` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer to a `moderate` that admits `users` or `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// How many members were let in.
    pub admitted: u32,
    /// How many of those named, or with `all` of those that the member may admit, still wait.
    pub waiting: u32,
}

/// The answer to a request that has no result.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {}
