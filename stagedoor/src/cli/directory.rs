//! `directory export`.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use stagedoor_bus::DirectoryFile;

use super::failure::Done;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Directory {
    /// Write what a relay alone needs to one file, also while a server runs. It holds no secret.
    Export(ExportArguments),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stagedoor directory export /srv/edge/directory.json --data /var/lib/stagedoor"
)]
pub(super) struct ExportArguments {
    /// The file to write. An earlier one is replaced at once, so a relay never reads half of it.
    file: PathBuf,
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// `directory`.
pub(super) fn run(command: Directory, config: &Config, json: bool) -> Done {
    let Directory::Export(ExportArguments { file, data }) = command;
    let data = data.unwrap_or_else(|| config.server.data_dir.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let directory = runtime.block_on(stagedoor_server::export_directory(&data));
    let directory = directory.map_err(anyhow::Error::from)?;
    write(&file, &directory).with_context(|| file.display().to_string())?;
    let keys: usize = directory.apps.iter().map(|app| app.keys.len()).sum();
    let revocations: usize = directory.apps.iter().map(|app| app.revocations.len()).sum();
    let without = directory.apps.iter().filter(|app| app.keys.is_empty()).map(|app| app.app.0);
    let without: Vec<u32> = without.collect();
    let (mut out, apps) = (std::io::stdout(), directory.apps.len());
    if json {
        let made = json!({
            "file": file, "made_ms": directory.made_ms, "apps": apps, "keys": keys,
            "revocations": revocations, "without_public_keys": without,
        });
        return Ok(writeln!(out, "{made}")?);
    }
    for app in without {
        writeln!(
            std::io::stderr(),
            "warning: the app {app} has no public key, so no token of it opens anything there; give it a key of EdDSA"
        )?;
    }
    writeln!(
        out,
        "{}: {apps} apps, {keys} public keys, {revocations} revocations",
        file.display()
    )?;
    Ok(())
}

/// Writes the file completely, or not at all.
fn write(file: &Path, directory: &DirectoryFile) -> anyhow::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(name);
    let written = (|| {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        serde_json::to_writer(&mut out, directory)?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        fs::rename(&new, file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        anyhow::Ok(())
    })();
    if written.is_err() {
        // It may not exist.
        let _ = fs::remove_file(&new);
    }
    written
}
