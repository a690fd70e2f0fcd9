//! 32 bytes, in hex.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)].into());
        text.push(DIGITS[usize::from(byte & 15)].into());
    }
    text
}

/// Lower-case digits only, so that a hash has one spelling.
fn of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

macro_rules! hex {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// From lower-case hex.
            pub fn of_hex(text: &str) -> Option<Self> {
                of_hex(text).map(Self)
            }

            /// From bytes, if there are as many as it takes.
            pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&to_hex(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'_, str>::deserialize(from)?;
                Self::of_hex(&text).ok_or_else(|| D::Error::custom("not lower-case hex of the right length"))
            }
        }
    };
}

hex! {
    /// A link's hash.
    Hash, 32
}
hex! {
    /// The name of a chain: random, given to a database once. A restored database keeps it.
    ChainId, 16
}

impl ChainId {
    /// What the first link of this chain follows.
    pub fn origin(self) -> Hash {
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(&self.0);
        Hash(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_spelling() {
        let hash = Hash(std::array::from_fn(|n| (n * 9) as u8));
        let text = hash.to_string();
        assert_eq!(Hash::of_hex(&text), Some(hash));
        for bad in
            [&text.to_uppercase(), &text[..62], &format!("{text}00"), &text.replace('1', "g")]
        {
            assert_eq!(Hash::of_hex(bad), None, "{bad}");
        }
        assert_eq!(serde_json::to_string(&hash).expect("JSON"), format!("\"{text}\""));
    }
}
