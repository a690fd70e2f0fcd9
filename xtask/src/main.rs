//! The project's tasks: `cargo xtask dev|check|order|test|web|release|bench|soak|budget`.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`tasks`]: what each does.
//! 2. [`budget`]: instructions of the hot paths.
//! 3. [`web`]: checks, tests and builds the web parts.
//! 4. [`lock`]: whether the built pages are those of their sources.
//! 5. [`install`]: installs what tests need that is not Rust.
//! 6. [`links`]: links between documents.
//! 7. [`sizes`]: how long files are.
//! 8. [`order`]: checks that a file uses only files further down its crate's list.
//! 9. [`uses`]: the paths that a file names.
//! 10. [`source`]: Rust source as tokens.
//! 11. [`step`]: one child process, and the table of results.

mod budget;
mod install;
mod links;
mod lock;
mod order;
mod sizes;
mod source;
mod step;
mod tasks;
mod uses;
mod web;

use std::process::ExitCode;

use clap::Parser;

/// The task.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Build and start Stagedoor for development; further arguments go to `stagedoor dev`.
    Dev {
        /// Arguments for `stagedoor dev`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check formatting, lints, documentation, links, the order and the sizes of files, packages, spelling, dependencies.
    Check,
    /// Check only the order and the sizes of files, quickly.
    Order,
    /// Run `check`, then every test in every language, installing what it needs.
    Test,
    /// Check, test and build the web parts, installing what they need; writes the pages that are checked in as built.
    Web {
        /// Also write the documentation of the TypeScript SDK, into sdk/typescript/docs.
        #[arg(long)]
        docs: bool,
        /// Only build the pages that are checked in as built, and write their lock.
        #[arg(long, conflicts_with = "docs")]
        pages: bool,
        /// Only serve the classroom while you work on it, with what is not a page from 127.0.0.1:7880.
        #[arg(long, conflicts_with_all = ["docs", "pages", "screenshots"])]
        watch: bool,
        /// Only take pictures of the main pages, into target/screenshots; needs `target/debug/stagedoor`.
        #[arg(long, conflicts_with_all = ["docs", "pages"])]
        screenshots: bool,
    },
    /// Build the release binary without symbols, and its symbols beside it, in target/dist.
    Release,
    /// Compare Stagedoor with a floor and other engines; writes benches/RESULTS.md.
    Bench(tasks::Bench),
    /// Run a webinar for ten minutes, with `--attack` beside hostile clients; further arguments go to the program.
    Soak {
        /// Arguments for the program, such as `--attack --seconds 60`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Count the instructions of the hot paths against their budgets.
    Budget {
        /// Save the counts as the budgets.
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
        Task::Web { watch: true, .. } => web::watch(),
        Task::Web { pages: true, .. } => web::pages(),
        Task::Web { screenshots: true, .. } => web::screenshots(),
        Task::Web { docs, .. } => web::task(docs),
        Task::Release => tasks::release(),
        Task::Bench(asked) => tasks::bench(&asked),
        Task::Soak { arguments } => tasks::soak(&arguments),
        Task::Budget { write } => budget::task(write),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
