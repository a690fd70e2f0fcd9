//! `master-key make|init|rotate|retire|reseal|status`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use serde_json::json;
use stagedoor_server::{
    DataFolder, FolderError, KeyId, MasterKey, MasterKeyError,
    sealing::{self, Sealed, SealingError, SealingStatus},
};

use super::failure::{Done, Failure};
use crate::config::Config;

/// How long `reseal` waits for a running server that makes no progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How often `reseal` looks at a running server's progress.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Folder {
    /// The data folder.
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
}

/// The master key comes from `[server.master_key]` or STAGEDOOR_MASTER_KEY, as for `serve`.
#[derive(Debug, Subcommand)]
pub(super) enum MasterKeyCommand {
    /// Make a new key in a new file that only its owner can read.
    Make {
        /// The file, which must not exist.
        file: PathBuf,
    },
    /// Seal a database whose secrets lie in clear, and rewrite its file. Run it while no server uses the data folder.
    Init(Folder),
    /// Let another master key open the database too, while the server runs. The next start takes either.
    #[command(after_help = "Example:\n  stagedoor master-key make new.key\n  \
                            stagedoor master-key rotate --new new.key\n  mv new.key master.key\n  \
                            stagedoor master-key retire")]
    Rotate {
        /// The file with the new key.
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Drop the master key that came before the configured one: it opens the database no more.
    Retire {
        /// Drop this one instead, by its id in `status`.
        #[arg(long, value_name = "ID")]
        id: Option<KeyId>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a new data key, and seal every secret again under it. A running server does it in the background.
    Reseal {
        /// Do not wait for the running server.
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        folder: Folder,
    },
    /// Show what is sealed by what. It needs no master key.
    Status(Folder),
}

fn configured(config: &Config, data: &Path) -> Result<MasterKey, SealingError> {
    let key = MasterKey::obtain(&config.server.master_key, data)?;
    Ok(key.ok_or(MasterKeyError::Missing { wanted: Vec::new() })?)
}

/// Runs a command.
pub(super) fn run(command: MasterKeyCommand, config: &Config, json: bool) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let at = |folder: Folder| folder.data.unwrap_or_else(|| config.server.data_dir.clone());
    let told = runtime.block_on(async {
        match command {
            MasterKeyCommand::Make { file } => make(&file),
            MasterKeyCommand::Init(folder) => init(&at(folder), config).await,
            MasterKeyCommand::Rotate { new, folder } => rotate(&at(folder), &new, config).await,
            MasterKeyCommand::Retire { id, folder } => retire(&at(folder), id, config).await,
            MasterKeyCommand::Reseal { no_wait, folder } => {
                reseal(&at(folder), no_wait, config).await
            }
            MasterKeyCommand::Status(folder) => status(&at(folder), config).await,
        }
    });
    let (words, value) = told?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{words}")?;
    }
    Ok(())
}

/// What was done, for people and for programs.
type Told = Result<(String, serde_json::Value), Failure>;

fn failed(error: SealingError) -> Failure {
    Failure::from(anyhow::Error::from(error))
}

fn make(file: &Path) -> Told {
    let key = MasterKey::make(file).map_err(|error| failed(error.into()))?;
    let (id, name) = (key.id(), file.display());
    let words = format!(
        "{name}: a new master key, {id}. Keep a copy apart from the backups: without it, nothing opens what it seals."
    );
    Ok((words, json!({ "file": file, "master_key": id.to_string() })))
}

async fn init(data: &Path, config: &Config) -> Told {
    if !DataFolder::has_database(data) {
        return Err(failed(SealingError::NoDatabase(data.into())));
    }
    let master = configured(config, data).map_err(failed)?;
    let folder = DataFolder::open(data).map_err(|error| failed(error.into()))?;
    let done = sealing::init(&folder, &master).await.map_err(failed)?;
    let Sealed { master, data_key, secrets, is_rewritten } = done;
    let words = if is_rewritten {
        format!(
            "{secrets} secrets are sealed under the master key {master}, and the file is rewritten. Backups from before \
             still hold them in clear."
        )
    } else {
        format!("the secrets are sealed already, under the master key {master}")
    };
    let value = json!({
        "master_key": master.to_string(), "data_key": data_key.to_string(), "secrets": secrets, "rewritten": is_rewritten,
    });
    Ok((words, value))
}

