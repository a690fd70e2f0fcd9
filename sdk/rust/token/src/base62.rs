//! Numbers in base62 of a fixed length: the digits `0-9A-Za-z`, the highest first (`spec/credentials.md`).

use crc32fast::hash;

/// Digits of the 32 bits of a check.
pub(crate) const CHECK_CHARS: usize = 6;
/// Digits of 256 bits.
pub(crate) const SECRET_CHARS: usize = 43;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn digit(value: u64) -> char {
    // Below 62, always.
    char::from(DIGITS.get(value as usize).copied().unwrap_or(b'0'))
}

fn value_of(digit: u8) -> Option<u64> {
    match digit {
        b'0'..=b'9' => Some(u64::from(digit - b'0')),
        b'A'..=b'Z' => Some(u64::from(digit - b'A') + 10),
        b'a'..=b'z' => Some(u64::from(digit - b'a') + 36),
        _ => None,
    }
}

/// Whether a text has only digits of base62.
pub(crate) fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The check of a text: its CRC-32 (ISO 3309).
pub(crate) fn check_of(text: &str) -> String {
    let mut rest = u64::from(hash(text.as_bytes()));
    let mut digits = [0; CHECK_CHARS];
    for place in digits.iter_mut().rev() {
        *place = rest % 62;
        rest /= 62;
    }
    digits.into_iter().map(digit).collect()
}

/// The text before its check, if the check is right.
pub(crate) fn checked(text: &str) -> Option<&str> {
    let (before, check) = text.split_at_checked(text.len().checked_sub(CHECK_CHARS)?)?;
    (check == check_of(before)).then_some(before)
}

/// 256 bits, as 43 digits.
pub(crate) fn encode_32(bytes: &[u8; 32]) -> String {
    let mut number = *bytes;
    let mut digits = [0; SECRET_CHARS];
    for place in digits.iter_mut().rev() {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest << 8 | u64::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *place = rest;
    }
    digits.into_iter().map(digit).collect()
}

/// The 256 bits of 43 digits; `None` where they are no digits, or a number of more bits.
pub(crate) fn decode_32(text: &str) -> Option<[u8; 32]> {
    if text.len() != SECRET_CHARS {
        return None;
    }
    let mut number = [0_u8; 32];
    for digit in text.bytes() {
        let mut carry = value_of(digit)?;
        for byte in number.iter_mut().rev() {
            let value = u64::from(*byte) * 62 + carry;
            *byte = (value & 0xFF) as u8;
            carry = value >> 8;
        }
        if carry > 0 {
            return None;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_256_bits_have_43_digits() {
        assert_eq!(encode_32(&[0; 32]), "0".repeat(43));
        assert_eq!(decode_32(&"0".repeat(43)), Some([0; 32]));
        let all = encode_32(&[0xFF; 32]);
        assert_eq!(all.len(), 43);
        assert_eq!(decode_32(&all), Some([0xFF; 32]));
        assert_eq!(decode_32(&"z".repeat(43)), None);
        assert_eq!(decode_32(&"0".repeat(42)), None);
        assert_eq!(decode_32(&format!("{}-", "0".repeat(42))), None);
    }

    #[test]
    fn the_check_is_the_crc_of_iso_3309() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262.
        let value = check_of("123456789")
            .bytes()
            .fold(0, |number, digit| number * 62 + value_of(digit).expect("a digit"));
        assert_eq!(value, 3_421_780_262);
        assert_eq!(check_of(""), "000000");
    }

    proptest! {
        #[test]
        fn bits_and_digits_are_each_others(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(decode_32(&encode_32(&bytes)), Some(bytes));
        }

        #[test]
        fn digits_have_one_spelling(text in "[0-9A-Za-z]{43}") {
            if let Some(bytes) = decode_32(&text) {
                prop_assert_eq!(encode_32(&bytes), text);
            }
        }
    }
}
