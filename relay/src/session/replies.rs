//! Answers to requests, as frames, and refusals, as values.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use stagedoor_token::Rule;
use stagedoor_wire::{
    code::ErrorCode,
    reply::{Done, Outcome, Refusal, Reply},
};

use crate::{door::Denied, log::encode};

/// A refusal with only a code and a text.
pub(crate) fn refusal(code: ErrorCode, message: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal::new(code.as_str(), message))
}

/// The refusal for a rule of the member's grants.
pub(super) fn denied(rule: Rule) -> Box<Refusal> {
    let message = format!("the rule `{}` of the member's grants does not allow this", rule.name());
    Box::new(Refusal {
        code: Cow::Borrowed(rule.code()),
        rule: Some(Cow::Borrowed(rule.name())),
        ..*refusal(ErrorCode::OpUnknown, message)
    })
}

/// The refusal for a role that has reached its maximum of members.
pub(super) fn role_full() -> Box<Refusal> {
    refusal(ErrorCode::RoleFull, Denied::RoleFull.to_string())
}

/// The frame of an answer.
pub(crate) fn ok(id: u64, value: impl Serialize) -> Bytes {
    encode::json(&Reply { re: Some(id), outcome: Outcome::Ok(value) })
}

/// The frame of a refusal.
pub(crate) fn refused(id: Option<u64>, refusal: Refusal) -> Bytes {
    encode::json(&Reply::<Done> { re: id, outcome: Outcome::Error(refusal) })
}

/// The codes come from a closed set, so metrics may carry them.
pub(super) fn label(code: &str) -> &'static str {
    ErrorCode::ALL
        .iter()
        .map(|known| known.as_str())
        .find(|known| *known == code)
        .unwrap_or("other")
}
