//! A walk: the commands of a document, run in one shell, as if pasted into a terminal.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::binary::binary;

use crate::blocks::root;

/// How long a walk may take.
const WALK_TIMEOUT_S: &str = "600";

/// A Stagedoor for development and everything it started; dropping it ends it.
pub(crate) struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        // The group may be gone already.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// The output of a Stagedoor for development.
#[derive(Default)]
pub(crate) struct Printed {
    /// The line to paste into the walk's terminal.
    pub(crate) export: String,
    /// The root credential.
    pub(crate) root: String,
    /// Where health and metrics are: `http://` and an address.
    pub(crate) operations: String,
}

impl Dev {
    /// Starts it with a command, on free ports and with its own data folder.
    pub(crate) fn start(command: &str, data: &Path) -> Result<(Self, Printed)> {
        let child = Command::new("bash")
            .args(["-c", command])
            .current_dir(root())
            .env("STAGEDOOR_LISTEN__ADDRESS", "127.0.0.1:0")
            .env("STAGEDOOR_LISTEN__OPERATIONS", "127.0.0.1:0")
            .env("STAGEDOOR_SERVER__DATA_DIR", data)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut dev = Self(child);
        let out = dev.0.stdout.take().context("its output")?;
        let mut printed = Printed::default();
        for line in BufReader::new(out).lines() {
            let line = line?;
            if let Some(root) = line.strip_prefix("root credential ") {
                root.trim().clone_into(&mut printed.root);
            } else if let Some(metrics) = line.strip_prefix("metrics ") {
                metrics.trim().trim_end_matches("/metrics").clone_into(&mut printed.operations);
            } else if line.trim_start().starts_with("export STAGEDOOR_URL=") {
                printed.export = line;
                return Ok((dev, printed));
            }
        }
        anyhow::bail!("it ended without the line for the walks")
    }
}

/// Where a walk takes place.
pub(crate) struct Place<'a> {
    /// The line that `stagedoor dev` told to paste.
    pub(crate) export: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) temporary: &'a Path,
    /// Folders with programs, before those of the path.
    pub(crate) programs: &'a [PathBuf],
}

/// The output of each section of a walk, and everything on standard error.
pub(crate) struct Walked {
    pub(crate) sections: Vec<String>,
    pub(crate) errors: String,
}

impl Walked {
    pub(crate) fn shows(&self, at: usize, what: &str) -> Result<()> {
        let section = self.sections.get(at).map_or("", String::as_str);
        ensure!(section.contains(what), "section {at} does not say {what:?}:\n{section}");
        Ok(())
    }
}

/// Runs sections one after the other.
pub(crate) fn walk<'a>(
    place: &Place<'_>,
    sections: impl Iterator<Item = &'a String>,
) -> Result<Walked> {
    let mut script = format!("set -euo pipefail\n{}\n", place.export);
    for section in sections {
        script += section;
        script += "\necho '= done'\n";
    }
    let built = binary()?;
    let mut programs = place.programs.to_vec();
    programs.push(built.parent().context("its folder")?.to_owned());
    programs.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("timeout")
        .args([WALK_TIMEOUT_S, "bash", "-c", &script])
        .current_dir(place.folder)
        .env("PATH", std::env::join_paths(programs)?)
        .env("TMPDIR", place.temporary)
        .output()?;
    let out = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{out}\n{errors}");
    Ok(Walked { sections: out.split("= done\n").map(str::to_owned).collect(), errors })
}
