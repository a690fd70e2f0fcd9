//! What the server asks of the relay for a caller. The caller was authorized before the command is made; the relay
//! checks no grants here.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_token::{AppId, Kind, Kinds, Patterns, RoleName};
use stagedoor_wire::{
    member::{Member, StreamInfo},
    name::Topic,
    request::To,
};

use crate::{
    actor::Actor,
    bounds::{Bound, Bounds},
    revocation::{Revocation, Then},
};

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// The rooms of an app by name in byte order, a page at a time. Answered with [`Answer::Rooms`].
    Rooms {
        /// The app.
        app: AppId,
        /// Only rooms after this name.
        after: Option<String>,
        /// At most this many.
        limit: usize,
        /// Only rooms that one of these stands for; `None`: all.
        within: Option<Patterns>,
    },
    /// One room. Answered with [`Answer::Room`].
    Room {
        /// The app.
        app: AppId,
        /// Its name.
        room: String,
        /// Only members after this user id, in byte order.
        after: Option<String>,
        /// At most this many members.
        limit: usize,
    },
    /// Removes a user from a room; its tokens cannot be used again. Answered when that is stored, with [`Answer::Done`]
    /// or [`Answer::StoreUnavailable`].
    Kick {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// Who asked, for the event.
        by: Actor,
    },
    /// Closes a room for everybody. Answered with [`Answer::Done`].
    CloseRoom {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
    },
    /// Sends a message to members of a room, in the app's own name. Answered with [`Answer::Done`].
    Message {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The recipients.
        to: To,
        /// The topic.
        topic: Option<Topic>,
        /// The content, any JSON.
        data: Box<RawValue>,
    },
    /// Acts on the live seats that a revocation covers; the doors already enforce it. Answered with [`Answer::Done`].
    Revoke {
        /// The revocation.
        revocation: Revocation,
        /// How long its members may present a token that it does not cover before anything happens, in seconds; 0: at
        /// once.
        margin_s: u32,
        /// What happens to the seats.
        then: Then,
    },
    /// Counts the live seats with tokens signed by a key. Answered with [`Answer::Done`]; changes none.
    Held {
        /// The app.
        app: AppId,
        /// The key's id.
        kid: String,
    },
    /// Sets a member's role. Answered with [`Answer::Done`] or [`Answer::RoleRefused`].
    Assign {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The role.
        role: RoleName,
        /// Who asked, for the event.
        by: Actor,
    },
    /// Mutes or unmutes a member's streams. Answered with [`Answer::Done`].
    Mute {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The kinds of streams.
        kinds: Vec<Kind>,
        /// Whether to mute them.
        muted: bool,
    },
    /// Grants or denies a member's request for admission or a role. Answered with [`Answer::Done`],
    /// [`Answer::AskUnknown`], [`Answer::RoleRefused`] or [`Answer::BoundsExceeded`].
    Settle {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// Whether it is granted.
        accept: bool,
        /// What the caller is held to: only the relay knows which role is requested.
        bounds: Bounds,
    },
    /// Admits waiting members, as many as one request may. Answered with [`Answer::Admitted`].
    Admit {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The users; those who do not wait are skipped. `None`: all who wait.
        users: Option<Vec<String>>,
    },
    /// Re-applies the app's roles to its seats. Answered with [`Answer::Done`]: the seats whose grants changed.
    Reapply {
        /// The app.
        app: AppId,
    },
}

/// The answer to one command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// A page of rooms.
    Rooms {
        /// The rooms.
        rooms: Vec<RoomSummary>,
        /// Whether more follow.
        more: bool,
    },
    /// One room.
    Room(RoomDetail),
    /// Done; how many seats it touched.
    Done {
        /// Seats closed or changed, or seats that got the message.
        seats: usize,
    },
    /// Members were admitted.
    Admitted {
        /// How many.
        admitted: usize,
        /// How many of those concerned still wait.
        waiting: usize,
    },
    /// The room does not exist.
    RoomUnknown,
    /// The user is not in the room.
    UserUnknown,
    /// That user has no pending request.
    AskUnknown,
    /// The app has no such role, or the member cannot have it.
    RoleRefused,
    /// The role that the member requests exceeds this bound of the caller.
    BoundsExceeded {
        /// The bound.
        bound: Bound,
    },
    /// What must be stored cannot be stored now; nothing was done.
    StoreUnavailable,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Its name.
    pub room: String,
    /// Members, including hidden ones.
    pub members: u32,
    /// Live streams.
    pub streams: u32,
    /// When its first member joined, Unix milliseconds.
    pub since_ms: u64,
}

/// A single room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// Its figures.
    pub summary: RoomSummary,
    /// A page of its members, by user id in byte order.
    pub members: Vec<Seated>,
    /// Whether more members follow.
    pub more: bool,
    /// Its live streams.
    pub streams: Vec<StreamInfo>,
}

/// A member as the app's backend sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seated {
    /// What other members see.
    pub member: Member,
    /// The id of the token of its login.
    pub jti: String,
    /// When it joined, Unix milliseconds.
    pub since_ms: u64,
    /// When its token expires, Unix seconds.
    pub exp: u64,
    /// Whether it waits for admission.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting: bool,
    /// The role it requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
    /// The kinds of streams that are muted.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub muted: Kinds,
}

fn is_empty(kinds: &Kinds) -> bool {
    *kinds == Kinds::default()
}

fn is_false(value: &bool) -> bool {
    !value
}
