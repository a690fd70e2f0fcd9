//! Masks and tables: what a byte or a character is, without a branch. A mask is all ones for yes, and zero for no.

/// A mask of 128 bits.
pub(crate) fn wide(mask: u32) -> u128 {
    let mask = u64::from(mask) | u64::from(mask) << 32;
    u128::from(mask) | u128::from(mask) << 64
}

/// All ones where a number lies within two others.
pub(crate) fn in_range(number: u32, least: u32, most: u32) -> u32 {
    u32::from(number.wrapping_sub(least) <= most - least).wrapping_neg()
}

/// The bytes that a character is written with: one for a byte, by its size for an escape `\uXXXX`, else none.
pub(crate) fn width(char: u32, byte: u32, unit: u32) -> u32 {
    let by_size =
        1 + u32::from(char >= 0x80) + u32::from(char >= 0x800) + u32::from(char >= 0x1_0000);
    (1 & byte) | (by_size & unit)
}

/// A character in as many bytes, and spaces behind it. One byte is taken as it is.
pub(crate) fn encoded(char: u32, width: u32) -> [u8; 4] {
    /// For each width: how far the bytes move up, what the first one is marked with, how many bits of the character it
    /// does not have, and what is behind.
    const BY_WIDTH: [(u64, u32, u32, u32); 8] = {
        let none = (32, 0, 31, 0x2020_2020);
        let (one, two) = ((24, 0, 0, 0x20_2020), (16, 0xc0, 6, 0x2020));
        let (three, four) = ((8, 0xe0, 12, 0x20), (0, 0xf0, 18, 0));
        [none, one, two, three, four, none, none, none]
    };
    let (up, mark, less, behind) = BY_WIDTH[(width & 7) as usize];
    let tail = |shift: u32| 0x80 | (char >> shift & 0x3f);
    let tails = tail(18) << 24 | tail(12) << 16 | tail(6) << 8 | tail(0);
    let moved = (u64::from(tails) << up) as u32 & 0x00ff_ffff;
    let first = mark | char >> less;
    let empty = u32::from(width == 0).wrapping_neg();
    (((moved | first << 24) & !empty) | behind).to_be_bytes()
}

/// The values of hexadecimal digits.
pub(crate) static HEX: [u8; 256] = {
    let mut values = [0; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        values[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// What the letters of escapes stand for.
pub(crate) static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut at = 0;
    while at < 8 {
        letters[b"\"\\/bfnrt"[at] as usize] = b"\"\\/\x08\x0c\n\r\t"[at];
        at += 1;
    }
    letters
};

/// Characters that a name of a stream may have.
pub(crate) static OF_STREAM: [bool; 128] = {
    let mut of_stream = [false; 128];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        of_stream[byte] = b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
        byte += 1;
    }
    of_stream
};
