//! A text message that is no request, and why.

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
