//! One look at every byte of a JSON text. Never stops early and branches on nothing that it reads: what a byte means is
//! a mask, so any text of a length takes the same instructions, well formed or not. That is why `serde_json` does not do
//! this: it stops at the first fault, and how long it took would tell where in a forged CBC token that was.

use crate::{
    limits::STREAM_NAME_BYTES_MAX,
    masks::{HEX, LETTERS, OF_STREAM, encoded, in_range, wide, width},
    steps::{
        DIGIT, END, ESCAPED, ITEM_END, ITEM_OPEN, KINDS, MINUS, NAME_BYTE, NAME_OPEN, RAW, START,
        STATE, TEXT_END, UNIT, kind, step,
    },
    utf8,
};

/// Names that are remembered, and a first place for what stands before any. The largest document has six names, so one
/// with more has one that is unknown or given twice.
pub(crate) const ENTRIES: usize = 8;

/// A name and its value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry {
    /// Its last 16 bytes. No name of the format is longer.
    pub(crate) name: u128,
    /// Bits of [`kind`].
    pub(crate) kind: u32,
    /// Digits of a number. Up to 19 fit into `number`.
    pub(crate) digits: u32,
    pub(crate) number: u64,
    /// All ones where the number is negative.
    pub(crate) negative: u32,
    /// The length of a text, without its escapes.
    pub(crate) bytes: u32,
    /// All ones where the text has a control character.
    pub(crate) control: u32,
    /// All ones where the text has a character other than `.`.
    pub(crate) not_dots: u32,
}

/// What a text was found to be.
pub(crate) struct Scanned {
    pub(crate) is_utf8: bool,
    pub(crate) is_json: bool,
    /// How many names it has.
    pub(crate) names: u32,
    pub(crate) entries: [Entry; ENTRIES],
    /// How many texts its list has.
    pub(crate) items: u32,
    /// Whether one of them is no name of a stream.
    pub(crate) has_bad_item: bool,
    /// The bytes of the text that was asked for, which were written out.
    pub(crate) wanted_bytes: usize,
}

/// A name as [`Entry::name`] has it.
pub(crate) const fn name(text: &str) -> u128 {
    let (text, mut name, mut at) = (text.as_bytes(), 0, 0);
    assert!(text.len() < 16);
    while at < text.len() {
        name = name << 8 | text[at] as u128;
        at += 1;
    }
    name
}

/// Bytes that may be written behind the end of what is wanted.
pub(crate) const SLACK_BYTES: usize = 4;

/// Looks at a text. Writes the text that the name `wanted` has, without its escapes, into `out`, which has
/// [`SLACK_BYTES`] more than `text`, and keeps what is behind it spaces.
pub(crate) fn scan(text: &[u8], wanted: u128, out: &mut [u8]) -> Scanned {
    let (mut state, mut utf8_state) = (START, utf8::DONE);
    let mut look = Look::default();
    let mut written = 0;
    for &byte in text {
        let step = Step { does: step(state, byte), byte };
        state = step.does & STATE;
        utf8_state = utf8::step(utf8_state, byte);
        look.open(step);
        look.number(step);
        let (char, width) = look.text(step);
        look.item(step);
        look.entries[look.at & (ENTRIES - 1)] = look.entry;
        let width = width & u32::from(look.entry.name == wanted).wrapping_neg();
        out[written..written + SLACK_BYTES].copy_from_slice(&encoded(char, width));
        written += width as usize;
    }
    Scanned {
        is_utf8: utf8_state == utf8::DONE,
        is_json: (state == END) & (look.lone == 0),
        names: look.names,
        entries: look.entries,
        items: look.items,
        has_bad_item: look.bad_item != 0,
        wanted_bytes: written,
    }
}

/// A byte, and what it does.
#[derive(Clone, Copy)]
struct Step {
    does: u32,
    byte: u8,
}

impl Step {
    /// All ones where the byte does this.
    fn is(self, bit: u32) -> u32 {
        (self.does >> bit & 1).wrapping_neg()
    }
}

/// What the look remembers.
#[derive(Default)]
struct Look {
    entries: [Entry; ENTRIES],
    /// The one that is being read, and its place.
    entry: Entry,
    at: usize,
    names: u32,
    /// The last digits of an escape `\uXXXX`; the first half of a pair, if one waits for its second.
    unit: u32,
    high: u32,
    /// All ones once a half has been alone.
    lone: u32,
    before: u8,
    /// All ones where the text is no name of a stream.
    not_stream: u32,
    items: u32,
    bad_item: u32,
}

