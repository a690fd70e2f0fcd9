//! `backup` and `restore`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use stagedoor_server::{BackupMade, KeyId, MasterKey, MasterKeyError, Restored};

use super::{failure::Done, time::utc};
use crate::config::Config;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  stagedoor backup /backups/monday.sqlite --data /var/lib/stagedoor"
)]
pub(super) struct BackupArguments {
    /// The file to write, which must not exist. It contains the keys' secrets, sealed as the
    /// database has them, and only its owner can read it.
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
    let Restored { taken_ms, newest_ms, apps, records, masters } =
        restored.map_err(anyhow::Error::from)?;
    let fault = opens(config, &data, &masters).err();
    let mut out = std::io::stdout();
    if json {
        let restored = json!({
            "folder": data, "taken_ms": taken_ms, "newest_record_ms": newest_ms, "apps": apps,
            "records": records, "master_keys": masters.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "fault": fault.as_ref().map(MasterKeyError::code),
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
    if let Some(fault) = fault {
        writeln!(out, "\nA server does not start with it yet: {fault}.")?;
    }
    Ok(())
}

/// Whether the configured master key is one of those that open the secrets.
fn opens(config: &Config, data: &Path, masters: &[KeyId]) -> Result<(), MasterKeyError> {
    if masters.is_empty() {
        return Ok(());
    }
    let wanted = masters.to_vec();
    match MasterKey::obtain(&config.server.master_key, data)? {
        None => Err(MasterKeyError::Missing { wanted }),
        Some(key) if masters.contains(&key.id()) => Ok(()),
        Some(key) => Err(MasterKeyError::Wrong { given: key.id(), wanted }),
    }
}
