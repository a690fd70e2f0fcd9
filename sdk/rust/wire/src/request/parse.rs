//! Parses one text message into a request.

use serde::Deserialize;

use super::{OPS, Request, refused::Refused};
use crate::code::ErrorCode;

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    op: std::borrow::Cow<'a, str>,
    id: Option<u64>,
}

impl Request {
    /// Parses one text message.
    ///
    /// # Errors
    ///
    /// [`Refused`] where the message is not exactly one request; it has the code to answer with.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        // Most messages begin with their `op`; a good one is then read only once.
        let op = text.strip_prefix("{\"op\":\"").and_then(|rest| rest.split('"').next());
        let Some(op) = op.filter(|op| OPS.contains(op)) else { return Self::parse_any(text) };
        match Self::parse_op(op, text) {
            Ok(Some(request)) if request.is_whole() => Ok(request),
            read => Self::judge(Head::read(text)?.id, read),
        }
    }

    /// The `id` and the `op` of a message that is refused without being parsed, as far as they can be read.
    pub fn head(text: &str) -> (Option<u64>, Option<&'static str>) {
        let Ok(head) = Head::read(text) else { return (None, None) };
        (head.id, OPS.iter().copied().find(|op| *op == head.op))
    }

    /// Whether fields of which exactly one is needed are complete.
    fn is_whole(&self) -> bool {
        match self {
            Self::Login(login) => login.token.is_some() != login.ticket.is_some(),
            _ => true,
        }
    }

    pub(super) fn parse_any(text: &str) -> Result<Self, Refused> {
        let head = Head::read(text)?;
        Self::judge(head.id, Self::parse_op(&head.op, text))
    }

    fn judge(
        id: Option<u64>,
        read: Result<Option<Self>, serde_json::Error>,
    ) -> Result<Self, Refused> {
        match read {
            Ok(Some(request)) if !request.is_whole() => {
                let message = "a login brings a `token` or a `ticket`".to_owned();
                Err(Refused { id, code: ErrorCode::RequestInvalid, message })
            }
            Ok(Some(request)) => Ok(request),
            Ok(None) => {
                let message = format!("`op` is one of {}", OPS.join(", "));
                Err(Refused { id, code: ErrorCode::OpUnknown, message })
            }
            Err(error) => Err(Refused::shape(id, &error)),
        }
    }
}

impl<'a> Head<'a> {
    fn read(text: &'a str) -> Result<Self, Refused> {
        serde_json::from_str(text).map_err(|error| Refused::shape(None, &error))
    }
}
