//! How a member and a stream are described to others. Only what a viewer may see ever gets into these; who
//! may see it is decided in the relay's room.

use serde::{Deserialize, Serialize};
pub use stagedoor_grants::Kind;

use crate::name::StreamName;

/// What happens to a subscriber that falls behind, chosen by the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Jumps to the newest keyframe; a late subscriber starts there too.
    Media,
    /// Jumps to the newest frame; a late subscriber starts there too.
    Latest,
    /// Is closed with `slow`, and may resume; a late subscriber starts at now, or at the history that
    /// the publisher allows.
    Reliable,
}

impl Delivery {
    /// What a stream of this kind gets when its publisher names no delivery.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::Latest,
            Kind::Video | Kind::Screen => Self::Media,
            Kind::Data => Self::Reliable,
        }
    }
}

/// A member as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user id, from the token's `sub`.
    pub user: String,
    /// The role's name.
    pub role: String,
    /// The token's `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The token's `meta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
}

/// A live stream as those see it who may subscribe to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// The stream's number in this room; data frames carry it.
    pub stream: u32,
    /// The stream's name.
    pub name: StreamName,
    /// The publisher's user id.
    pub user: String,
    /// The publisher's role.
    pub role: String,
    /// What it carries.
    pub kind: Kind,
    /// What happens to a subscriber that falls behind.
    pub delivery: Delivery,
    /// The publisher's own words about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
}

/// A place in a log: the next frame or event a reader gets is number `seq` of the log `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Which log: a new stream or a new room has a new one.
    pub epoch: u32,
    /// The number of the next frame, from 0.
    pub seq: u64,
}

/// A subscription that has found its stream: what it is, and where reading begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The stream.
    #[serde(flatten)]
    pub info: StreamInfo,
    /// The log.
    pub epoch: u32,
    /// The number of the first frame that will come.
    pub seq: u64,
    /// Only where the request named a cursor: whether reading goes on exactly there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
}
