//! What a `moderate` request asks for.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use stagedoor_grants::Verb;

/// The `verb` of a `moderate` request: an act that grants name, or `decline`. Declining has no grant of its own:
/// a member that may accept a request may also decline it.
///
/// Not `#[non_exhaustive]`: the relay must fail to compile when the wire has an act that it does not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// An act that grants name.
    Verb(Verb),
    /// Refuses what a member asked for. A member that waits for admission is removed.
    Decline,
}

const DECLINE: &str = "decline";

impl Act {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verb(verb) => verb.as_str(),
            Self::Decline => DECLINE,
        }
    }
}

impl From<Verb> for Act {
    fn from(verb: Verb) -> Self {
        Self::Verb(verb)
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct ActVisitor;
        impl Visitor<'_> for ActVisitor {
            type Value = Act;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an act of moderation")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Act, E> {
                match text {
                    DECLINE => Ok(Act::Decline),
                    _ => text.parse().map(Act::Verb).map_err(E::custom),
                }
            }
        }
        d.deserialize_str(ActVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_and_decline_are_acts_and_nothing_else_is() {
        let acts = Verb::ALL.iter().map(|verb| Act::Verb(*verb)).chain([Act::Decline]);
        for act in acts {
            let json = format!("\"{}\"", act.as_str());
            assert_eq!(serde_json::from_str::<Act>(&json).ok(), Some(act));
            assert_eq!(serde_json::to_string(&act).ok(), Some(json));
        }
        for bad in ["\"Kick\"", r#"{"kick":null}"#, "null"] {
            assert!(serde_json::from_str::<Act>(bad).is_err(), "{bad}");
        }
    }
}
