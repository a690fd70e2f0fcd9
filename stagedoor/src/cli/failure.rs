//! How a command failed: its exit code, and its message for people or for programs.

use std::io::{ErrorKind, Write};

use serde_json::{Value, json};
use stagedoor_server::{FolderError, MasterKeyError, OpenError, sealing::SealingError};

use crate::config::ConfigError;

/// The result of a command.
pub(super) type Done = Result<(), Failure>;

/// How a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Refused, not found or failed.
    Refused(anyhow::Error),
    /// Usage or configuration.
    Usage(anyhow::Error),
    /// The server cannot be reached.
    Unreachable(anyhow::Error),
    /// Another process uses the data folder.
    InUse(anyhow::Error),
}

/// A refusal by the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {code}: {detail}")]
pub(super) struct ApiRefusal {
    /// The status and its name.
    pub(super) status: hyper::StatusCode,
    /// The stable code.
    pub(super) code: String,
    /// An explanation for people.
    pub(super) detail: String,
    /// The field of the request that is wrong.
    pub(super) field: Option<String>,
}

/// What is wrong with the master key, if that is the failure.
fn master_key(error: &anyhow::Error) -> Option<&MasterKeyError> {
    error.chain().find_map(|cause| match (cause.downcast_ref(), cause.downcast_ref()) {
        (Some(OpenError::MasterKey(error)), _) | (_, Some(SealingError::MasterKey(error))) => {
            Some(error)
        }
        _ => cause.downcast_ref(),
    })
}

/// The stable code of a failure that no API told.
fn code(error: &anyhow::Error) -> Option<&'static str> {
    let of_sealing = error.chain().find_map(|cause| cause.downcast_ref::<SealingError>()?.code());
    master_key(error).map(MasterKeyError::code).or(of_sealing)
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let is_in_use = error.chain().any(|cause| {
            let folder = match (cause.downcast_ref(), cause.downcast_ref()) {
                (Some(OpenError::Folder(folder)), _) => Some(folder),
                (_, Some(SealingError::Folder(folder))) => Some(folder),
                _ => cause.downcast_ref(),
            };
            matches!(folder, Some(FolderError::InUse { .. }))
        });
        match (is_in_use, master_key(&error)) {
            (true, _) => Self::InUse(error),
            (false, Some(_)) => Self::Usage(error),
            (false, None) => Self::Refused(error),
        }
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

    /// Whether the only failure is that nobody reads the output, as after `| head`.
    fn is_unread(&self) -> bool {
        let Self::Refused(error) = self else { return false };
        error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    }

    /// Prints the failure to standard error; returns the exit code.
    pub(super) fn print(&self, json: bool) -> u8 {
        if self.is_unread() {
            return 0;
        }
        let (exit, error) = self.parts();
        let refusal = error.downcast_ref::<ApiRefusal>();
        let text = if json {
            as_json(exit, error, refusal).to_string()
        } else {
            format!("stagedoor: {error:#}")
        };
        // Standard error is gone too: nothing can be done.
        let _ = writeln!(std::io::stderr(), "{text}");
        exit
    }
}

fn as_json(exit: u8, error: &anyhow::Error, refusal: Option<&ApiRefusal>) -> Value {
    let Some(refusal) = refusal else {
        let mut told = json!({"exit": exit, "message": format!("{error:#}")});
        if let Some(code) = code(error) {
            told["code"] = json!(code);
        }
        return json!({ "error": told });
    };
    let mut error = json!({
        "exit": exit, "status": refusal.status.as_u16(), "code": refusal.code, "message": refusal.detail,
    });
    if let Some(field) = &refusal.field {
        error["field"] = json!(field);
    }
    json!({ "error": error })
}

/// Prints clap's message or help; returns the exit code.
pub(super) fn print_usage(error: &clap::Error) -> u8 {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !json {
        // Perhaps nobody reads the output.
        let _ = error.print();
        return u8::try_from(error.exit_code()).unwrap_or(2);
    }
    let text = error.render().to_string();
    let message = text.trim().trim_start_matches("error: ");
    usage(message).print(true)
}
