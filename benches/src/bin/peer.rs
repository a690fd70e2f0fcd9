//! A server that Stagedoor is compared with: `peer floor`, `peer floor-one-by-one` or `peer broadcast`. Tells
//! its address in one line on standard output.

use std::{io::Write, net::SocketAddr};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use stagedoor_benches::{
    broadcast,
    floor::{self, Writing},
};

/// A server that Stagedoor is compared with.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which.
    which: Which,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Floor,
    FloorOneByOne,
    Broadcast,
}

fn tell(address: SocketAddr) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({ "address": address }))?;
    Ok(out.flush()?)
}

fn main() -> Result<()> {
    match Arguments::parse().which {
        Which::Floor => floor::run(Writing::Coalesced, tell),
        Which::FloorOneByOne => floor::run(Writing::OneByOne, tell),
        Which::Broadcast => broadcast::run(tell),
    }
}
