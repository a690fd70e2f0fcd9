//! What the relay says unasked (`spec/wire.md` §Events).
//!
//! Events of the room carry `n`, their number in the member's view of the room's log: the cursor that
//! `login` takes as `resume`. Events of this connection alone carry none, and neither do those that complete the
//! answer to its login.

use serde::{Deserialize, Serialize};

use crate::{
    close::Next,
    member::{Member, StreamInfo, Subscribed},
    name::{StateKey, StreamName, Topic},
    request::To,
};

/// One event. `D` is any JSON as the application gave it: raw text for who passes it on, a parsed value
/// for who reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ev", rename_all = "snake_case")]
pub enum Event<D> {
    /// Members came.
    Joined {
        /// Number in the room's log.
        n: u64,
        /// Who; more may follow in a later batch.
        members: Vec<Member>,
        /// Members in the room now, hidden ones aside.
        count: u32,
    },
    /// Members left.
    Left {
        /// Number in the room's log.
        n: u64,
        /// Their user ids; more may follow in a later batch.
        users: Vec<String>,
        /// Members in the room now, hidden ones aside.
        count: u32,
    },
    /// A stream began that the member may subscribe to. Without `n`: it lives, and the answer to the login had
    /// no room for it.
    Published {
        /// Number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The stream.
        #[serde(flatten)]
        info: StreamInfo,
    },
    /// A stream ended that the member could subscribe to.
    Unpublished {
        /// Number in the room's log.
        n: u64,
        /// Its number.
        stream: u32,
        /// Its name.
        name: StreamName,
        /// Why.
        reason: Ended,
    },
    /// A message to the room, to the member's role (with `n`), or to the member (without).
    Message {
        /// Number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The sender; absent when the app's backend sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Member>,
        /// To whom.
        to: To,
        /// What it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Topic>,
        /// As it was sent.
        data: D,
        /// When the relay took it, Unix milliseconds.
        at_ms: u64,
    },
    /// A key of the room's state changed. Without `n`: so it is, and the answer to the login had no room for it.
    State {
        /// Number in the room's log.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
        /// The key.
        key: StateKey,
        /// The new value; `null` when it was removed.
        value: D,
        /// The new version.
        version: u64,
        /// The user that changed it; absent when that member is hidden from this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// All that the answer to the login had no room for was told.
    Listed {},
    /// Patterns of this member's subscriptions found new streams; their frames follow.
    Subscribed {
        /// The streams.
        streams: Vec<Subscribed>,
    },
    /// A subscribed stream is over, and every frame of it that was due has been delivered.
    Ended {
        /// Its number.
        stream: u32,
        /// Its name.
        name: StreamName,
        /// How many frames the log held in all.
        seq: u64,
        /// Why.
        reason: Ended,
    },
    /// This member fell behind on a stream, and lost frames.
    Lagged {
        /// The stream's number.
        stream: u32,
        /// How many frames were lost just now.
        lost: u64,
        /// The number of the next frame that comes.
        seq: u64,
    },
    /// Requests of this connection are being refused for their rate.
    Throttled {
        /// Which.
        op: String,
        /// When to try again.
        retry_ms: u64,
    },
    /// A member has another role.
    RoleChanged {
        /// Number in the room's log.
        n: u64,
        /// Who.
        user: String,
        /// Its role now.
        role: String,
    },
    /// What this member may do has changed.
    GrantsChanged {
        /// Its role now.
        role: String,
        /// The effective grants, in the form of `spec/roles.md`.
        grants: D,
        /// Why.
        why: Why,
        /// The member that did it; absent when nobody did, or when that member is hidden from this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A member asks for a role or waits for admission, and this member may decide.
    Asked {
        /// Who and what.
        #[serde(flatten)]
        ask: Asked,
    },
    /// What a member asked for is settled; told to those who may decide, and to who asked.
    AskEnded {
        /// Who had asked.
        user: String,
        /// How it ended.
        outcome: Outcome,
    },
    /// The token's life ends soon.
    TokenExpiring {
        /// When, Unix seconds.
        exp: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The token's life is over, and the seat goes on for a little, as the token allows.
    TokenExpired {
        /// When the seat ends if no new token comes, Unix seconds.
        until: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The token was revoked; a new one keeps the seat.
    TokenRevoked {
        /// When the seat ends if no new token comes, Unix seconds.
        until: u64,
        /// The server's time, Unix seconds.
        now: u64,
    },
    /// The connection is about to be closed.
    Closing {
        /// The close code that will come.
        code: u16,
        /// Its reason.
        reason: String,
        /// What to do then.
        next: Next,
        /// How long it may take, in milliseconds.
        in_ms: u64,
    },
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its publisher ended it.
    Unpublished,
    /// Its publisher's seat is gone.
    Left,
    /// The same user published the name again from a newer seat.
    Replaced,
    /// Its publisher may not publish it any more.
    Denied,
}

/// Why a member's grants changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A moderator or the API gave it a role of no lower rank.
    Promoted,
    /// A moderator or the API gave it a role of no higher rank.
    Demoted,
    /// It was muted.
    Muted,
    /// That was taken back.
    Unmuted,
    /// It was let in.
    Admitted,
    /// A privilege's own time, or the token's, is over.
    Expired,
    /// Its token was revoked.
    Revoked,
    /// The app's roles were changed.
    Roles,
    /// It brought a new token.
    Renewed,
}

/// What a member asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The member.
    #[serde(flatten)]
    pub member: Member,
    /// The role; absent: admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
}

/// How an `ask` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was given.
    Accepted,
    /// It was refused.
    Declined,
    /// Who asked took it back, or left.
    Withdrawn,
}
