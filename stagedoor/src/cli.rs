//! The command line, one file per group of commands. Parses and prints; decisions are made elsewhere.

mod app;
mod audit;
mod backup;
mod bench;
mod directory;
mod failure;
mod http;
mod issuer;
mod key_file;
mod keys;
mod leak;
mod local;
mod master_key;
mod me;
mod operator;
mod print;
mod revoke;
mod role;
mod room;
mod root;
mod secret;
mod serve;
mod settings;
mod stay;
mod sure;
mod team;
mod time;
mod token;
mod token04;
mod whoami;

use std::{collections::BTreeMap, io::Write, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use self::failure::{Done, print_usage};
use crate::config::Config;

/// Access tokens for real-time rooms, and the relay that enforces them.
///
/// Durations are written as 90s, 15m, 1h30m or 7d; a bare number is seconds. Exit codes: 0 success; 1 refused, not
/// found or failed; 2 usage or configuration; 3 the server cannot be reached; 4 another process uses the data folder.
/// With --json, errors are JSON too, on standard error.
#[derive(Debug, Parser)]
#[command(name = "stagedoor", version, propagate_version = true)]
struct Cli {
    /// The configuration file; by default `stagedoor.toml`, if it exists.
    #[arg(long, global = true, env = "STAGEDOOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run server and relay for development, with an app, its key, an API key and two tokens.
    Dev(serve::DevArguments),
    /// Run server and relay in one process.
    Serve(serve::ServeAlone),
    /// Mint, verify and inspect tokens, without a server.
    #[command(subcommand)]
    Token(token::Token),
    /// Manage apps, their keys and their API keys, over the HTTP API.
    App(app::App),
    /// List, export and verify the whole audit trail (root credential).
    Audit(Box<audit::Audit>),
    /// Report leaked credentials and revoke them, over the HTTP API.
    Leak(leak::Leak),
    /// Manage an app's roles and their versions, over the HTTP API.
    Role(role::Role),
    /// Manage issuers of ID tokens, for single sign-on, over the HTTP API.
    Issuer(issuer::Issuer),
    /// Revoke tokens and ban users, over the HTTP API.
    Revoke(revoke::Revoke),
    /// Show and moderate open rooms, over the HTTP API.
    Room(room::Room),
    /// Manage operators, who run the deployment: people and service accounts (owners).
    Operator(Box<operator::Operator>),
    /// Manage your own personal tokens and sessions.
    Me(me::Me),
    /// Show whose credential this is: its app, scopes, bounds and end, and the address that the server sees.
    Whoami(whoami::Whoami),
    /// Manage the operator's root credential, on the server's own machine.
    #[command(subcommand)]
    Root(root::Root),
    /// Seal the database's secrets, and change the keys that seal them, on the server's own machine.
    #[command(subcommand)]
    MasterKey(master_key::MasterKeyCommand),
    /// Export the directory of a relay that runs alone: apps, roles, public keys, revocations.
    #[command(subcommand)]
    Directory(directory::Directory),
    /// Back up the whole database to one file, even while a server runs.
    Backup(backup::BackupArguments),
    /// Restore a data folder from a backup.
    Restore(backup::RestoreArguments),
    /// Load-test a server: fan-out, rooms, latency, logins, slow readers, memory.
    Bench(bench::Bench),
    /// Check and print the configuration.
    #[command(subcommand)]
    Config(settings::Settings),
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the OpenAPI document.
    Openapi,
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(print_usage(&error)),
    };
    let json = cli.json;
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.print(json)),
    }
}

fn dispatch(cli: Cli) -> Done {
    let json = cli.json;
    let config = |flags: &BTreeMap<String, String>| {
        Config::load(cli.config.as_deref(), std::env::vars_os(), flags)
    };
    match cli.command {
        Command::Dev(arguments) => {
            let config = config(&arguments.flags())?.on_this_machine()?;
            serve::dev(&config, arguments.is_fresh(), json)
        }
        Command::Serve(arguments) => {
            let loaded = config(&arguments.flags())?;
            let in_vain = loaded.of_the_server();
            match arguments.directory() {
                None => serve::serve(&loaded.on_this_machine()?),
                Some(file) => serve::serve_relay(&loaded.on_this_machine()?, file, &in_vain),
            }
        }
        Command::Directory(command) => {
            directory::run(command, &config(&BTreeMap::new())?.unlooked(), json)
        }
        Command::Token(command) => token::run(command, json),
        Command::App(command) => app::run(command, json),
        Command::Audit(command) => {
            audit::run(*command, || Ok(config(&BTreeMap::new())?.unlooked()), json)
        }
        Command::Leak(command) => leak::run(&command, json),
        Command::Role(command) => role::run(&command, json),
        Command::Issuer(command) => issuer::run(&command, json),
        Command::Revoke(command) => revoke::run(&command, json),
        Command::Room(command) => room::run(command, json),
        Command::Operator(command) => {
            operator::run(*command, || Ok(config(&BTreeMap::new())?.unlooked()), json)
        }
        Command::Me(command) => me::run(command, json),
        Command::Whoami(command) => whoami::run(&command, json),
        Command::Root(command) => root::run(command, &config(&BTreeMap::new())?.unlooked(), json),
        Command::MasterKey(command) => {
            master_key::run(command, &config(&BTreeMap::new())?.unlooked(), json)
        }
        Command::Backup(arguments) => {
            backup::backup(arguments, &config(&BTreeMap::new())?.unlooked(), json)
        }
        Command::Restore(arguments) => {
            backup::restore(arguments, &config(&BTreeMap::new())?.unlooked(), json)
        }
        Command::Bench(arguments) => bench::run(&arguments, json),
        Command::Config(command) => settings::run(&command, config(&BTreeMap::new())),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stagedoor", &mut text);
            Ok(std::io::stdout().write_all(&text)?)
        }
        Command::Openapi => Ok(write!(std::io::stdout(), "{}", stagedoor_server::openapi())?),
    }
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
