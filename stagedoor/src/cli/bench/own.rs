//! A server of the load tester's own, of `bench`: this same program, with a data folder that goes with it,
//! on a core of its own where that can be had.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use stagedoor_load::{
    Target,
    server::{self, Told},
};

use crate::cli::Failure;

/// The server; ended with its folder when dropped.
pub(super) struct Own {
    child: Child,
    folder: PathBuf,
    told: Told,
    workers: u32,
}

/// The exit code of a program that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

fn has_taskset() -> bool {
    let mut taskset = Command::new("taskset");
    taskset.arg("-V").stdout(Stdio::null()).stderr(Stdio::null());
    taskset.status().is_ok_and(|status| status.success())
}

/// Puts the server on the first cores and this program on the next, where there are enough.
fn pinned(workers: u32, program: PathBuf) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    if workers >= cores || !has_taskset() {
        return Command::new(program);
    }
    let own = Command::new("taskset")
        .args(["-cp", &workers.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    tracing::debug!(?own, "this program's core");
    let mut command = Command::new("taskset");
    command.args(["-c", &format!("0-{}", workers - 1)]).arg(program);
    command
}

/// Whoever interrupts the run leaves no folder behind; the server gets the signal itself.
fn clear_on_signal(folder: PathBuf) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            // Its last file may come a moment later; the folder of temporary files is cleared some day.
            let _ = std::fs::remove_dir_all(&folder);
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}

impl Own {
    /// Starts it and waits until it listens.
    pub(super) fn start(workers: u32) -> Result<Self, Failure> {
        if workers == 0 {
            return Err(super::usage("--workers is at least 1"));
        }
        let mut id = [0; 6];
        getrandom::fill(&mut id).ok().context("the system gives no random bytes")?;
        let name = format!("stagedoor-bench-{}", URL_SAFE_NO_PAD.encode(id));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        clear_on_signal(folder.clone())?;
        let mut command = pinned(workers, std::env::current_exe()?);
        server::set_up_by_nothing(&mut command);
        server::dev(&mut command, &folder, workers);
        let mut child = command.spawn().context("the server")?;
        let told = Told::hear(&mut child);
        match told {
            Ok(told) => Ok(Self { child, folder, told, workers }),
            Err(error) => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                let _ = std::fs::remove_dir_all(&folder);
                Err(anyhow::Error::from(error).into())
            }
        }
    }

    /// The server under load.
    pub(super) fn target(&self, patience: Duration) -> Result<Target, Failure> {
        Ok(self.told.target(&self.child, self.workers, patience).context("the server")?)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended by itself, and its folder with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
