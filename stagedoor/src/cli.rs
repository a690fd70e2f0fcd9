//! The command line. First room of the binary, before `dev`.

use std::process::ExitCode;

/// Runs the command line.
pub fn run() -> ExitCode {
    ExitCode::from(2)
}
