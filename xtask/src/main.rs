//! The project's only scripts: `cargo xtask dev|check|test|bench|soak|budget`.
//!
//! In reading order: [`tasks`] (what each does), [`budget`] (instructions of the hot paths), [`install`] (what
//! tests need that is not Rust), [`links`] (links between documents), [`step`] (one child process).

mod budget;
mod install;
mod links;
mod step;
mod tasks;

use std::process::ExitCode;

use clap::Parser;

/// What is to be done.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Build and start Stagedoor for development; what follows goes to `stagedoor dev`.
    Dev {
        /// Arguments of `stagedoor dev`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Formatting, lints, documentation, dependencies, links.
    Check,
    /// `check`, then every test of every language, installing what it needs.
    Test,
    /// Stagedoor side by side with a floor and its peers; writes benches/RESULTS.md.
    Bench(tasks::Bench),
    /// A webinar for ten minutes, and with `--attack` hostile clients beside it; further arguments go to the program.
    Soak {
        /// Arguments of the program, such as `--attack --seconds 60`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Instructions of the hot paths, each against its budget.
    Budget {
        /// Write the counts as the budgets.
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Dev { arguments } => tasks::dev(&arguments),
        Task::Check => tasks::check(),
        Task::Test => tasks::test(),
        Task::Bench(asked) => tasks::bench(&asked),
        Task::Soak { arguments } => tasks::soak(&arguments),
        Task::Budget { write } => budget::task(write),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
