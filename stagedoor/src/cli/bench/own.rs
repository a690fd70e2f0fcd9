//! The load tester's own server: this same program, with a temporary data folder, on its own core if possible.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use stagedoor_load::{
    Target,
    server::{self, DevOutput},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::failure::Failure;

/// The server; dropping it ends it and deletes its folder.
pub(super) struct Own {
    child: Child,
    id: ServerId,
    folder: PathBuf,
    told: DevOutput,
    workers: u32,
}

fn has_taskset() -> bool {
    let mut taskset = Command::new("taskset");
    taskset.arg("-V").stdout(Stdio::null()).stderr(Stdio::null());
    taskset.status().is_ok_and(|status| status.success())
}

/// Pins the server to the first cores and this program to the next, if there are enough.
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

/// The server's process, while there is one.
type ServerId = Arc<Mutex<Option<Pid>>>;

fn held(id: &ServerId) -> MutexGuard<'_, Option<Pid>> {
    id.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whatever signal ends the run, it leaves neither the server nor its folder behind.
fn end_on_signal(folder: PathBuf, server: ServerId) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut heard = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
            .map(|kind| signal(kind).map(|heard| (kind, heard)))
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let [Ok(first), Ok(second), Ok(third)] = &mut heard else { return };
        let kind = runtime.block_on(async {
            tokio::select! {
                _ = first.1.recv() => first.0,
                _ = second.1.recv() => second.0,
                _ = third.1.recv() => third.0,
            }
        });
        // Held to the end: without its server the run fails, and must not end the process first.
        let mut id = held(&server);
        if let Some(server) = id.take() {
            // It may have ended already.
            let _ = kill_process(server, Signal::KILL);
            let _ = waitpid(Some(server), WaitOptions::empty());
        }
        let _ = std::fs::remove_dir_all(&folder);
        // As in shells.
        std::process::exit(128 + kind.as_raw_value());
    })?;
    Ok(())
}

impl Own {
    /// Starts the server and waits until it listens.
    pub(super) fn start(workers: u32) -> Result<Self, Failure> {
        if workers == 0 {
            return Err(super::usage("--workers must be at least 1"));
        }
        let mut id = [0; 6];
        getrandom::fill(&mut id).ok().context("the system provides no random bytes")?;
        let name = format!("stagedoor-bench-{}", URL_SAFE_NO_PAD.encode(id));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let id = ServerId::default();
        end_on_signal(folder.clone(), id.clone())?;
        let mut command = pinned(workers, std::env::current_exe()?);
        server::set_up_by_nothing(&mut command);
        server::dev(&mut command, &folder, workers);
        let mut child = {
            let mut id = held(&id);
            let child = command.spawn().context("the server")?;
            *id = Some(Pid::from_child(&child));
            child
        };
        let told = DevOutput::hear(&mut child);
        match told {
            Ok(told) => Ok(Self { child, id, folder, told, workers }),
            Err(error) => {
                held(&id).take();
                // It may have ended already.
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
        held(&self.id).take();
        // It may have ended already, and its folder with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
