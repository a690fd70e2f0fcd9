//! The hot paths, each on its own so that `cargo xtask budget` can count its instructions. Without an argument, prints
//! the names of the paths, how often each runs, and the figures that are differences of two. No clock, no thread, the
//! same inputs each time; hashes with random seeds are outside of what is counted, or cost the same with any seed.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `relay`: a frame's path: appended to a stream's log, gathered into a batch, written.
//! 2. `token`: the door: verifies or refuses a token, computes its grants, decides an action.
//! 3. `token04`: opens a Token04, or refuses it: each kind of failure by itself.
//! 4. `wire`: decodes what a member sends.
//! 5. `count`: the counted function, found by its name.

mod count;
mod relay;
mod token;
mod token04;
mod wire;

use std::io::Write;

use anyhow::{Context, Result};

use count::{Path, TIMES};

fn main() -> Result<()> {
    let paths: Vec<&Path> =
        [relay::PATHS, token::PATHS, token04::PATHS, wire::PATHS].into_iter().flatten().collect();
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
