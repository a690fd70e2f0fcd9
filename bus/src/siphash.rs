//! SipHash with 128 bits (Aumasson and Bernstein, 2012): what a text is known by in a list that does not
//! keep the text. After `revocation`, last of the bus. Whoever does not know the key cannot look for two
//! texts of one hash.

use std::hash::{BuildHasher, RandomState};

/// A key that is made anew for each list, so hashes must not leave the process.
#[derive(Clone, Copy)]
pub(crate) struct SipKey([u64; 2]);

impl SipKey {
    /// A key from the system's random bytes, by way of the standard library.
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self([state.hash_one(0_u8), state.hash_one(1_u8)])
    }

    /// The hash of a text: one round for each word and three at the end, as the standard library has it.
    pub(crate) fn hash(self, text: &str) -> [u64; 2] {
        siphash::<1, 3>(self.0, text.as_bytes())
    }
}

#[inline]
fn round([mut v0, mut v1, mut v2, mut v3]: [u64; 4]) -> [u64; 4] {
    v0 = v0.wrapping_add(v1);
    v2 = v2.wrapping_add(v3);
    v1 = v1.rotate_left(13) ^ v0;
    v3 = v3.rotate_left(16) ^ v2;
    v0 = v0.rotate_left(32).wrapping_add(v3);
    v2 = v2.wrapping_add(v1);
    v1 = v1.rotate_left(17) ^ v2;
    v3 = v3.rotate_left(21) ^ v0;
    [v0, v1, v2.rotate_left(32), v3]
}

#[inline]
fn rounds<const N: usize>(state: [u64; 4]) -> [u64; 4] {
    (0..N).fold(state, |state, _| round(state))
}

#[inline]
fn siphash<const C: usize, const D: usize>(key: [u64; 2], text: &[u8]) -> [u64; 2] {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = u64::from_le_bytes(last) | (text.len() as u64) << 56;
    for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain([last]) {
        v[3] ^= word;
        v = rounds::<C>(v);
        v[0] ^= word;
    }
    v[2] ^= 0xee;
    v = rounds::<D>(v);
    let first = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    v = rounds::<D>(v);
    [first, v[0] ^ v[1] ^ v[2] ^ v[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `vectors.h` of the authors' own implementation: the key is 00 to 0f, the texts are 00, 01, ….
    #[test]
    fn the_published_vectors_are_met() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        for (len, hash) in [
            (0, 0xa381_7f04_ba25_a8e6_6df6_7214_c755_0293_u128),
            (1, 0xda87_c1d8_6b99_af44_3476_5911_9b22_fc45),
        ] {
            let text: Vec<u8> = (0..len).collect();
            let [first, second] = siphash::<2, 4>(key, &text);
            let ours = u128::from(first.swap_bytes()) << 64 | u128::from(second.swap_bytes());
            assert_eq!(ours, hash, "{len}");
        }
    }

    #[test]
    fn another_key_or_another_byte_is_another_hash() {
        let (one, other) = (SipKey::random(), SipKey::random());
        assert_ne!(one.hash("anna"), other.hash("anna"));
        let texts = ["", "a", "b", "eight bb", "eight bb\0", "a longer text than two words"];
        for (at, text) in texts.iter().enumerate() {
            assert!(texts[..at].iter().all(|before| one.hash(before) != one.hash(text)), "{text}");
        }
    }
}
