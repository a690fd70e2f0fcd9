//! Events, which the relay sends unasked (`spec/wire.md` §Events).
//!
//! Events of the room have `n`, their number in the member's view of the room's log; a `login` resumes by it. Events
//! of this connection alone have none, and neither do those that complete the answer to its login.

use serde::{Deserialize, Serialize};

use crate::{
    close::Next,
    member::{Member, StreamInfo, Subscribed},
    name::{StateKey, StreamName, Topic},
    request::To,
};

/// One event. `D` is JSON that the application gave: raw text to pass on, or a parsed value to read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum Event<D> {
    /// Members entered the room.
    Joined {
        /// The event's number in the room's log.
        n: u64,
        /// The members; more may follow in a later batch.
        members: Vec<Member>,
        /// The number of members in the room now, without hidden ones.
        count: u32,
    },
    /// Members left the room.
    Left {
        /// The event's number in the room's log.
        n: u64,
        /// Their user ids; more may follow in a later batch.
        users: Vec<String>,
        /// The number of members in the room now, without hidden ones.
        count: u32,
    },
    /// A stream began that the member may subscribe to. Without `n`: the stream is live, and the answer to the login
    /// had no room for it.
    Published {
        /// The event's number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The stream.
        #[serde(flatten)]
        info: StreamInfo,
    },
    /// A stream ended that the member could subscribe to.
    Unpublished {
        /// The event's number in the room's log.
        n: u64,
        /// The stream's number.
        stream: u32,
        /// The stream's name.
        name: StreamName,
        /// Why it ended.
        reason: Ended,
    },
    /// A message: to the room or to the member's role (with `n`), or to the member alone (without).
    Message {
        /// The event's number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The sender; absent where the app's backend sent the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Member>,
        /// The receivers.
        to: To,
        /// What the message is about, for the application.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Topic>,
        /// The data, as it was sent.
        data: D,
        /// When the relay accepted it, Unix milliseconds.
        at_ms: u64,
    },
    /// A key of the room's state changed. Without `n`: the key has this value, and the answer to the login had no room
    /// for it.
    State {
        /// The event's number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The key.
        key: StateKey,
        /// The new value; `null` where the key was removed.
        value: D,
        /// The key's new version.
        version: u64,
        /// The user that changed it; absent where that member is hidden from this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Everything that the answer to the login had no room for has been sent.
    Listed {},
    /// Patterns of this member matched new streams, whose frames follow.
    Subscribed {
        /// The streams.
        streams: Vec<Subscribed>,
    },
    /// A stream that the member subscribes to has ended, and every frame that was due has been delivered.
    Ended {
        /// The stream's number.
        stream: u32,
        /// The stream's name.
        name: StreamName,
        /// How many frames the stream had in all.
        seq: u64,
        /// Why it ended.
        reason: Ended,
    },
    /// The member fell behind on a stream and lost frames.
    Lagged {
        /// The stream's number.
        stream: u32,
        /// How many frames were lost since the last one that came.
        lost: u64,
        /// The number of the next frame that comes.
        seq: u64,
    },
    /// Requests of this connection are refused because they are too many.
    Throttled {
        /// The `op` of the requests.
        op: String,
        /// When to try again, in milliseconds from now.
        retry_ms: u64,
    },
    /// A member has another role.
    RoleChanged {
        /// The event's number in the room's log.
        n: u64,
        /// The member's user id.
        user: String,
        /// The member's role now.
        role: String,
    },
    /// The grants of this member have changed.
    GrantsChanged {
        /// The member's role now.
        role: String,
        /// The effective grants, in the form of `spec/roles.md`.
        grants: D,
        /// Why they changed.
        why: Why,
        /// The member that changed them; absent where none did, or where it is hidden from this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A member asks for a role or waits for admission, and this member may decide about it.
    Asked {
        /// The member and what it asks for.
        #[serde(flatten)]
        ask: Asked,
    },
    /// A request for a role or for admission has ended. Sent to the member that asked and to those that may decide.
    AskEnded {
        /// The user that had asked.
        user: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// The token ends soon. Renew it to keep the seat.
    TokenExpiring {
        /// When the token ends, Unix seconds.
        exp: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The token has ended, and the seat continues for the grace that the token allows.
    TokenExpired {
        /// When the seat ends unless a new token comes, Unix seconds.
        until: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The token was revoked. A new one keeps the seat.
    TokenRevoked {
        /// When the seat ends unless a new token comes, Unix seconds.
        until: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The connection is about to be closed.
    Closing {
        /// The close code that comes.
        code: u16,
        /// Its reason.
        reason: String,
        /// What to do after the close.
        next: Next,
        /// How long until the close at most, in milliseconds.
        in_ms: u64,
    },
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its publisher ended it.
    Unpublished,
    /// Its publisher left the room.
    Left,
    /// The same user published a stream of this name again from a newer seat.
    Replaced,
    /// Its publisher may no longer publish it.
    Denied,
}

/// Why a member's grants changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A moderator or the API gave it a role of no lower rank.
    Promoted,
    /// A moderator or the API gave it a role of no higher rank.
    Demoted,
    /// A moderator or the API muted it.
    Muted,
    /// A mute was taken back.
    Unmuted,
    /// It waited for admission and was let in.
    Admitted,
    /// A privilege of its token has ended, or the token itself.
    Expired,
    /// Its token was revoked.
    Revoked,
    /// The app's roles were changed.
    Roles,
    /// It renewed its token.
    Renewed,
}

/// What a member asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The member that asks.
    #[serde(flatten)]
    pub member: Member,
    /// The role; absent: admission to the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
}

/// How a request for a role or for admission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A moderator accepted it.
    Accepted,
    /// A moderator declined it.
    Declined,
    /// The member took it back, or left.
    Withdrawn,
}
