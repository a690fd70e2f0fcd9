//! Names on the wire (`spec/wire.md` §Names): of a stream, of a key of the room's state, of a message's topic. A value
//! of these types is proof that the text was checked. Rights are not checked here.

use std::{fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name of a stream, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 256;
/// The longest key of the room's state and the longest topic, in bytes.
pub const KEY_BYTES_MAX: usize = 64;

/// A text is not a name: it is empty, too long, or has a character that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name must be 1 to {bytes_max} bytes of [0-9A-Za-z_.:-]")]
pub struct NameError {
    bytes_max: usize,
}

fn check(text: &str, bytes_max: usize) -> Result<(), NameError> {
    let fits = !text.is_empty() && text.len() <= bytes_max;
    let clean =
        text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'));
    if fits && clean { Ok(()) } else { Err(NameError { bytes_max }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            ///
            /// [`NameError`], which says what a name must be.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text, $max).map(|()| Self(text.into()))
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a stream: 1 to 256 bytes of `[0-9A-Za-z_.:-]`, unique among a room's live streams.
    StreamName, STREAM_NAME_BYTES_MAX
}
name! {
    /// A key of the room's state: 1 to 64 bytes of `[0-9A-Za-z_.:-]`.
    StateKey, KEY_BYTES_MAX
}
name! {
    /// The topic of a message: 1 to 64 bytes of `[0-9A-Za-z_.:-]`.
    Topic, KEY_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_bounded_and_has_only_allowed_characters() {
        assert!(StreamName::new("cam-1.hd:front_A").is_ok());
        assert!(StreamName::new(&"a".repeat(256)).is_ok());
        for bad in ["", "a b", "cam*", "é", "a/b", "\0", &"a".repeat(257)] {
            assert!(StreamName::new(bad).is_err(), "{bad:?} passed");
        }
        assert!(StateKey::new(&"k".repeat(65)).is_err());
    }

    #[test]
    fn a_bad_name_does_not_parse_from_json() {
        assert!(serde_json::from_str::<Topic>("\"chat\"").is_ok());
        assert!(serde_json::from_str::<Topic>("\"ch at\"").is_err());
    }
}
