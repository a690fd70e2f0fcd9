//! A text in an event or a record: no longer than the name that it holds may be. Malformed text is dropped, so that
//! nothing from a stranger is written verbatim.

use std::{ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use stagedoor_token::{Limits, verifying_key::KID_BYTES_MAX};

/// A role's name, in bytes.
const ROLE_BYTES_MAX: usize = 32;
/// The id of an API key or a request, in bytes.
const ID_BYTES_MAX: usize = 64;
/// A peer's address with its port, in bytes.
const PEER_BYTES_MAX: usize = 64;
/// Further details of an event or a record, in bytes.
const DETAIL_BYTES_MAX: usize = 512;

/// A text without control characters, within the bound of what it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(Arc<str>);

impl Text {
    fn bounded(text: impl AsRef<str> + Into<Arc<str>>, bytes_max: usize) -> Option<Self> {
        let read = text.as_ref();
        let plain = read.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let good =
            (1..=bytes_max).contains(&read.len()) && (plain || !read.chars().any(char::is_control));
        good.then(|| Self(text.into()))
    }

    /// A room's name.
    pub fn room(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, Limits::DEFAULT.room_bytes_max)
    }

    /// A user id.
    pub fn user(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, Limits::DEFAULT.user_bytes_max)
    }

    /// A role's name.
    pub fn role(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, ROLE_BYTES_MAX)
    }

    /// A token's id.
    pub fn jti(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, Limits::DEFAULT.jti_bytes_max)
    }

    /// A key's id.
    pub fn kid(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, KID_BYTES_MAX)
    }

    /// The id of an API key or of a request.
    pub fn id(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, ID_BYTES_MAX)
    }

    /// A peer's address.
    pub fn peer(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, PEER_BYTES_MAX)
    }

    /// Further details.
    pub fn detail(text: impl AsRef<str> + Into<Arc<str>>) -> Option<Self> {
        Self::bounded(text, DETAIL_BYTES_MAX)
    }

    /// The text, shared.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for Arc<str> {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl<'de> Deserialize<'de> for Text {
    /// By the widest bound: the sender has applied the narrower one.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::detail(text).ok_or_else(|| D::Error::custom("not a text of an event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn(String) -> Option<Text>;

    #[test]
    fn a_text_keeps_the_bound_of_what_it_names() {
        let bounds: [(Make, usize); 8] = [
            (Text::room, 128),
            (Text::user, 64),
            (Text::role, 32),
            (Text::jti, 64),
            (Text::kid, KID_BYTES_MAX),
            (Text::id, 64),
            (Text::peer, 64),
            (Text::detail, 512),
        ];
        for (make, bytes_max) in bounds {
            assert!(make("x".repeat(bytes_max)).is_some());
            assert!(make("x".repeat(bytes_max + 1)).is_none());
            assert!(make("é".repeat(bytes_max / 2 + 1)).is_none());
            for bad in ["", "a\nb", "a\u{0}b", "a\u{85}b"] {
                assert!(make(bad.into()).is_none(), "{bad:?}");
            }
        }
        assert_eq!(Text::user("änna").as_deref(), Some("änna"));
    }

    #[test]
    fn a_text_beyond_all_bounds_cannot_be_deserialized() {
        let long = serde_json::to_string(&"x".repeat(DETAIL_BYTES_MAX + 1)).expect("JSON");
        assert!(serde_json::from_str::<Text>(&long).is_err());
        let text = Text::user("anna").expect("a user");
        let json = serde_json::to_string(&text).expect("JSON");
        assert_eq!(serde_json::from_str::<Text>(&json).expect("a text"), text);
    }
}
