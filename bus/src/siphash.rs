//! SipHash with 128 bits: the hash that stands for a text in a list that does not keep texts. Without the key nobody
//! can find two texts with the same hash.

use std::hash::{BuildHasher, RandomState};

use siphasher::sip128::{Hash128, SipHasher13};

/// A key that each list generates for itself, so hashes must not leave the process.
#[derive(Clone, Copy)]
pub(crate) struct SipKey(SipHasher13);

impl SipKey {
    /// A key from the system's random bytes, through the standard library.
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self(SipHasher13::new_with_keys(state.hash_one(0_u8), state.hash_one(1_u8)))
    }

    /// The hash of a text.
    pub(crate) fn hash(self, text: &str) -> [u64; 2] {
        let Hash128 { h1, h2 } = self.0.hash(text.as_bytes());
        [h1, h2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_or_byte_gives_another_hash() {
        let (one, other) = (SipKey::random(), SipKey::random());
        assert_ne!(one.hash("anna"), other.hash("anna"));
        let texts = ["", "a", "b", "eight bb", "eight bb\0", "a longer text than two words"];
        for (at, text) in texts.iter().enumerate() {
            assert!(texts[..at].iter().all(|before| one.hash(before) != one.hash(text)), "{text}");
        }
    }
}