impl Look {
    /// Begins names, and texts of a list: what was collected goes.
    fn open(&mut self, step: Step) {
        let named = step.is(NAME_OPEN);
        self.names += named & 1;
        self.at = (self.at + (named & 1) as usize).min(ENTRIES - 1);
        let (kept, kept_text) = (!named, !(named | step.is(ITEM_OPEN)));
        let (old, in_name) = (self.entry, wide(step.is(NAME_BYTE)));
        let name = old.name & wide(kept);
        self.entry = Entry {
            name: (name & !in_name) | ((name << 8 | u128::from(step.byte)) & in_name),
            kind: (old.kind & kept) | (step.does >> KINDS & kind::ALL),
            digits: old.digits & kept,
            number: old.number & wide(kept) as u64,
            negative: old.negative & kept,
            bytes: old.bytes & kept_text,
            control: old.control & kept_text,
            not_dots: old.not_dots & kept_text,
        };
        self.not_stream &= kept_text;
    }

    fn number(&mut self, step: Step) {
        let digit = step.is(DIGIT);
        let old = self.entry.number;
        let more = old.wrapping_mul(10).wrapping_add(u64::from(step.byte & 15));
        let counts = wide(digit) as u64;
        self.entry.number = (old & !counts) | (more & counts);
        self.entry.digits += digit & 1;
        self.entry.negative |= step.is(MINUS);
    }

    /// The character, or the byte of one, that a text gets, and by how many bytes it grows.
    fn text(&mut self, step: Step) -> (u32, u32) {
        let byte = u32::from(step.byte);
        self.unit = (self.unit << 4 | u32::from(HEX[usize::from(step.byte)])) & 0xffff;
        let (unit, high) = (self.unit, self.high);
        let (raw, escaped, whole) = (step.is(RAW), step.is(ESCAPED), step.is(UNIT));
        let upper = whole & in_range(unit, 0xd800, 0xdbff);
        let lower = whole & in_range(unit, 0xdc00, 0xdfff);
        let waits = !in_range(high, 0, 0);
        let acts = raw | escaped | whole | step.is(TEXT_END);
        self.lone |= (lower & !waits) | (acts & waits & !lower);
        self.high = (high & !acts) | (unit & upper);
        let pair = 0x1_0000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
        let single = whole & !lower & !upper;
        let letter = u32::from(LETTERS[usize::from(step.byte)]);
        let char = (byte & raw) | (letter & escaped) | (unit & single) | (pair & lower);
        let width = width(char, raw | escaped, single | lower);

        let says = raw | escaped | single | lower;
        let after_c2 = raw & in_range(u32::from(self.before), 0xc2, 0xc2);
        let latin = in_range(char, 0x80, 0x9f) & (single | after_c2);
        let entry = &mut self.entry;
        entry.bytes = entry.bytes.wrapping_add(width);
        entry.control |= says & (in_range(char, 0, 0x1f) | in_range(char, 0x7f, 0x7f) | latin);
        entry.not_dots |= says & !in_range(char, 0x2e, 0x2e);
        let of_stream = u32::from(OF_STREAM[(char & 0x7f) as usize]).wrapping_neg();
        self.not_stream |= says & !(of_stream & in_range(char, 0, 0x7f));
        self.before = step.byte;
        (char, width)
    }

