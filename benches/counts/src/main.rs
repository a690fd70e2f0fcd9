//! The hot paths, each run by itself so that `cargo xtask budget` can count its instructions. Without an
//! argument: the names of the paths, each with how often it is run, and what is told by the difference of
//! two. No clock, no thread, the same inputs each time; hashes of random seeds stand only in what is not
//! counted, or cost the same with any seed.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `relay`: a frame on its way: appended to a stream's log, gathered into a batch, written.
//! 2. `token`: the door: a token verified or refused, its grants found, an action decided.
//! 3. `wire`: what a member sends, decoded.
//! 4. `count`: what is counted: the inside of `counted`, by its name.

mod count;
mod relay;
mod token;
mod wire;

use std::io::Write;

use anyhow::{Context, Result};

use count::{Path, TIMES};

fn main() -> Result<()> {
    let paths: Vec<&Path> =
        [relay::PATHS, token::PATHS, wire::PATHS].into_iter().flatten().collect();
    let Some(wanted) = std::env::args().nth(1) else {
        let mut out = std::io::stdout().lock();
        for (name, _) in paths {
            writeln!(out, "{name} {TIMES}")?;
        }
        for (name, seats) in relay::DRAINS {
            writeln!(out, "{name} {seats}")?;
        }
        for (name, whole, part) in token::DIFFERENCES {
            writeln!(out, "{name} = {whole} - {part}")?;
        }
        return Ok(());
    };
    if let Some((_, seats)) = relay::DRAINS.iter().find(|(name, _)| *name == wanted) {
        return relay::drain(*seats);
    }
    let (_, run) = paths.iter().find(|(name, _)| *name == wanted).context("no such path")?;
    run()
}