async fn rotate(data: &Path, new: &Path, config: &Config) -> Told {
    let old = configured(config, data).map_err(failed)?;
    let new = MasterKey::from_file(new).map_err(|error| failed(error.into()))?;
    let is_new = sealing::rotate(data, &old, &new).await.map_err(failed)?;
    let id = new.id();
    let words = if is_new {
        format!(
            "{id} opens the database as well. Give it to the server as its master key; when it started with it, drop the \
             old one with `stagedoor master-key retire`."
        )
    } else {
        format!("{id} opens the database already")
    };
    let value = json!({ "old": old.id().to_string(), "new": id.to_string(), "changed": is_new });
    Ok((words, value))
}

async fn retire(data: &Path, id: Option<KeyId>, config: &Config) -> Told {
    let master = configured(config, data).map_err(failed)?;
    let dropped = sealing::retire(data, &master, id).await.map_err(failed)?;
    let words = match dropped {
        Some(dropped) => format!(
            "{dropped} opens the database no more. Keep it as long as you keep backups from before."
        ),
        None => format!("there is no master key but {}", master.id()),
    };
    let value = json!({
        "master_key": master.id().to_string(), "retired": dropped.map(|id| id.to_string()),
    });
    Ok((words, value))
}

async fn reseal(data: &Path, no_wait: bool, config: &Config) -> Told {
    let master = configured(config, data).map_err(failed)?;
    let folder = match DataFolder::has_database(data).then(|| DataFolder::open(data)).transpose() {
        Ok(folder) => folder,
        Err(FolderError::InUse { .. }) => None,
        Err(error) => return Err(failed(error.into())),
    };
    let key = sealing::begin_reseal(data, &master).await.map_err(failed)?;
    let is_done = match folder {
        Some(folder) => sealing::reseal(folder, &master).await.map(|_| true).map_err(failed)?,
        None if no_wait => false,
        None => until_resealed(data, key).await?,
    };
    let words = if is_done {
        format!("every secret is sealed by the data key {key}")
    } else {
        format!(
            "the server seals every secret again, by the data key {key}; `stagedoor master-key status` shows how far"
        )
    };
    Ok((words, json!({ "data_key": key.to_string(), "done": is_done })))
}

/// Waits until a running server has sealed everything again.
async fn until_resealed(data: &Path, key: KeyId) -> Result<bool, Failure> {
    let mut before: Option<SealingStatus> = None;
    let mut moved = Instant::now();
    loop {
        let now = sealing::status(data).await.map_err(failed)?;
        if now.data_keys == [key] {
            return Ok(true);
        }
        if before.as_ref() != Some(&now) {
            moved = Instant::now();
            before = Some(now);
        } else if moved.elapsed() > STALL_TIMEOUT {
            return Err(Failure::Refused(anyhow::anyhow!(
                "the server has sealed nothing for {} s; its log says why, and its next start goes on",
                STALL_TIMEOUT.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

async fn status(data: &Path, config: &Config) -> Told {
    let SealingStatus { masters, data_keys, secrets, rewrite_due } =
        sealing::status(data).await.map_err(failed)?;
    // It may be on another machine, or wrong: what is sealed is known without it.
    let given =
        MasterKey::obtain(&config.server.master_key, data).ok().flatten().map(|key| key.id());
    let mut lines = Vec::new();
    for (at, id) in masters.iter().enumerate() {
        let place = if at == 0 { "" } else { ", until it is retired" };
        let ours = if given == Some(*id) { ", the configured one" } else { "" };
        lines.push(format!("master key  {id}{place}{ours}"));
    }
    for (at, id) in data_keys.iter().enumerate() {
        let place = if at == 0 { "seals" } else { "until everything is sealed again" };
        lines.push(format!("data key    {id}  {place}"));
    }
    for of in &secrets {
        let by = of.data_key.map_or_else(|| "in clear".into(), |id| format!("by data key {id}"));
        lines.push(format!("{}.{}  {} {by}", of.table, of.column, of.count));
    }
    if masters.is_empty() {
        lines.push("secrets lie in clear; seal them with `stagedoor master-key init`".into());
    }
    if rewrite_due {
        lines.push(
            "the file was not rewritten; complete it with `stagedoor master-key init`".into(),
        );
    }
    let text = |ids: &[KeyId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let secrets: Vec<_> = secrets
        .iter()
        .map(|of| {
            let by = of.data_key.map(|id| id.to_string());
            json!({ "table": of.table, "column": of.column, "data_key": by, "count": of.count })
        })
        .collect();
    let value = json!({
        "master_keys": text(&masters), "configured": given.map(|id| id.to_string()), "data_keys": text(&data_keys),
        "secrets": secrets, "rewrite_due": rewrite_due,
    });
    Ok((lines.join("\n"), value))
}
