//! The hot paths, each run by itself so that `cargo xtask budget` can count its instructions. Without an
//! argument: the names of the paths, each with how often it is run, and what is told by the difference of
//! two. No clock, no thread, the same inputs each time; hashes of random seeds stand only in what is not
//! counted, or cost the same with any seed.
//!
//! In reading order: [`relay`] (append, gather, write, drain), [`token`] (verify, seat, authorize), [`wire`]
//! (decode), [`count`] (what is counted).

mod count;
mod relay;
mod token;
mod wire;

use std::io::Write;

use anyhow::{Context, Result};

use count::TIMES;

/// A path: its name in `benches/budget.toml`, and how it is run.
type Path = (&'static str, fn() -> Result<()>);

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
