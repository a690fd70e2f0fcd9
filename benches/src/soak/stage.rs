//! The attacked server: started with its defaults, measured, stopped. Measures without judging.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use stagedoor_load::{Minter, server::set_up_by_nothing};
use stagedoor_token::{AppId, Key, KeyState};
use tempfile::TempDir;

/// How long the server may take to stop: its grace, and some time for its last writes.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The output of `stagedoor dev --json`. It contains secrets.
#[derive(Deserialize)]
struct Printed {
    app: AppId,
    api_key: String,
    kid: String,
    secret: String,
    url: String,
    operations: String,
}

/// A server with its own data folder. Dropping it ends it.
pub struct Stage {
    child: Child,
    folder: TempDir,
    /// Where API and WebSocket listen.
    pub address: SocketAddr,
    /// Where health and metrics listen.
    pub operations: SocketAddr,
    /// The app.
    pub app: AppId,
    /// An API key with every scope of the app.
    pub api_key: String,
    /// The mint for tokens of the app.
    pub minter: Minter,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address(url: &str) -> Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}

impl Stage {
    /// Starts the program with default settings, except for the ports.
    pub fn start(program: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program);
        set_up_by_nothing(&mut command);
        command.current_dir(folder.path()).stderr(Stdio::null());
        command.args(["dev", "--json", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0"]);
        command.arg("--data").arg(folder.path().join("data"));
        let mut child = command.spawn().with_context(|| program.display().to_string())?;
        let mut line = String::new();
        let out = child.stdout.take().context("its output")?;
        BufReader::new(out).read_line(&mut line)?;
        let printed: Printed = serde_json::from_str(&line).context("the server did not start")?;
        let secret = URL_SAFE_NO_PAD.decode(&printed.secret)?;
        let key = Key::hs256(printed.app, &printed.kid, &secret, KeyState::Current)?;
        Ok(Self {
            child,
            folder,
            address: address(&printed.url)?,
            operations: address(&printed.operations)?,
            app: printed.app,
            api_key: printed.api_key,
            minter: Minter::new(key),
        })
    }

    /// Resident memory, in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1_024)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The size of the data folder, in bytes: nearly all of its growth is the audit trail.
    pub fn data_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.data())? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }

    /// Stops the server like an operator; returns how long that took.
    pub fn stop(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill");
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "exit {:?} {:?}", status.code(), status.signal());
                return Ok(begun.elapsed());
            }
            ensure!(begun.elapsed() < STOP_TIMEOUT, "SIGTERM does not end the process");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
