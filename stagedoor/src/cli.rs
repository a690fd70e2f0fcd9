//! The command line, and one file for each group of commands. First room of the binary, before `dev`.
//! Parses and prints; every decision is made elsewhere.

mod app;
mod audit;
mod bench;
mod http;
mod revoke;
mod role;
mod room;
mod root;
mod serve;
mod settings;
mod stay;
mod token;

use std::{
    collections::BTreeMap,
    env::VarError,
    io::{Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use serde_json::Value;
use stagedoor_server::{FolderError, OpenError};

use crate::config::{Config, ConfigError};

/// Access tokens for real-time rooms, and the relay that enforces them.
///
/// Exit codes: 0 done; 1 refused, not found or failed; 2 usage or configuration; 3 the server cannot be
/// reached; 4 another process has the data folder.
#[derive(Debug, Parser)]
#[command(name = "stagedoor", version, propagate_version = true)]
struct Cli {
    /// The configuration file; `stagedoor.toml` if it is there.
    #[arg(long, global = true, env = "STAGEDOOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything needed to see it run: a first app, its key, an API key, two tokens, the server and the
    /// relay.
    Dev(serve::DevArguments),
    /// Server and relay in one process.
    Serve(serve::ServeArguments),
    /// Mint, verify and inspect tokens, without a server.
    #[command(subcommand)]
    Token(token::Token),
    /// Apps, their keys and their API keys, over the HTTP API.
    App(app::App),
    /// List the whole audit trail, newest first (root credential), over the HTTP API.
    Audit(audit::Audit),
    /// An app's roles, their versions, and files of them, over the HTTP API.
    Role(role::Role),
    /// Revoke tokens and ban, over the HTTP API.
    Revoke(revoke::Revoke),
    /// Rooms as they are now, over the HTTP API.
    Room(room::Room),
    /// The operator's root credential, on the machine itself.
    #[command(subcommand)]
    Root(root::Root),
    /// Load a server and measure it: fan-out, rooms, latency, logins, slow readers, memory.
    Bench(bench::Bench),
    /// Check and print the configuration.
    #[command(subcommand)]
    Config(settings::Settings),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document.
    Openapi,
}

/// What a command came to, if not well.
#[derive(Debug)]
enum Failure {
    /// Refused, not found or failed.
    Refused(anyhow::Error),
    /// Usage or configuration.
    Usage(anyhow::Error),
    /// The server cannot be reached.
    Unreachable(anyhow::Error),
    /// Another process has the data folder.
    InUse(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let is_in_use = error.chain().any(|cause| {
            let folder = match cause.downcast_ref() {
                Some(OpenError::Folder(folder)) => Some(folder),
                _ => cause.downcast_ref(),
            };
            matches!(folder, Some(FolderError::InUse { .. }))
        });
        if is_in_use { Self::InUse(error) } else { Self::Refused(error) }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.into())
    }
}

type Done = Result<(), Failure>;

fn usage(message: &str) -> Failure {
    Failure::Usage(anyhow::anyhow!("{message}"))
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let (code, error) = match dispatch(cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Refused(error)) => (1, error),
        Err(Failure::Usage(error)) => (2, error),
        Err(Failure::Unreachable(error)) => (3, error),
        Err(Failure::InUse(error)) => (4, error),
    };
    // Nothing is left to be done when standard error is gone too.
    let _ = writeln!(std::io::stderr(), "stagedoor: {error:#}");
    ExitCode::from(code)
}

fn dispatch(cli: Cli) -> Done {
    let json = cli.json;
    let config = |flags: &BTreeMap<String, String>| {
        Config::load(cli.config.as_deref(), std::env::vars_os(), flags)
    };
    match cli.command {
        Command::Dev(arguments) => {
            let config = config(&arguments.flags())?;
            serve::dev(&config, json)
        }
        Command::Serve(arguments) => serve::serve(&config(&arguments.flags())?),
        Command::Token(command) => token::run(command, json),
        Command::App(command) => app::run(command, json),
        Command::Audit(command) => audit::run(&command, json),
        Command::Role(command) => role::run(&command, json),
        Command::Revoke(command) => revoke::run(&command, json),
        Command::Room(command) => room::run(command, json),
        Command::Root(command) => root::run(command, &config(&BTreeMap::new())?, json),
        Command::Bench(arguments) => bench::run(&arguments, json),
        Command::Config(command) => settings::run(&command, config(&BTreeMap::new())),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "stagedoor",
                &mut std::io::stdout(),
            );
            Ok(())
        }
        Command::Openapi => Ok(write!(std::io::stdout(), "{}", stagedoor_server::openapi())?),
    }
}

/// A secret from a file, `-` for standard input, or the environment; never from an argument, which other
/// users of the machine could read.
fn secret(file: Option<&PathBuf>, variable: &str, what: &str) -> Result<String, Failure> {
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
            VarError::NotPresent => usage(&format!("give {what} by a file or by {variable}")),
            VarError::NotUnicode(_) => usage(&format!("{variable}: the value is not UTF-8")),
        })?,
    };
    Ok(text.trim().to_owned())
}

/// Prints a value: as JSON, or for people.
fn print(value: &Value, json: bool) -> Done {
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{value}")?;
        return Ok(());
    }
    let Some(items) = value.get("items").and_then(Value::as_array) else {
        return Ok(write!(out, "{}", lines(value, 0))?);
    };
    let Some(first) = items.first().and_then(Value::as_object) else {
        return Ok(writeln!(out, "none")?);
    };
    let names: Vec<&String> = first.keys().collect();
    let mut rows = vec![names.iter().map(|name| (*name).clone()).collect::<Vec<_>>()];
    rows.extend(
        items.iter().map(|item| names.iter().map(|name| plain(&item[name.as_str()])).collect()),
    );
    let widths: Vec<usize> = (0..names.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    if let Some(next) = value.get("next").filter(|next| !next.is_null()) {
        writeln!(out, "more: --after {}", plain(next))?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn lines(value: &Value, depth: usize) -> String {
    let Some(object) = value.as_object() else { return format!("{}\n", plain(value)) };
    let mut out = String::new();
    for (name, value) in object {
        let indent = "  ".repeat(depth);
        if value.is_object() {
            out += &format!("{indent}{name}\n{}", lines(value, depth + 1));
        } else {
            out += &format!("{indent}{name:<14} {}\n", plain(value));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_secret_by_value() {
        fn names(command: &clap::Command, all: &mut Vec<String>) {
            all.extend(command.get_arguments().filter_map(|a| a.get_long().map(ToOwned::to_owned)));
            command.get_subcommands().for_each(|below| names(below, all));
        }
        let mut all = Vec::new();
        names(&Cli::command(), &mut all);
        assert!(
            all.contains(&"secret-file".to_owned()) && all.contains(&"api-key-file".to_owned())
        );
        for bad in ["secret", "token", "api-key", "password"] {
            assert!(!all.contains(&bad.to_owned()), "--{bad}");
        }
    }
}
