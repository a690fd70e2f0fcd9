//! Secrets that the command line takes.

use std::{env::VarError, io::Read, path::PathBuf};

use anyhow::Context;

use super::failure::{Failure, usage};

/// Reads a secret from a file, `-` for standard input, or from the environment; never from an argument, which other
/// users of the machine could read.
pub(super) fn secret(
    file: Option<&PathBuf>,
    variable: &str,
    what: &str,
) -> Result<String, Failure> {
    let text = match file {
        Some(file) if file.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| file.display().to_string())
            .map_err(Failure::Usage)?,
        None => std::env::var(variable).map_err(|error| match error {
            VarError::NotPresent => usage(&format!("pass {what} in a file or in {variable}")),
            VarError::NotUnicode(_) => usage(&format!("{variable}: the value is not valid UTF-8")),
        })?,
    };
    Ok(text.trim().to_owned())
}
