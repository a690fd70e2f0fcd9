//! Names and prefixes (`spec/roles.md` §Patterns). A pattern is a name, or a prefix followed by one `*`. So it can
//! be decided exactly whether one pattern lies within another.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 256;
/// The most patterns in one list.
pub const PATTERNS_MAX: usize = 64;

/// A name, or a prefix followed by one `*`: 1 to 256 bytes of `[0-9A-Za-z_.:-]`. Cheap to clone.
///
/// ```
/// use stagedoor_grants::Pattern;
///
/// let cameras: Pattern = "cam-*".parse()?;
/// assert!(cameras.matches("cam-1") && !cameras.matches("mic-1"));
/// assert!("cam-hd-*".parse::<Pattern>()?.within(&cameras));
/// # Ok::<(), stagedoor_grants::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Arc<str>);

/// Why a text is not a pattern, or a list of patterns not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The text is empty, longer than 256 bytes, has a `*` before its end, or a character that no name has.
    #[error(
        "a pattern must be a name of [0-9A-Za-z_.:-], or a prefix of one followed by one `*`, of at most 256 bytes"
    )]
    Form,
    /// The list has more than 64 patterns.
    #[error("a list must have at most 64 patterns")]
    TooMany,
}

impl Pattern {
    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn prefix(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }

    /// Whether the pattern is a single name, without a `*`.
    pub fn is_exact(&self) -> bool {
        self.prefix().is_none()
    }

    /// Whether the pattern stands for `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.prefix().map_or_else(|| *self.0 == *name, |prefix| name.starts_with(prefix))
    }

    /// Whether `outer` stands for every name that this pattern stands for.
    pub fn within(&self, outer: &Self) -> bool {
        match (self.prefix(), outer.prefix()) {
            (Some(inner), Some(outer)) => inner.starts_with(outer),
            (Some(_), None) => false,
            (None, _) => outer.matches(&self.0),
        }
    }

    /// Whether this pattern lies within one of `outer`.
    pub fn within_any(&self, outer: &Patterns) -> bool {
        outer.0.iter().any(|outer| self.within(outer))
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let name = text.strip_suffix('*').unwrap_or(text);
        let clean = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'));
        let fits = !text.is_empty() && text.len() <= PATTERN_BYTES_MAX;
        if fits && clean { Ok(Self(text.into())) } else { Err(PatternError::Form) }
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_ref().to_owned()
    }
}

// Without a copy: the answer to every login contains the grants.
impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A list of at most 64 patterns. The empty list stands for no name. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Vec<Pattern>")]
pub struct Patterns(Arc<[Pattern]>);

impl Patterns {
    /// `["*"]`: every name.
    pub fn any() -> Self {
        Self([Pattern("*".into())].into())
    }

    /// `[]`: no name.
    pub fn none() -> Self {
        Self::default()
    }

    /// The list of these patterns.
    ///
    /// # Errors
    ///
    /// [`PatternError::Form`] where a text is not a pattern, [`PatternError::TooMany`] from 65 patterns on.
    pub fn of(texts: &[&str]) -> Result<Self, PatternError> {
        texts.iter().map(|text| text.parse()).collect::<Result<Vec<Pattern>, _>>()?.try_into()
    }

    /// Whether one of the patterns stands for `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether each pattern lies within one of `outer`.
    pub fn within(&self, outer: &Self) -> bool {
        self.0.iter().all(|pattern| pattern.within_any(outer))
    }

    /// The patterns, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether the list is empty, and so stands for no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl TryFrom<Vec<Pattern>> for Patterns {
    type Error = PatternError;

    fn try_from(patterns: Vec<Pattern>) -> Result<Self, PatternError> {
        if patterns.len() <= PATTERNS_MAX {
            Ok(Self(patterns.into()))
        } else {
            Err(PatternError::TooMany)
        }
    }
}

impl From<Patterns> for Vec<Pattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_prefixes_are_patterns() {
        let long = "a".repeat(PATTERN_BYTES_MAX);
        for good in ["a", "*", "a*", "A-z_0.9:", &long, &format!("{}*", &long[1..])] {
            assert_eq!(good.parse::<Pattern>().map(|p| p.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "**",
            "*a",
            "a*b",
            "a b",
            "a?",
            "é",
            "a/b",
            &format!("{long}a"),
            &format!("{long}*"),
        ] {
            assert_eq!(bad.parse::<Pattern>(), Err(PatternError::Form), "{bad}");
        }
    }

    #[test]
    fn a_list_of_65_is_refused() {
        assert!(Patterns::of(&["a"; PATTERNS_MAX]).is_ok());
        assert_eq!(Patterns::of(&["a"; PATTERNS_MAX + 1]), Err(PatternError::TooMany));
    }

    #[test]
    fn any_matches_every_name_and_none_matches_no_name() {
        assert!(Patterns::any().matches("x") && !Patterns::none().matches("x"));
        assert!(
            Patterns::none().within(&Patterns::none()) && Patterns::any().within(&Patterns::any())
        );
        assert!(!Patterns::any().within(&Patterns::none()));
    }
}
