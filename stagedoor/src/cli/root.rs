//! `root reset`.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, ensure};
use clap::Subcommand;
use serde_json::json;
use stagedoor_server::{DataFolder, Server};

use super::{failure::Done, sure::Sure};
use crate::{config::Config, dev};

#[derive(Debug, Subcommand)]
pub(super) enum Root {
    /// Make a new root credential and print it, only once; the old one stops working. Run it on the server's machine
    /// while no server uses the data folder.
    Reset {
        /// The data folder.
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs the command.
pub(super) fn run(command: Root, config: &Config, json: bool) -> Done {
    let Root::Reset { data, sure } = command;
    let data = data.unwrap_or_else(|| config.server.data_dir.clone());
    sure.confirm("this makes the present root credential useless")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done: anyhow::Result<()> = runtime.block_on(async {
        ensure!(
            DataFolder::has_database(&data),
            "{} contains no database; pass the data folder with --data",
            data.display()
        );
        let folder = DataFolder::open(&data)?;
        let show = |root: &str| {
            dev::put_root(&data, root)?;
            let mut out = std::io::stdout();
            if json {
                writeln!(out, "{}", json!({ "root": root }))?;
            } else {
                writeln!(out, "{root}")?;
            }
            out.flush()
        };
        Server::reset_root(folder, &config.server, show).await.context(data.display().to_string())
    });
    Ok(done?)
}
