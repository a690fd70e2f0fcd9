//! The side-by-side comparison. `cargo xtask bench` builds what it needs, installs the peers and starts it.

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use stagedoor_benches::compare::{Options, run};

/// Stagedoor compared with a floor and its peers, interleaved.
#[derive(Debug, Parser)]
struct Arguments {
    /// Scenarios; all by default.
    scenarios: Vec<String>,
    /// Number of rounds; the medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Run two short rounds, kept under target/bench/quick, to check that everything works.
    #[arg(long)]
    quick: bool,
    /// Exit with 1 if a goal is missed.
    #[arg(long)]
    check: bool,
}

fn main() -> Result<ExitCode> {
    let Arguments { scenarios, rounds, quick, check } = Arguments::parse();
    let missed = run(&Options { names: scenarios, rounds: rounds.into(), quick })?;
    let mut err = std::io::stderr();
    for line in &missed {
        writeln!(err, "not met: {line}")?;
    }
    Ok(if check && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
