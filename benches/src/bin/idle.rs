//! What an idle connection, logged in and in a room, costs the server in memory.

use std::io::Write;

use anyhow::{Result, ensure};
use clap::Parser;
use stagedoor_benches::{load::idle, server::Server, stagedoor::serve};

/// Memory of an idle seat.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seats.
    #[arg(long, default_value_t = 10_000)]
    subscribers: usize,
    /// Exit with 1 when a seat costs more than 12 KB.
    #[arg(long)]
    check: bool,
    /// Be the server.
    #[arg(long, hide = true)]
    role: Option<String>,
}

/// The budget of one seat, in bytes.
const SEAT_BYTES_MAX: f64 = 12_000.0;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.role.is_some() {
        return serve(arguments.subscribers);
    }
    let count = arguments.subscribers.to_string();
    let server = Server::start(&["--role", "stagedoor", "--subscribers", &count])?;
    let bytes = idle(&server, arguments.subscribers)?;
    writeln!(
        std::io::stdout(),
        "{count} seats in one room: {bytes:.0} bytes each (budget {SEAT_BYTES_MAX:.0})"
    )?;
    ensure!(!arguments.check || bytes <= SEAT_BYTES_MAX, "over the budget");
    Ok(())
}
