//! Introduces the command line to the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagedoor::cli::run()
}
