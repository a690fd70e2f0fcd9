//! A server to compare Stagedoor with: `peer floor`, `peer floor-one-by-one` or `peer broadcast`. Prints its address in
//! one line on standard output.

use std::{io::Write, net::SocketAddr};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use stagedoor_benches::{
    broadcast,
    floor::{self, Writing},
};

/// A server to compare Stagedoor with.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server.
    which: Which,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Floor,
    FloorOneByOne,
    Broadcast,
}

fn print_address(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({ "address": address }))?;
    Ok(out.flush()?)
}

fn main() -> Result<()> {
    match Arguments::parse().which {
        Which::Floor => floor::run(Writing::Coalesced, print_address),
        Which::FloorOneByOne => floor::run(Writing::OneByOne, print_address),
        Which::Broadcast => broadcast::run(print_address),
    }
}
