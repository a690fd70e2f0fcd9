//! `root reset`.

use std::path::PathBuf;

use clap::Subcommand;
use stagedoor_server::Server;

use super::{
    failure::Done,
    local::{on_folder, show_once},
    sure::Sure,
};
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
    let show = |root: &str| {
        dev::put_root(&data, root)?;
        show_once("root", root, json)
    };
    on_folder(&data, async |folder| Server::reset_root(folder, &config.server, show).await)
}