    /// Ends texts of a list.
    fn item(&mut self, step: Step) {
        let item = step.is(ITEM_END);
        self.items += item & 1;
        let fits = in_range(self.entry.bytes, 1, STREAM_NAME_BYTES_MAX);
        self.bad_item |= item & (self.not_stream | !fits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn scanned(text: &str) -> (Scanned, String) {
        let mut out = vec![b' '; text.len() + SLACK_BYTES];
        let scanned = scan(text.as_bytes(), name("a"), &mut out);
        let wanted = String::from_utf8_lossy(&out[..scanned.wanted_bytes]).into_owned();
        assert!(out[scanned.wanted_bytes..].iter().all(|byte| *byte == b' '), "{text}");
        (scanned, wanted)
    }

    #[test]
    fn texts_are_json_as_serde_says_within_the_form() {
        for (text, good) in [
            ("{}", true),
            (" {\t}\r\n", true),
            (r#"{"a":"","b":-9223372036854775808,"c":null,"d":{},"e":[]}"#, true),
            (r#"{ "a" : { "x" : 1 , "y" : "" } , "e" : [ "p" , "q" ] } "#, true),
            (r#"{"a":"\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00😀"}"#, true),
            (r#"{"a":0,"b":10}"#, true),
            ("", false),
            ("   ", false),
            ("[]", false),
            ("null", false),
            (r#""a""#, false),
            ("{} {}", false),
            ("{}x", false),
            ("{", false),
            (r#"{"a"}"#, false),
            (r#"{"a":}"#, false),
            (r#"{"a":1,}"#, false),
            (r#"{,"a":1}"#, false),
            (r#"{"a":01}"#, false),
            (r#"{"a":+1}"#, false),
            (r#"{"a":--1}"#, false),
            (r#"{"a":-}"#, false),
            (r#"{"a":nul}"#, false),
            (r#"{"a":nullx}"#, false),
            (r#"{"a":"\x"}"#, false),
            (r#"{"a":"\u12g4"}"#, false),
            (r#"{"a":"\ud83d"}"#, false),
            (r#"{"a":"\ud83dx"}"#, false),
            (r#"{"a":"\ud83d\n"}"#, false),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, false),
            (r#"{"a":"\ude00"}"#, false),
            (r#"{"a":["x",]}"#, false),
            (r#"{"a":{"b":1,}}"#, false),
            (r#"{"a":["x"}"#, false),
            (r#"{"a":{"b":1]}"#, false),
            ("{\"a\":\"\n\"}", false),
            ("{\"a\":\"\0\"}", false),
        ] {
            assert_eq!(scanned(text).0.is_json, good, "{text}");
            assert_eq!(
                serde_json::from_str::<Value>(text).is_ok_and(|v| v.is_object()),
                good,
                "{text}"
            );
        }
    }

    #[test]
    fn json_beyond_the_form_is_refused() {
        for text in [
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-0}"#,
            r#"{"a":true}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[null]}"#,
            r#"{"a":[[]]}"#,
            r#"{"a":{"b":{}}}"#,
            r#"{"a":{"b":[]}}"#,
            r#"{"\u0061":1}"#,
        ] {
            assert!(!scanned(text).0.is_json, "{text}");
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn names_of_16_bytes_and_more_equal_no_shorter_one() {
        let long = format!(r#"{{"{}app_id":1}}"#, "x".repeat(16));
        let (scanned, _) = scanned(&long);
        assert!(scanned.is_json && scanned.entries[1].name != name("app_id"));
    }

    #[test]
    fn streams_are_names_as_the_wire_says() {
        for (item, bytes) in
            [("a", 1), ("a", 256), ("a", 257), ("_.:-", 1), ("*", 1), ("é", 1), ("", 0)]
        {
            let item = item.repeat(bytes);
            let text = json!({ "e": ["ok", item, "ok"] }).to_string();
            let bad = stagedoor_wire::name::StreamName::new(&item).is_err();
            let (scanned, _) = scanned(&text);
            assert_eq!((scanned.has_bad_item, scanned.items), (bad, 3), "{item}");
        }
        for byte in 0..128_u8 {
            let item = char::from(byte).to_string();
            let bad = stagedoor_wire::name::StreamName::new(&item).is_err();
            assert_eq!(
                scanned(&json!({ "e": [item] }).to_string()).0.has_bad_item,
                bad,
                "{item:?}"
            );
        }
    }

    /// JSON with the escapes that some writers use.
    fn ascii(text: &str) -> String {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        format!(r#"{{"a":"{}"}}"#, units.collect::<String>())
    }

    proptest! {
        #[test]
        fn texts_are_read_as_serde_reads_them(text in any::<String>(), escapes in any::<bool>()) {
            let json = if escapes { ascii(&text) } else { json!({ "a": text }).to_string() };
            let (scanned, wanted) = scanned(&json);
            prop_assert!(scanned.is_json && scanned.is_utf8, "{}", json);
            let entry = scanned.entries[1];
            prop_assert_eq!(entry.bytes as usize, text.len());
            prop_assert_eq!(entry.control != 0, text.chars().any(char::is_control));
            prop_assert_eq!(entry.not_dots != 0, text.chars().any(|c| c != '.'));
            prop_assert_eq!(wanted, text);
        }

        #[test]
        fn numbers_are_read_as_serde_reads_them(number in any::<i64>()) {
            let (scanned, _) = scanned(&json!({ "a": number }).to_string());
            let entry = scanned.entries[1];
            prop_assert_eq!(entry.number, number.unsigned_abs());
            prop_assert_eq!(entry.negative != 0, number < 0);
        }

        #[test]
        fn no_text_is_json_here_that_is_none_for_serde(text in r#"[-\[{"a:1,0u\\d8nl\]} é]{0,24}"#) {
            if scanned(&text).0.is_json {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok_and(|v| v.is_object()), "{}", text);
            }
        }
    }
}
