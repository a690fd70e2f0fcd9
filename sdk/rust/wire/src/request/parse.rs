//! One text message becomes a request, or the reason why it is none. Of `request`.

use serde::Deserialize;

use super::{OPS, Request};
use crate::code::ErrorCode;

/// A text message that is no request: which code answers it, and to which `id`, if it had one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The `id` of the request, if that much could be read.
    pub id: Option<u64>,
    /// [`ErrorCode::RequestInvalid`] or [`ErrorCode::OpUnknown`].
    pub code: ErrorCode,
    /// What was wrong, without the sender's own text.
    pub message: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    op: std::borrow::Cow<'a, str>,
    id: Option<u64>,
}

impl Request {
    /// Parses one text message.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        // Most begin with their `op`; what is good is read once then.
        let op = text.strip_prefix("{\"op\":\"").and_then(|rest| rest.split('"').next());
        match op.map(|op| Self::parse_op(op, text)) {
            Some(Ok(Some(request))) if request.is_whole() => Ok(request),
            _ => Self::parse_any(text),
        }
    }

    /// Whether it says what must be said one way or another.
    fn is_whole(&self) -> bool {
        match self {
            Self::Login(login) => login.token.is_some() != login.ticket.is_some(),
            _ => true,
        }
    }

    pub(super) fn parse_any(text: &str) -> Result<Self, Refused> {
        let head: Head<'_> =
            serde_json::from_str(text).map_err(|error| Refused::shape(None, &error))?;
        match Self::parse_op(&head.op, text) {
            Ok(Some(request)) if !request.is_whole() => {
                let message = "a login brings a `token` or a `ticket`".to_owned();
                Err(Refused { id: head.id, code: ErrorCode::RequestInvalid, message })
            }
            Ok(Some(request)) => Ok(request),
            Ok(None) => {
                let message = format!("`op` is one of {}", OPS.join(", "));
                Err(Refused { id: head.id, code: ErrorCode::OpUnknown, message })
            }
            Err(error) => Err(Refused::shape(head.id, &error)),
        }
    }
}

impl Refused {
    fn shape(id: Option<u64>, error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "a field is missing, unknown, given twice or of the wrong shape"
            }
            _ => "not one JSON object",
        };
        let message = format!("{what} (line {}, column {})", error.line(), error.column());
        Self { id, code: ErrorCode::RequestInvalid, message }
    }
}
