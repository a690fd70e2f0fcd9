//! The acts of a moderator, as the wire names them.

use serde::{Deserialize, Serialize};

/// The acts of a moderator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Removes a member; its token does not get back in.
    Kick,
    /// Removes a member and keeps the user out, whatever token comes.
    Ban,
    /// Ends a member's streams of some kinds, and keeps it from publishing them.
    Mute,
    /// Takes that back.
    Unmute,
    /// Gives a member a role of no lower rank.
    Promote,
    /// Gives a member a role of no higher rank.
    Demote,
    /// Lets a member in that waits.
    Admit,
    /// Refuses what a member asked for; who waits for admission is removed.
    Decline,
    /// Closes the room for everybody.
    Close,
}

impl Verb {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kick => "kick",
            Self::Ban => "ban",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Promote => "promote",
            Self::Demote => "demote",
            Self::Admit => "admit",
            Self::Decline => "decline",
            Self::Close => "close",
        }
    }
}
