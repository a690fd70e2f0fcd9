//! The signature as a token spells it: 32 bytes of a MAC, or the 64 of EdDSA and ES256.

use std::ops::BitAnd;

use subtle::{Choice, ConstantTimeEq};

use crate::base64url;

/// A MAC of HMAC-SHA256, 32 bytes, as base64url.
const MAC_CHARS: usize = 43;
/// A signature of EdDSA (R, S) or ES256 (r, s), 64 bytes, as base64url.
const PAIR_CHARS: usize = 86;
/// The longest signature, as base64url.
pub(crate) const SIGNATURE_CHARS_MAX: usize = PAIR_CHARS;

/// A signature. The key decides what it is.
pub(crate) enum Signature {
    /// 32 bytes.
    Mac([u8; 32]),
    /// 64 bytes.
    Pair([u8; 64]),
}

/// Splits a token into what is signed and the signature. `None` where there is none of a known length.
pub(crate) fn split_signature(token: &str) -> Option<(&str, Signature)> {
    if let Some((signed, mac)) = split(token, MAC_CHARS) {
        return Some((signed, Signature::Mac(base64url::decode_32(mac)?)));
    }
    let (signed, pair) = split(token, PAIR_CHARS)?;
    Some((signed, Signature::Pair(base64url::decode_64(pair)?)))
}

/// Splits off the last `chars` characters and the dot before them.
fn split(token: &str, chars: usize) -> Option<(&str, &str)> {
    let (signed, signature) = token.split_at_checked(token.len().checked_sub(chars)?)?;
    Some((signed.strip_suffix('.')?, signature))
}

/// Whether two MACs are equal, in a time that does not depend on where they differ. Compares words, because
/// comparing single bytes this way costs as much as half a block of the hash.
pub(crate) fn are_equal(ours: &[u8; 32], theirs: &[u8; 32]) -> bool {
    let (ours, theirs) = (ours.as_chunks::<8>().0, theirs.as_chunks::<8>().0);
    let equal = |(ours, theirs): (&[u8; 8], &[u8; 8])| {
        u64::from_ne_bytes(*ours).ct_eq(&u64::from_ne_bytes(*theirs))
    };
    ours.iter().zip(theirs).map(equal).fold(Choice::from(1), BitAnd::bitand).into()
}
