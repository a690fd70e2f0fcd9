//! Kinds of streams, verbs of moderation, and sets of either (`spec/roles.md` §Template). Only the words: roles say
//! who may do what.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use thiserror::Error;

/// What a stream carries, as its publisher declares it; the relay does not look into frames. Grants name the kinds
/// that a member may publish.
///
/// Not `#[non_exhaustive]`: where the relay decides by kind, a new one must fail to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Sound, such as a microphone.
    Audio,
    /// Pictures of a camera.
    Video,
    /// A shared screen.
    Screen,
    /// Anything else.
    Data,
}

/// An act of moderation, as grants name it.
///
/// Not `#[non_exhaustive]`: where the relay carries acts out, a new one must fail to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Removes a member; the token that it used does not log in again.
    Kick,
    /// Removes a member and keeps the user out, whatever token it brings.
    Ban,
    /// Ends a member's streams of some kinds, and keeps it from publishing them.
    Mute,
    /// Takes a mute back.
    Unmute,
    /// Gives a member a role of no lower rank.
    Promote,
    /// Gives a member a role of no higher rank.
    Demote,
    /// Closes the room for everybody.
    Close,
    /// Lets a waiting member in.
    Admit,
}

/// A text is not one of the words of a [`Kind`] or a [`Verb`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be one of {expected}")]
pub struct WordError {
    expected: &'static str,
}

macro_rules! set_of {
    ($(#[$doc:meta])* $set:ident of $one:ident, [$($case:ident = $word:literal),*], $text:literal) => {
        impl $one {
            /// All of them, in the order of the specification.
            pub const ALL: &[$one] = &[$($one::$case),*];

            const EXPECTED: &str = concat!($("`", $word, "` "),*).trim_ascii_end();

            /// The word that stands for it in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($one::$case => $word),* }
            }
        }

        impl FromStr for $one {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                match text {
                    $($word => Ok($one::$case),)*
                    _ => Err(WordError { expected: Self::EXPECTED }),
                }
            }
        }

        impl fmt::Display for $one {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $one {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        // From a string alone, and without a copy: derived code would read {"word":null} as well.
        impl<'de> Deserialize<'de> for $one {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct WordVisitor;
                impl Visitor<'_> for WordVisitor {
                    type Value = $one;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "one of {}", $one::EXPECTED)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$one, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                d.deserialize_str(WordVisitor)
            }
        }

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = $text, into = $text)]
        pub struct $set(u8);

        impl $set {
            /// The set of all.
            pub fn all() -> Self {
                $one::ALL.iter().copied().collect()
            }

            /// Whether the set has this one.
            pub fn contains(self, one: $one) -> bool {
                self.0 & (1 << one as u8) != 0
            }

            /// Whether `outer` has everything that this set has.
            pub fn within(self, outer: Self) -> bool {
                self.0 & !outer.0 == 0
            }

            /// The first of this set that `outer` does not have.
            pub fn beyond(self, outer: Self) -> Option<$one> {
                let beyond = |one: &$one| self.contains(*one) && !outer.contains(*one);
                $one::ALL.iter().copied().find(beyond)
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
    /// A set of kinds of streams; a list in JSON.
    Kinds of Kind, [Audio = "audio", Video = "video", Screen = "screen", Data = "data"], "Vec<Kind>"
}
set_of! {
    /// A set of acts of moderation; a list in JSON.
    Verbs of Verb, [
        Kick = "kick", Ban = "ban", Mute = "mute", Unmute = "unmute",
        Promote = "promote", Demote = "demote", Close = "close", Admit = "admit"
    ], "Vec<Verb>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_strings_alone() {
        for (index, word) in ["audio", "video", "screen", "data"].into_iter().enumerate() {
            let json = format!("\"{word}\"");
            assert_eq!(serde_json::from_str::<Kind>(&json).ok(), Some(Kind::ALL[index]));
            assert_eq!(serde_json::to_string(&Kind::ALL[index]).ok(), Some(json));
        }
        for bad in ["\"Audio\"", "\"\"", r#"{"audio":null}"#, "0", "null"] {
            assert!(serde_json::from_str::<Kind>(bad).is_err(), "{bad}");
        }
        let said = "decline".parse::<Verb>().map_err(|error| error.to_string());
        let words = "`kick` `ban` `mute` `unmute` `promote` `demote` `close` `admit`";
        assert_eq!(said, Err(format!("must be one of {words}")));
    }

    #[test]
    fn a_set_is_a_list_in_the_order_of_the_spec() {
        let verbs: Verbs = serde_json::from_str(r#"["ban","kick","ban"]"#).expect("verbs");
        assert_eq!(serde_json::to_string(&verbs).expect("JSON"), r#"["kick","ban"]"#);
        assert!(verbs.contains(Verb::Ban) && !verbs.contains(Verb::Mute));
        assert!(verbs.within(Verbs::all()) && Verbs::default().within(verbs));
        assert_eq!(Verbs::all().beyond(verbs), Some(Verb::Mute));
    }
}
