//! The number of a refused attempt: shown to the client beside the public code, and written into the record beside the
//! exact one. Random, so that it tells nothing and cannot be guessed for another attempt.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const PREFIX: &str = "a_";
const CHARS: usize = 8;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The number of an attempt: 8 characters of base62, written as `a_7Kq3TzWn`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt([u8; CHARS]);

/// The text is no number of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an attempt is `a_` and 8 letters and digits")]
pub struct NotAnAttempt;

impl Attempt {
    /// A new one; `None` where the system gives no random bytes.
    pub fn random() -> Option<Self> {
        let mut rest = getrandom::u64().ok()?;
        let mut chars = [0; CHARS];
        for char in &mut chars {
            *char = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        Some(Self(chars))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Attempt {
    type Err = NotAnAttempt;

    fn from_str(text: &str) -> Result<Self, NotAnAttempt> {
        let chars = text.strip_prefix(PREFIX).ok_or(NotAnAttempt)?.as_bytes();
        let chars: [u8; CHARS] = chars.try_into().map_err(|_| NotAnAttempt)?;
        if !chars.iter().all(u8::is_ascii_alphanumeric) {
            return Err(NotAnAttempt);
        }
        Ok(Self(chars))
    }
}

impl Serialize for Attempt {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Attempt {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_back_as_it_was_written() {
        let (one, other) = (Attempt::random(), Attempt::random());
        let (one, other) = (one.expect("random"), other.expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.to_string().parse(), Ok(one));
        let json = serde_json::to_string(&one).expect("JSON");
        assert_eq!(json, format!("\"{one}\""));
        assert_eq!(serde_json::from_str::<Attempt>(&json).expect("an attempt"), one);
    }

    #[test]
    fn only_a_prefix_and_8_letters_and_digits_are_an_attempt() {
        assert!("a_7Kq3TzWn".parse::<Attempt>().is_ok());
        for bad in ["", "a_", "7Kq3TzWn", "a_7Kq3TzW", "a_7Kq3TzWnn", "a_7Kq3Tz-n", "A_7Kq3TzWn"] {
            assert_eq!(bad.parse::<Attempt>(), Err(NotAnAttempt), "{bad:?}");
        }
        assert_eq!("a_7Kq3Tzé".parse::<Attempt>(), Err(NotAnAttempt));
    }
}
