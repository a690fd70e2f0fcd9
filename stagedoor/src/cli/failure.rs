//! What a command came to, if not well: its exit code, and its text for people or for programs.

use std::io::{ErrorKind, Write};

use serde_json::{Value, json};
use stagedoor_server::{FolderError, OpenError};

use crate::config::ConfigError;

/// What a command came to.
pub(super) type Done = Result<(), Failure>;

/// What a command came to, if not well.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused, not found or failed.
    Refused(anyhow::Error),
    /// Usage or configuration.
    Usage(anyhow::Error),
    /// The server cannot be reached.
    Unreachable(anyhow::Error),
    /// Another process has the data folder.
    InUse(anyhow::Error),
}

/// What the HTTP API refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {code}: {detail}")]
pub(super) struct ApiRefusal {
    /// The status and its words.
    pub(super) status: hyper::StatusCode,
    /// The stable code.
    pub(super) code: String,
    /// For people.
    pub(super) detail: String,
    /// What of the request it is about.
    pub(super) field: Option<String>,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let is_in_use = error.chain().any(|cause| {
            let folder = match cause.downcast_ref() {
                Some(OpenError::Folder(folder)) => Some(folder),
                _ => cause.downcast_ref(),
            };
            matches!(folder, Some(FolderError::InUse { .. }))
        });
        if is_in_use { Self::InUse(error) } else { Self::Refused(error) }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

pub(super) fn usage(message: &str) -> Failure {
    Failure::Usage(anyhow::anyhow!("{message}"))
}

impl Failure {
    fn parts(&self) -> (u8, &anyhow::Error) {
        match self {
            Self::Refused(error) => (1, error),
            Self::Usage(error) => (2, error),
            Self::Unreachable(error) => (3, error),
            Self::InUse(error) => (4, error),
        }
    }

    /// Whether nothing went wrong but that nobody reads on, as after `| head`.
    fn is_unread(&self) -> bool {
        let Self::Refused(error) = self else { return false };
        error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    }

    /// Tells it on standard error; the exit code.
    pub(super) fn tell(&self, json: bool) -> u8 {
        if self.is_unread() {
            return 0;
        }
        let (exit, error) = self.parts();
        let refusal = error.downcast_ref::<ApiRefusal>();
        let text = if json {
            told(exit, error, refusal).to_string()
        } else {
            format!("stagedoor: {error:#}")
        };
        // Nothing is left to be done when standard error is gone too.
        let _ = writeln!(std::io::stderr(), "{text}");
        exit
    }
}

fn told(exit: u8, error: &anyhow::Error, refusal: Option<&ApiRefusal>) -> Value {
    let Some(refusal) = refusal else {
        return json!({"error": {"exit": exit, "message": format!("{error:#}")}});
    };
    let mut error = json!({
        "exit": exit, "status": refusal.status.as_u16(), "code": refusal.code, "message": refusal.detail,
    });
    if let Some(field) = &refusal.field {
        error["field"] = json!(field);
    }
    json!({ "error": error })
}

/// Tells of words that clap does not take, or prints its help; the exit code.
pub(super) fn tell_usage(error: &clap::Error) -> u8 {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !json {
        // Nobody reads on, perhaps.
        let _ = error.print();
        return u8::try_from(error.exit_code()).unwrap_or(2);
    }
    let text = error.render().to_string();
    let message = text.trim().trim_start_matches("error: ");
    usage(message).tell(true)
}
