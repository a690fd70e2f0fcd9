//! The automaton of JSON as Token04 needs it: one object of texts, integers, null, and below it at most one more level,
//! of objects and lists of texts. Names have no escapes. It is a table that is made while this is compiled, so that a byte
//! costs one look, whatever it is. Says what a byte does; remembers nothing.

/// Where the automaton begins, where a complete text ends, and where a malformed one stays.
pub(crate) const START: u32 = 0;
pub(crate) const END: u32 = 1;
const BAD: u32 = 2;

/// What a byte does, as bits of a step; the lowest six are the next state.
pub(crate) const STATE: u32 = 0x3f;
/// It begins a name.
pub(crate) const NAME_OPEN: u32 = 8;
/// It is part of a name.
pub(crate) const NAME_BYTE: u32 = 9;
/// It begins a text of a list.
pub(crate) const ITEM_OPEN: u32 = 10;
/// It ends a text of a list.
pub(crate) const ITEM_END: u32 = 11;
/// It ends a text.
pub(crate) const TEXT_END: u32 = 12;
/// It is itself part of a text.
pub(crate) const RAW: u32 = 13;
/// It is an escape's letter.
pub(crate) const ESCAPED: u32 = 14;
/// It is the last digit of an escape `\uXXXX`.
pub(crate) const UNIT: u32 = 15;
/// It is a digit of a number.
pub(crate) const DIGIT: u32 = 16;
/// It is a number's sign.
pub(crate) const MINUS: u32 = 17;
/// Where the kinds begin; a step has them as they are in [`kind`].
pub(crate) const KINDS: u32 = 20;

/// What the value of a name is.
pub(crate) mod kind {
    pub(crate) const TEXT: u32 = 1;
    pub(crate) const NUMBER: u32 = 2;
    pub(crate) const NULL: u32 = 4;
    pub(crate) const OBJECT: u32 = 8;
    pub(crate) const LIST: u32 = 16;
    /// The name stands in an object below the first.
    pub(crate) const INNER: u32 = 32;
    /// All of them.
    pub(crate) const ALL: u32 = 63;
}

/// Classes of bytes.
mod class {
    pub(super) const OTHER: u8 = 0;
    pub(super) const SPACE: u8 = 1;
    pub(super) const BREAK: u8 = 2;
    pub(super) const CONTROL: u8 = 3;
    pub(super) const BRACE_OPEN: u8 = 4;
    pub(super) const BRACE_CLOSE: u8 = 5;
    pub(super) const LIST_OPEN: u8 = 6;
    pub(super) const LIST_CLOSE: u8 = 7;
    pub(super) const COLON: u8 = 8;
    pub(super) const COMMA: u8 = 9;
    pub(super) const QUOTE: u8 = 10;
    pub(super) const BACKSLASH: u8 = 11;
    pub(super) const SLASH: u8 = 12;
    pub(super) const MINUS: u8 = 13;
    pub(super) const ZERO: u8 = 14;
    pub(super) const NONZERO: u8 = 15;
    pub(super) const N: u8 = 16;
    pub(super) const U: u8 = 17;
    pub(super) const L: u8 = 18;
    /// Hexadecimal, and letters of an escape.
    pub(super) const B_F: u8 = 19;
    pub(super) const R_T: u8 = 20;
    pub(super) const HEX: u8 = 21;
    pub(super) const COUNT: u8 = 22;
}

/// Where in the document: in the object itself, in an object in it, in a list in it.
const ROOT: u32 = 0;
const INNER: u32 = 1;
const LIST: u32 = 2;

/// States of each of these.
const FIRST: u32 = 0;
const NEXT: u32 = 1;
const NAME: u32 = 2;
const NAMED: u32 = 3;
const VALUE: u32 = 4;
const TEXT: u32 = 5;
const ESCAPE: u32 = 6;
const HEX_1: u32 = 7;
const HEX_4: u32 = 10;
const NEGATIVE: u32 = 11;
const ZERO: u32 = 12;
const DIGITS: u32 = 13;
const N: u32 = 14;
const NU: u32 = 15;
const NUL: u32 = 16;
const AFTER: u32 = 17;
const COUNT: u32 = 18;

static CLASSES: [u8; 256] = classes();
static STEPS: [[u32; 32]; 64] = steps();

/// What a byte does in a state.
pub(crate) fn step(state: u32, byte: u8) -> u32 {
    let class = CLASSES[usize::from(byte)];
    STEPS[(state & STATE) as usize][usize::from(class & 31)]
}

const fn classes() -> [u8; 256] {
    let mut classes = [class::OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' => class::SPACE,
            b'\t' | b'\n' | b'\r' => class::BREAK,
            0..0x20 => class::CONTROL,
            b'{' => class::BRACE_OPEN,
            b'}' => class::BRACE_CLOSE,
            b'[' => class::LIST_OPEN,
            b']' => class::LIST_CLOSE,
            b':' => class::COLON,
            b',' => class::COMMA,
            b'"' => class::QUOTE,
            b'\\' => class::BACKSLASH,
            b'/' => class::SLASH,
            b'-' => class::MINUS,
            b'0' => class::ZERO,
            b'1'..=b'9' => class::NONZERO,
            b'n' => class::N,
            b'u' => class::U,
            b'l' => class::L,
            b'b' | b'f' => class::B_F,
            b'r' | b't' => class::R_T,
            b'a' | b'c' | b'd' | b'e' | b'A'..=b'F' => class::HEX,
            _ => class::OTHER,
        };
        byte += 1;
    }
    classes
}

