//! `backup` and `restore`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use serde_json::json;
use stagedoor_server::{BackupMade, Restored};

use super::{failure::Done, time::utc};
use crate::config::Config;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stagedoor backup /backups/monday.sqlite --data /var/lib/stagedoor"
)]
pub(super) struct BackupArguments {
    /// The file to write, which must not exist. It contains the keys' secrets, and only its owner can read it.
    file: PathBuf,
    /// The data folder.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stagedoor restore /backups/monday.sqlite --data /var/lib/stagedoor-new"
)]
pub(super) struct RestoreArguments {
    /// The file that `stagedoor backup` wrote.
    file: PathBuf,
    /// The data folder to create; if it exists, it must be empty.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// `backup`.
pub(super) fn backup(arguments: BackupArguments, config: &Config, json: bool) -> Done {
    let BackupArguments { file, data } = arguments;
    let data = data.unwrap_or_else(|| config.server.data_dir.clone());
    let made = runtime()?.block_on(stagedoor_server::backup(&data, &file));
    let BackupMade { taken_ms, bytes, apps, records } = made.map_err(anyhow::Error::from)?;
    let mut out = std::io::stdout();
    if json {
        let made = json!({
            "file": file, "taken_ms": taken_ms, "bytes": bytes, "apps": apps, "records": records,
        });
        return Ok(writeln!(out, "{made}")?);
    }
    writeln!(
        out,
        "{}: {apps} apps, {records} audit records, {bytes} bytes, checked; taken at {}",
        file.display(),
        utc(taken_ms / 1_000)
    )?;
    Ok(())
}

/// `restore`.
pub(super) fn restore(arguments: RestoreArguments, config: &Config, json: bool) -> Done {
    let RestoreArguments { file, data } = arguments;
    let data = data.unwrap_or_else(|| config.server.data_dir.clone());
    let restored = runtime()?.block_on(stagedoor_server::restore(&file, &data));
    let Restored { taken_ms, newest_ms, apps, records } = restored.map_err(anyhow::Error::from)?;
    let mut out = std::io::stdout();
    if json {
        let restored = json!({
            "folder": data, "taken_ms": taken_ms, "newest_record_ms": newest_ms, "apps": apps,
            "records": records,
        });
        return Ok(writeln!(out, "{restored}")?);
    }
    let taken = match (taken_ms, newest_ms) {
        (Some(taken_ms), _) => format!("taken at {}", utc(taken_ms / 1_000)),
        (None, Some(newest_ms)) => format!("its newest record is from {}", utc(newest_ms / 1_000)),
        (None, None) => "it has no records".into(),
    };
    writeln!(
        out,
        "restored {apps} apps and {records} audit records into {}; {taken}.\n\n\
         Everything acknowledged after that is missing: apps, keys and API keys, changes of roles, revocations and \
         bans, and audit records. Tokens that were revoked since then, and `once` tokens that were used since then, \
         are valid again until they expire; `stagedoor revoke add <app> --app` revokes all tokens of an app. Revocations \
         made from now on also cover tokens that were minted after the backup.",
        data.display()
    )?;
    Ok(())
}
