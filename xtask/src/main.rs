//! The project's only scripts: `cargo xtask dev|check|order|test|web|release|bench|soak|budget`.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`tasks`]: what each does.
//! 2. [`budget`]: instructions of the hot paths.
//! 3. [`web`]: the web parts.
//! 4. [`install`]: what tests need that is not Rust.
//! 5. [`links`]: links between documents.
//! 6. [`sizes`]: how long files are.
//! 7. [`order`]: a file uses only files further down its crate's list.
//! 8. [`uses`]: the paths that a file names.
//! 9. [`source`]: Rust source as words.
//! 10. [`step`]: one child process, and the table of how all went.

mod budget;
mod install;
mod links;
mod order;
mod sizes;
mod source;
mod step;
mod tasks;
mod uses;
mod web;

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
    /// Formatting, lints, documentation, links, the order and the sizes of files, dependencies.
    Check,
    /// The order and the sizes of files alone: two steps of `check`, at once.
    Order,
    /// `check`, then every test of every language, installing what it needs.
    Test,
    /// The web parts: installs what they need, checks types, lints, tests and builds them; a part of `test`.
    Web {
        /// Write the documentation of the TypeScript SDK too, into sdk/typescript/docs.
        #[arg(long)]
        docs: bool,
    },
    /// The release binary without symbols, and they beside it, in target/dist.
    Release,
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
        Task::Order => tasks::order(),
        Task::Test => tasks::test(),
        Task::Web { docs } => web::task(docs),
        Task::Release => tasks::release(),
        Task::Bench(asked) => tasks::bench(&asked),
        Task::Soak { arguments } => tasks::soak(&arguments),
        Task::Budget { write } => budget::task(write),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
