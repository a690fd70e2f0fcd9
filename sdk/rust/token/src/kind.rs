//! Kinds of streams, verbs of moderation, and sets of either (`spec/roles.md` §Template). Words only: who may
//! what is said by roles.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Kind {
    /// Sound.
    Audio,
    /// A camera.
    Video,
    /// A shared screen.
    Screen,
    /// Anything else.
    Data,
}

/// An act of moderation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Verb {
    /// Removes a member.
    Kick,
    /// Removes a user, and keeps it out whatever token it brings.
    Ban,
    /// Silences a member's streams.
    Mute,
    /// Takes a mute back.
    Unmute,
    /// Gives a member a role of no lower rank.
    Promote,
    /// Gives a member a role of no higher rank.
    Demote,
    /// Closes the room.
    Close,
    /// Lets in who waits.
    Admit,
}

/// Why a text is no kind or verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no such word")]
pub struct WordError;

macro_rules! set_of {
    ($(#[$doc:meta])* $set:ident of $one:ident, [$($case:ident = $word:literal),*], $text:literal) => {
        impl $one {
            /// Each of them.
            pub const ALL: &[$one] = &[$($one::$case),*];

            /// Its word in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($one::$case => $word),* }
            }
        }

        impl FromStr for $one {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                match text { $($word => Ok($one::$case),)* _ => Err(WordError) }
            }
        }

        impl TryFrom<String> for $one {
            type Error = WordError;

            fn try_from(text: String) -> Result<Self, WordError> {
                text.parse()
            }
        }

        impl From<$one> for &'static str {
            fn from(one: $one) -> Self {
                one.as_str()
            }
        }

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = $text, into = $text)]
        pub struct $set(u8);

        impl $set {
            /// Each of them.
            pub fn all() -> Self {
                $one::ALL.iter().copied().collect()
            }

            /// Whether it is one of them.
            pub fn contains(self, one: $one) -> bool {
                self.0 & (1 << one as u8) != 0
            }

            /// Whether all of them are of `outer`.
            pub fn within(self, outer: Self) -> bool {
                self.0 & !outer.0 == 0
            }

            /// The first of them that is not of `outer`.
            pub(crate) fn beyond(self, outer: Self) -> Option<&'static str> {
                let beyond = |one: &&$one| self.contains(**one) && !outer.contains(**one);
                $one::ALL.iter().find(beyond).map(|one| one.as_str())
            }
        }

        impl FromIterator<$one> for $set {
            fn from_iter<I: IntoIterator<Item = $one>>(ones: I) -> Self {
                Self(ones.into_iter().fold(0, |bits, one| bits | 1 << one as u8))
            }
        }

        impl From<Vec<$one>> for $set {
            fn from(ones: Vec<$one>) -> Self {
                ones.into_iter().collect()
            }
        }

        impl From<$set> for Vec<$one> {
            fn from(set: $set) -> Self {
                $one::ALL.iter().copied().filter(|one| set.contains(*one)).collect()
            }
        }
    };
}

set_of! {
    /// Kinds of streams.
    Kinds of Kind, [Audio = "audio", Video = "video", Screen = "screen", Data = "data"], "Vec<Kind>"
}
set_of! {
    /// Acts of moderation.
    Verbs of Verb, [
        Kick = "kick", Ban = "ban", Mute = "mute", Unmute = "unmute",
        Promote = "promote", Demote = "demote", Close = "close", Admit = "admit"
    ], "Vec<Verb>"
}