const fn steps() -> [[u32; 32]; 64] {
    let mut steps = [[BAD; 32]; 64];
    let mut class = 0;
    while class < class::COUNT {
        let at = class as usize;
        let white = matches!(class, class::SPACE | class::BREAK);
        if white {
            steps[START as usize][at] = START;
            steps[END as usize][at] = END;
        }
        let mut part = ROOT;
        while part <= LIST {
            let mut local = 0;
            while local < COUNT {
                steps[of(part, local) as usize][at] = inside(part, local, class);
                local += 1;
            }
            part += 1;
        }
        class += 1;
    }
    steps[START as usize][class::BRACE_OPEN as usize] = of(ROOT, FIRST);
    steps
}

/// The state of a part.
const fn of(part: u32, local: u32) -> u32 {
    BAD + 1 + part * COUNT + local
}

const fn inside(part: u32, local: u32, class: u8) -> u32 {
    let in_list = part == LIST;
    match local {
        FIRST | NEXT | NAMED | VALUE | AFTER if matches!(class, class::SPACE | class::BREAK) => {
            of(part, local)
        }
        FIRST | NEXT if class == class::QUOTE && in_list => of(part, TEXT) | 1 << ITEM_OPEN,
        FIRST | NEXT if class == class::QUOTE => {
            of(part, NAME) | 1 << NAME_OPEN | if part == INNER { kind::INNER << KINDS } else { 0 }
        }
        FIRST if class == closing(part) => closed(part),
        NAME => name(part, class),
        NAMED if class == class::COLON => of(part, VALUE),
        VALUE => value(part, class),
        TEXT | ESCAPE | HEX_1..=HEX_4 => text(part, local, class),
        NEGATIVE if class == class::NONZERO => of(part, DIGITS) | 1 << DIGIT,
        DIGITS if matches!(class, class::ZERO | class::NONZERO) => of(part, DIGITS) | 1 << DIGIT,
        N if class == class::U => of(part, NU),
        NU if class == class::L => of(part, NUL),
        NUL if class == class::L => of(part, AFTER),
        ZERO | DIGITS | AFTER => match class {
            class::SPACE | class::BREAK => of(part, AFTER),
            class::COMMA => of(part, NEXT),
            _ if class == closing(part) => closed(part),
            _ => BAD,
        },
        _ => BAD,
    }
}

const fn closing(part: u32) -> u8 {
    if part == LIST { class::LIST_CLOSE } else { class::BRACE_CLOSE }
}

const fn closed(part: u32) -> u32 {
    if part == ROOT { END } else { of(ROOT, AFTER) }
}

const fn name(part: u32, class: u8) -> u32 {
    match class {
        class::QUOTE => of(part, NAMED),
        class::BACKSLASH | class::BREAK | class::CONTROL => BAD,
        _ => of(part, NAME) | 1 << NAME_BYTE,
    }
}

const fn value(part: u32, class: u8) -> u32 {
    match class {
        class::QUOTE => of(part, TEXT) | kind::TEXT << KINDS,
        class::MINUS => of(part, NEGATIVE) | 1 << MINUS | kind::NUMBER << KINDS,
        class::ZERO => of(part, ZERO) | 1 << DIGIT | kind::NUMBER << KINDS,
        class::NONZERO => of(part, DIGITS) | 1 << DIGIT | kind::NUMBER << KINDS,
        class::N => of(part, N) | kind::NULL << KINDS,
        class::BRACE_OPEN if part == ROOT => of(INNER, FIRST) | kind::OBJECT << KINDS,
        class::LIST_OPEN if part == ROOT => of(LIST, FIRST) | kind::LIST << KINDS,
        _ => BAD,
    }
}

const fn text(part: u32, local: u32, class: u8) -> u32 {
    match (local, class) {
        (TEXT, class::QUOTE) => {
            of(part, AFTER) | 1 << TEXT_END | if part == LIST { 1 << ITEM_END } else { 0 }
        }
        (TEXT, class::BACKSLASH) => of(part, ESCAPE),
        (TEXT, class::BREAK | class::CONTROL) => BAD,
        (TEXT, _) => of(part, TEXT) | 1 << RAW,
        (ESCAPE, class::U) => of(part, HEX_1),
        (
            ESCAPE,
            class::QUOTE | class::BACKSLASH | class::SLASH | class::N | class::B_F | class::R_T,
        ) => of(part, TEXT) | 1 << ESCAPED,
        (HEX_4, class::ZERO | class::NONZERO | class::B_F | class::HEX) => {
            of(part, TEXT) | 1 << UNIT
        }
        (HEX_1..HEX_4, class::ZERO | class::NONZERO | class::B_F | class::HEX) => {
            of(part, local + 1)
        }
        _ => BAD,
    }
}
