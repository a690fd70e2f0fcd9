//! How members and streams are described to others (`spec/wire.md` §Fields). The relay's room decides who may see
//! what; here is only the form.

use serde::{Deserialize, Serialize};
pub use stagedoor_grants::Kind;

use crate::name::StreamName;

/// What the relay does with a subscriber that falls behind. The publisher chooses it.
///
/// Not `#[non_exhaustive]`: the relay must fail to compile when the wire has a delivery that it does not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// The subscriber jumps to the newest keyframe. A late subscriber starts there too.
    Media,
    /// The subscriber jumps to the newest frame. A late subscriber starts there too.
    Latest,
    /// The subscriber's connection is closed with `slow`, and it may resume. A late subscriber starts at the present,
    /// or at the oldest kept frame where the publisher offers history.
    Reliable,
}

impl Delivery {
    /// The delivery of a stream whose publisher names none.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::Latest,
            Kind::Video | Kind::Screen => Self::Media,
            Kind::Data => Self::Reliable,
        }
    }
}

/// A member as others in the room see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user id, from the token's `sub`.
    pub user: String,
    /// The role's name.
    pub role: String,
    /// The token's `name`, at most 128 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The token's `meta`, at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
}

/// A live stream, as it is described to members that may subscribe to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// The stream's number in this room, which its data frames carry.
    pub stream: u32,
    /// The stream's name.
    pub name: StreamName,
    /// The publisher's user id.
    pub user: String,
    /// The publisher's role.
    pub role: String,
    /// What the stream carries.
    pub kind: Kind,
    /// What the relay does with a subscriber that falls behind.
    pub delivery: Delivery,
    /// Anything that the publisher says about the stream, at most `stream_meta_bytes_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
}

/// A reader's place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Which log it is. A new stream or a new room has a new epoch.
    pub epoch: u32,
    /// The number of the next frame or event that the reader gets, from 0.
    pub seq: u64,
}

/// A stream that a subscription has found, and where reading begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The stream.
    #[serde(flatten)]
    pub info: StreamInfo,
    /// The epoch of the stream's log.
    pub epoch: u32,
    /// The number of the first frame that comes.
    pub seq: u64,
    /// Whether reading continues exactly at the cursor that the request named; `None` where it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
}
