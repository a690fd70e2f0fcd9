//! What the relay answers (`spec/wire.md` §Requests): `{"re":id,"ok":{…}}` or `{"re":id,"error":{…}}`. Every
//! request has exactly one answer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    event::Asked,
    member::{Cursor, Member, StreamInfo, Subscribed},
};

/// The answer to the request `re`; `None` where the request's `id` could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply<T> {
    /// The request's `id`.
    pub re: Option<u64>,
    /// Done, or why not.
    #[serde(flatten)]
    pub outcome: Outcome<T>,
}

/// Done, or why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome<T> {
    /// Done.
    Ok(T),
    /// Not done.
    Error(Refusal),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Stable; for programs.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// The rule of the role or of the token that refused, such as `publish.kinds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'static, str>>,
    /// The claim of a token that was refused, or the place in it, such as `grants.publish.streams[1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Box<str>>,
    /// When to try again, with `rate_limited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// The key's version now, with `version_conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What the proof must contain, with `proof_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Box<str>>,
}

impl Refusal {
    /// A refusal that has a code and a text, no more.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            rule: None,
            field: None,
            retry_ms: None,
            version: None,
            nonce: None,
        }
    }
}

/// `ok` of `login`: the seat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggedIn<D> {
    /// The AppID.
    pub app: u32,
    /// The room.
    pub room: String,
    /// The member itself.
    #[serde(flatten)]
    pub me: Member,
    /// The effective grants, in the form of `spec/roles.md`.
    pub grants: D,
    /// When the token's life ends, Unix seconds.
    pub exp: u64,
    /// The server's time, Unix seconds.
    pub now: u64,
    /// The relay pings a connection from which nothing came for this long.
    pub ping_interval_ms: u64,
    /// And closes it when nothing comes for this long after that.
    pub pong_timeout_ms: u64,
    /// Members in the room, hidden ones aside.
    pub count: u32,
    /// The members that this one may see: the first page of them.
    pub members: Vec<Member>,
    /// Give it as `after` to `members` for the next page; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The live streams that this member may subscribe to, as many as fit.
    pub streams: Vec<StreamInfo>,
    /// The room's state, as much as fits.
    pub state: Vec<StateEntry<D>>,
    /// Where the room's events go on.
    pub events: Cursor,
    /// Only where the login named a cursor: whether the events go on exactly there. If not, the lists
    /// above are the whole truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// Whether the member waits for admission: until then it may do nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting: bool,
    /// What others ask for and this member may decide, as much as fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Asked>,
    /// Whether the rest of streams, state and asks follows in events, and `listed` after the last of them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// For a token of `once`: what logs in next time, in place of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// `ok` of `renew`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renewed<D> {
    /// The role now.
    pub role: String,
    /// The effective grants now, in the form of `spec/roles.md`.
    pub grants: D,
    /// When the new token's life ends, Unix seconds.
    pub exp: u64,
    /// The server's time, Unix seconds.
    pub now: u64,
}

/// `ok` of `invite`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invited {
    /// The guest's token.
    pub token: String,
    /// The guest's user id.
    pub user: String,
    /// The token's id.
    pub jti: String,
    /// When its life ends, Unix seconds.
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
    /// The key.
    pub key: String,
    /// The value.
    pub value: D,
    /// The number of the change that set it, counted over all keys of the room.
    pub version: u64,
}

/// `ok` of `publish`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The number that the stream's data frames carry.
    pub stream: u32,
    /// The log's epoch.
    pub epoch: u32,
}

/// `ok` of `subscribe`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscribedTo {
    /// The streams that match now, as many as fit; others and those to come are told by `subscribed` events.
    pub streams: Vec<Subscribed>,
}

/// `ok` of `set`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versioned {
    /// The key's new version.
    pub version: u64,
}

/// `ok` of `ping`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The relay's time, Unix milliseconds.
    pub now_ms: u64,
}

/// `ok` of `members`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MembersPage {
    /// Members in the room, hidden ones aside.
    pub count: u32,
    /// At most `members_page_max` and `page_bytes_max`, by user id in byte order.
    pub members: Vec<Member>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `ok` of `moderate` that admits `users`, or `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// How many were let in.
    pub admitted: u32,
    /// How many of those named, or of all whom the member may admit, still wait.
    pub waiting: u32,
}

/// `ok` of whatever has nothing to add.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {}
