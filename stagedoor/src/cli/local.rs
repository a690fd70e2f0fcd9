//! Acts on a data folder that no server uses. Nothing here speaks to a server.

use std::{
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, ensure};
use serde_json::json;
use stagedoor_server::DataFolder;

use super::failure::Done;

/// Acts on the database of a folder, which stays locked meanwhile.
pub(super) fn on_folder<E: Into<anyhow::Error>>(
    data: &Path,
    act: impl AsyncFnOnce(DataFolder) -> Result<(), E>,
) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done: anyhow::Result<()> = runtime.block_on(async {
        ensure!(
            DataFolder::has_database(data),
            "{} contains no database; pass the data folder with --data",
            data.display()
        );
        let folder = DataFolder::open(data)?;
        let done = act(folder).await.map_err(Into::into);
        done.with_context(|| data.display().to_string())
    });
    Ok(done?)
}

/// Prints what is shown once: by itself for people, under its name in JSON.
pub(super) fn show_once(name: &str, value: &str, json: bool) -> io::Result<()> {
    let mut out = io::stdout();
    if json {
        writeln!(out, "{}", json!({ name: value }))?;
    } else {
        writeln!(out, "{value}")?;
    }
    out.flush()
}
