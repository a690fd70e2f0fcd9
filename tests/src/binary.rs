//! Finds the built binary.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

/// `stagedoor` as built beside the tests; built now if it is missing.
pub fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().and_then(|deps| deps.parent()).context("a target folder")?;
    let binary = folder.join("stagedoor");
    if !binary.is_file() {
        let target = folder.parent().context("a target folder")?;
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "stagedoor", "--target-dir"])
            .arg(target)
            .status()?;
        ensure!(status.success(), "cargo build --package stagedoor");
    }
    Ok(binary)
}
