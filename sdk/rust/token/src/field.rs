//! A place in the claims, as a path: `iat`, `grants.publish.streams[1]` (`spec/token.md` §Fields). Bounded and made of
//! plain characters, so it is safe in any text.

use std::{
    fmt::{self, Write},
    str,
};

use serde::{Serialize, Serializer};

/// The longest path, in bytes. Longer ones are cut.
pub const FIELD_BYTES_MAX: usize = 63;
/// Of an unknown name, only this many characters are kept.
const NAME_CHARS_MAX: usize = 32;

/// A path into the claims. The empty path stands for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    bytes: [u8; FIELD_BYTES_MAX],
    len: u8,
}

impl Field {
    /// The empty path: the claims as a whole.
    pub const WHOLE: Self = Self { bytes: [0; FIELD_BYTES_MAX], len: 0 };

    /// The path with this text. Characters other than those of paths become `?`, and what is too long is cut.
    pub fn of(path: &str) -> Self {
        let mut field = Self::WHOLE;
        path.chars().for_each(|c| field.put(c, true));
        field
    }

    /// The path of a field of the object at this path.
    #[must_use]
    pub fn member(mut self, name: &str) -> Self {
        if self.len > 0 {
            self.put('.', true);
        }
        name.chars().take(NAME_CHARS_MAX).for_each(|c| self.put(c, false));
        if name.is_empty() {
            self.put('?', false);
        }
        self
    }

    /// The path of an element of the list at this path, from 0.
    #[must_use]
    pub fn element(mut self, at: usize) -> Self {
        // Writing cannot fail: what is too long is cut.
        let _ = write!(self, "[{at}]");
        self
    }

    /// The path as text, at most [`FIELD_BYTES_MAX`] bytes.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Whether this is the empty path.
    pub fn is_whole(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, c: char, path: bool) {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/' | '#' | '@');
        let clean = if plain || path && matches!(c, '.' | '[' | ']') { c } else { '?' };
        if let Some(place) = self.bytes.get_mut(usize::from(self.len)) {
            *place = clean as u8;
            self.len += 1;
        }
    }
}

impl From<&str> for Field {
    fn from(path: &str) -> Self {
        Self::of(path)
    }
}

impl Write for Field {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().for_each(|c| self.put(c, true));
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({self})")
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_in_code() {
        let field = Field::WHOLE.member("grants").member("publish").member("streams").element(63);
        assert_eq!(field.as_str(), "grants.publish.streams[63]");
        assert_eq!(Field::of("grants.publish.streams[63]"), field);
        assert!(Field::WHOLE.is_whole() && Field::of("").is_whole() && !field.is_whole());
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(Field::WHOLE.member("a.b[0] `c`\"\u{e9}\n").as_str(), "a?b?0???c????");
        assert_eq!(Field::WHOLE.member("").as_str(), "?");
        assert_eq!(Field::WHOLE.member(&"n".repeat(99)).as_str(), "n".repeat(32));
        let deep = (0..9).fold(Field::WHOLE, |field, _| field.member(&"n".repeat(32)).element(7));
        assert_eq!(deep.as_str().len(), FIELD_BYTES_MAX);
        assert!(Field::of("<script>\u{1f3ad}").as_str().starts_with("?script??"));
    }
}
