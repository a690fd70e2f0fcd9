//! Why rules cannot be: the field, and what must stand there.

use std::fmt;

use serde_json::{Map, Value};
use stagedoor_token::Field;

/// A rule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFault {
    /// Where: `rules[2].rooms[0]`.
    pub field: Field,
    /// What is wrong there; follows the field's name.
    pub why: String,
}

impl RuleFault {
    pub(crate) fn must(field: Field, what: &str) -> Self {
        Self { field, why: format!("must be {what}") }
    }

    /// With further words of its own.
    pub fn new(field: Field, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.why)
    }
}

/// The members of an object that has no others than these.
pub(crate) fn object<'a>(
    value: &'a Value,
    field: Field,
    names: &[&str],
) -> Result<&'a Map<String, Value>, RuleFault> {
    let Value::Object(members) = value else { return Err(RuleFault::must(field, "an object")) };
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => {
            let why = format!("is not one of `{}`", names.join("` `"));
            Err(RuleFault::new(field.member(unknown), why))
        }
        None => Ok(members),
    }
}

/// A list with at least one entry and at most this number.
pub(crate) fn list<'a>(
    value: &'a Value,
    field: Field,
    max: usize,
    what: &str,
) -> Result<&'a [Value], RuleFault> {
    let fits = value.as_array().filter(|list| (1..=max).contains(&list.len()));
    fits.map(Vec::as_slice)
        .ok_or_else(|| RuleFault::must(field, &format!("a list of 1 to {max} {what}")))
}
