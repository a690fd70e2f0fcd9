//! Fan-out: what the server spends on one delivery, against the floor in the same run.

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use stagedoor_benches::{
    floor,
    load::{Shape, fan_out},
    server::{Server, Told},
    stagedoor::{serve, tell},
};

/// CPU of the server for one delivery, Stagedoor against a bare coalescing epoll writer, interleaved.
#[derive(Debug, Parser)]
struct Arguments {
    /// Subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Frames in flight.
    #[arg(long, default_value_t = 64)]
    window: u64,
    /// Rounds; the medians are told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Exit with 1 when Stagedoor spends more than twice the floor.
    #[arg(long)]
    check: bool,
    /// Be a server: `floor` or `stagedoor`.
    #[arg(long, hide = true)]
    role: Option<String>,
}

/// The budget: CPU for one delivery, in multiples of the floor's.
const RATIO_MAX: f64 = 2.0;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role.as_deref() {
        Some("floor") => floor::run(|address| tell(&Told { address, tokens: Vec::new() })),
        Some(_) => serve(arguments.subscribers),
        None => compare(&arguments),
    }
}

/// The generator keeps off the server's core where that can be had.
fn pin_to_the_other_core() {
    let pid = std::process::id().to_string();
    // Without `taskset` the system places it.
    let _ = std::process::Command::new("taskset")
        .args(["-cp", "1", &pid])
        .stdout(std::process::Stdio::null())
        .status();
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(arguments: &Arguments) -> Result<()> {
    let Arguments { subscribers, payload, window, rounds, seconds, .. } = *arguments;
    let shape = Shape { subscribers, payload_bytes: payload.max(8), window: window.max(1) };
    let count = subscribers.to_string();
    pin_to_the_other_core();
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    let mut out = std::io::stdout();
    writeln!(
        out,
        "1 publisher, {subscribers} subscribers, {payload} B, {window} in flight; CPU us of the server a delivery"
    )?;
    for round in 1..=rounds.max(1) {
        for (role, values) in [("floor", &mut floor), ("stagedoor", &mut ours)] {
            let server = Server::start(&["--role", role, "--subscribers", &count])?;
            let outcome = fan_out(&server, shape, Duration::from_secs(seconds))
                .with_context(|| role.to_owned())?;
            let rate = outcome.deliveries as f64 / outcome.wall_s / 1e6;
            writeln!(out, "round {round} {role:>9}: {:.3} us, {rate:.2} M/s", outcome.cpu_us())?;
            values.push(outcome.cpu_us());
        }
    }
    let (floor, ours) = (median(&mut floor), median(&mut ours));
    let ratio = ours / floor;
    writeln!(
        out,
        "median: floor {floor:.3} us, stagedoor {ours:.3} us, ratio {ratio:.2} (budget {RATIO_MAX})"
    )?;
    ensure!(
        !arguments.check || ratio <= RATIO_MAX,
        "the ratio {ratio:.2} is over its budget {RATIO_MAX}"
    );
    Ok(())
}
