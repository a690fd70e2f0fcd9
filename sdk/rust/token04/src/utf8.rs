//! The automaton of UTF-8 (RFC 3629 §4): one look in a table for each byte, whatever the byte is.

/// Between two characters: where a text must end.
pub(crate) const DONE: u8 = 0;
/// Not UTF-8, whatever follows.
const BAD: u8 = 1;
/// One, two or three continuation bytes to come.
const ONE: u8 = 2;
const TWO: u8 = 3;
const THREE: u8 = 4;
/// The next byte is bounded: after E0 (no overlong form), ED (no surrogate), F0 (no overlong form), F4 (not above U+10FFFF).
const E0: u8 = 5;
const ED: u8 = 6;
const F0: u8 = 7;
const F4: u8 = 8;

/// The next state, by state and byte.
static NEXT: [[u8; 256]; 16] = table();

/// The state after one more byte.
pub(crate) fn step(state: u8, byte: u8) -> u8 {
    NEXT[usize::from(state & 15)][usize::from(byte)]
}

const fn next(state: u8, byte: u8) -> u8 {
    match (state, byte) {
        (DONE, 0..=0x7f) | (ONE, 0x80..=0xbf) => DONE,
        (DONE, 0xc2..=0xdf) | (TWO, 0x80..=0xbf) | (E0, 0xa0..=0xbf) | (ED, 0x80..=0x9f) => ONE,
        (DONE, 0xe0) => E0,
        (DONE, 0xed) => ED,
        (DONE, 0xf0) => F0,
        (DONE, 0xf4) => F4,
        (DONE, 0xe1..=0xef) | (THREE, 0x80..=0xbf) | (F0, 0x90..=0xbf) | (F4, 0x80..=0x8f) => TWO,
        (DONE, 0xf1..=0xf3) => THREE,
        _ => BAD,
    }
}

const fn table() -> [[u8; 256]; 16] {
    let mut table = [[BAD; 256]; 16];
    let mut state = 0;
    while state <= F4 {
        let mut byte = 0;
        while byte < 256 {
            table[state as usize][byte] = next(state, byte as u8);
            byte += 1;
        }
        state += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_utf8(bytes: &[u8]) -> bool {
        bytes.iter().fold(DONE, |state, byte| step(state, *byte)) == DONE
    }

    #[test]
    fn every_sequence_of_three_bytes_is_judged_as_by_std() {
        for bytes in 0..1_u32 << 24 {
            let bytes = &bytes.to_be_bytes()[1..];
            // Two of them in ASCII tell nothing more.
            if bytes[1] >= 0x80 {
                assert_eq!(is_utf8(bytes), std::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_as_by_std(bytes in prop::collection::vec(0x70_u8.., 0..6)) {
            prop_assert_eq!(is_utf8(&bytes), std::str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn any_text_is_utf8(text in any::<String>()) {
            prop_assert!(is_utf8(text.as_bytes()));
        }
    }
}
