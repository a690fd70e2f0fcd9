//! Base64url without padding, in its one canonical form (RFC 7515 §2, RFC 4648 §3.5). Takes nothing that it
//! would not itself write.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Whether a text is what this writes for some bytes: the alphabet alone, no padding, no length that no
/// bytes have, no bits left over.
pub(crate) fn is_canonical(text: &[u8]) -> bool {
    // Without a branch, so that the compiler looks at many bytes at once.
    let clean = text.iter().fold(true, |clean, &b| {
        clean
            & ((b.wrapping_sub(b'A') < 26)
                | (b.wrapping_sub(b'a') < 26)
                | (b.wrapping_sub(b'0') < 10)
                | (b == b'-')
                | (b == b'_'))
    });
    clean
        && match (text.len() % 4, text.last()) {
            (1, _) => false,
            (2, Some(last)) => value_of(*last).is_multiple_of(16),
            (3, Some(last)) => value_of(*last).is_multiple_of(4),
            _ => true,
        }
}

/// The six bits of a character of the alphabet.
fn value_of(b: u8) -> u8 {
    match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'-' => 62,
        _ => 63,
    }
}

/// The bytes of a text that is canonical.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The 32 bytes of a text of 43 characters that is canonical.
pub(crate) fn decode_32(text: &str) -> Option<[u8; 32]> {
    // The decoder wants room for whole quanta.
    let mut bytes = [0; 33];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => bytes.first_chunk().copied(),
        _ => None,
    }
}

/// The 64 bytes of a text of 86 characters that is canonical.
pub(crate) fn decode_64(text: &str) -> Option<[u8; 64]> {
    let mut bytes = [0; 66];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(64) => bytes.first_chunk().copied(),
        _ => None,
    }
}

/// Writes bytes behind a text.
pub(crate) fn encode_onto(text: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_form_is_canonical() {
        for good in ["", "AA", "AAA", "AAAA", "_-8", "Zm9vYmFy"] {
            assert!(is_canonical(good.as_bytes()), "{good}");
        }
        for bad in [
            "A", "AAAAA", "AB", "AAB", "AA==", "AA ", "AA\n", "+A", "/A", "A\0", "é", "A.A", "@A",
            "[A", "`A", "{A",
        ] {
            assert!(!is_canonical(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_canonical_is_what_decodes_and_encodes_to_itself(text in "[A-Za-z0-9_=.+/-]{0,12}") {
            let same = decode(&text).is_some_and(|bytes| encode(&bytes) == text);
            prop_assert_eq!(is_canonical(text.as_bytes()), same);
        }
    }
}
