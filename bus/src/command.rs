//! What the server asks of the relay on a caller's behalf. The caller's right to ask was checked before a
//! command is made; the relay checks no grant here.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_token::{AppId, Kind, Kinds, RoleName};
use stagedoor_wire::{
    member::{Member, StreamInfo},
    name::Topic,
    request::To,
};

use crate::{
    actor::Actor,
    revocation::{Revocation, Then},
};

/// One command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// The rooms of an app by name in byte order, a page at a time. Answered with [`Answer::Rooms`].
    Rooms {
        /// Whose.
        app: AppId,
        /// Only rooms after this name.
        after: Option<String>,
        /// How many at most.
        limit: usize,
    },
    /// One room. Answered with [`Answer::Room`].
    Room {
        /// Whose.
        app: AppId,
        /// Its name.
        room: String,
        /// Members only after this user id, in byte order.
        after: Option<String>,
        /// How many members at most.
        limit: usize,
    },
    /// Removes a user from a room; its tokens do not get back in. Answered when that is stored, with
    /// [`Answer::Done`] or [`Answer::StoreUnavailable`].
    Kick {
        /// Whose.
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
        /// Whose.
        app: AppId,
        /// The room.
        room: String,
    },
    /// Messages members of a room, in the app's own name. Answered with [`Answer::Done`].
    Message {
        /// Whose.
        app: AppId,
        /// The room.
        room: String,
        /// To whom.
        to: To,
        /// What it is about.
        topic: Option<Topic>,
        /// Any JSON.
        data: Box<RawValue>,
    },
    /// Acts on the live seats that a revocation hits; the doors know of it already. Answered with
    /// [`Answer::Done`].
    Revoke {
        /// The revocation.
        revocation: Revocation,
        /// For how long its members may bring a token that it does not hit before anything is done, in
        /// seconds; 0: it is done at once.
        margin_s: u32,
        /// What is done.
        then: Then,
    },
    /// Counts the live seats whose tokens a key signed. Answered with [`Answer::Done`]; touches none.
    Held {
        /// Whose.
        app: AppId,
        /// The key's id.
        kid: String,
    },
    /// Gives a member another role. Answered with [`Answer::Done`] or [`Answer::RoleRefused`].
    Assign {
        /// Whose.
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
    /// Mutes a member's streams, or lets them speak again. Answered with [`Answer::Done`].
    Mute {
        /// Whose.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// Which kinds of streams.
        kinds: Vec<Kind>,
        /// Whether they are to be silent.
        muted: bool,
    },
    /// Accepts or declines what a member asks for: admission, or a role. Answered with [`Answer::Done`],
    /// [`Answer::AskUnknown`] or [`Answer::RoleRefused`].
    Settle {
        /// Whose.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// Whether it is accepted.
        accept: bool,
    },
    /// Lets members in that wait for admission, as many as one request may. Answered with
    /// [`Answer::Admitted`].
    Admit {
        /// Whose.
        app: AppId,
        /// The room.
        room: String,
        /// The users; those who do not wait are passed over. All who wait unless given.
        users: Option<Vec<String>>,
    },
    /// Gives the seats of an app what its roles say now. Answered with [`Answer::Done`]: those whose grants
    /// changed.
    Reapply {
        /// Whose.
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
        /// Seats closed or changed, or seats that the message was for.
        seats: usize,
    },
    /// Members were let in.
    Admitted {
        /// How many.
        admitted: usize,
        /// How many of those whom it was about still wait.
        waiting: usize,
    },
    /// There is no such room.
    RoomUnknown,
    /// There is no such user in that room.
    UserUnknown,
    /// That user asks for nothing.
    AskUnknown,
    /// The app has no such role, or none that this member can have.
    RoleRefused,
    /// What must be stored cannot be stored now; nothing was done.
    StoreUnavailable,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Its name.
    pub room: String,
    /// Members, hidden ones included.
    pub members: u32,
    /// Live streams.
    pub streams: u32,
    /// When its first member came, Unix milliseconds.
    pub since_ms: u64,
}

/// A room by itself.
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
    /// As others see it.
    pub member: Member,
    /// The id of the token that opened the door.
    pub jti: String,
    /// When it came, Unix milliseconds.
    pub since_ms: u64,
    /// When its token ends, Unix seconds.
    pub exp: u64,
    /// Whether it waits for admission.
    #[serde(default, skip_serializing_if = "is_false")]
    pub waiting: bool,
    /// The role that it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<String>,
    /// Kinds of streams of which it is muted.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub muted: Kinds,
}

fn is_empty(kinds: &Kinds) -> bool {
    *kinds == Kinds::default()
}

fn is_false(value: &bool) -> bool {
    !value
}
