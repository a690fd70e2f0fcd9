//! Why a text message is not a request.

use thiserror::Error;

use crate::code::ErrorCode;

/// A text message is not a request. The relay answers it with this code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {message}", code.as_str())]
pub struct Refused {
    /// The request's `id`, where it could be read.
    pub id: Option<u64>,
    /// [`ErrorCode::RequestInvalid`] or [`ErrorCode::OpUnknown`].
    pub code: ErrorCode,
    /// What is wrong. Does not contain the sender's text.
    pub message: String,
}

impl Refused {
    pub(super) fn shape(id: Option<u64>, error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "a field is missing, unknown, given twice, too long or of the wrong shape"
            }
            _ => "not one JSON object",
        };
        let message = format!("{what} (line {}, column {})", error.line(), error.column());
        Self { id, code: ErrorCode::RequestInvalid, message }
    }
}
