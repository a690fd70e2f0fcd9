//! Secrets at rest: sealed under a master key, which is made, given, changed and lost.

#[path = "sealing/disk.rs"]
mod disk;
#[path = "sealing/kills.rs"]
mod kills;
#[path = "sealing/master.rs"]
mod master;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stagedoor_tests::{Caller, binary::binary, member::PATIENCE};
use tempfile::TempDir;

use super::{Ran, run_with};

const DATABASE: &str = "stagedoor.sqlite";
const KEY_FILE: &str = "STAGEDOOR_SERVER__MASTER_KEY__FILE";

/// A data folder with room for keys, backups and logs beside it.
struct Place {
    folder: TempDir,
    data: PathBuf,
    /// The root credential that its first start showed.
    root: String,
}

impl Place {
    /// One whose secrets are in clear.
    async fn in_clear() -> Result<Self> {
        Self::made(None).await
    }

    /// One that is sealed from its beginning, under `master.key`.
    async fn sealed() -> Result<Self> {
        Self::made(Some("master.key")).await
    }

    async fn made(key: Option<&str>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let mut place = Self { folder, data, root: String::new() };
        if let Some(key) = key {
            place.make_key(key)?;
        }
        let serve = place.serve(key)?;
        let said = serve.logged()?;
        let root = said.split_whitespace().find(|word| word.starts_with("sdroot_"));
        place.root = root.with_context(|| said.clone())?.to_owned();
        serve.stop()?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a master key; returns its id.
    fn make_key(&self, name: &str) -> Result<String> {
        let file = self.path(name).display().to_string();
        let made = run_with(&["master-key", "make", &file, "--json"], &[], "")?;
        ensure!(made.code == 0, "{}", made.err);
        Ok(made.json()?["master_key"].as_str().context("an id")?.to_owned())
    }

    /// Runs `stagedoor` on the folder, with the master key in this file.
    fn run(&self, key: Option<&str>, arguments: &[&str]) -> Result<Ran> {
        let (data, file) = (self.data.display().to_string(), key.map(|key| self.path(key)));
        let file = file.map(|file| file.display().to_string());
        let variables: Vec<_> = file.iter().map(|file| (KEY_FILE, file.as_str())).collect();
        run_with(&[arguments, &["--data", &data, "--json"]].concat(), &variables, "")
    }

    /// The same, and it must succeed.
    fn ok(&self, key: Option<&str>, arguments: &[&str]) -> Result<Value> {
        let ran = self.run(key, arguments)?;
        ensure!(ran.code == 0, "{arguments:?}: {} {}", ran.code, ran.err);
        ran.json()
    }

    fn status(&self) -> Result<Value> {
        self.ok(None, &["master-key", "status"])
    }

    fn serve(&self, key: Option<&str>) -> Result<Serve> {
        Serve::start(&self.data, key.map(|key| self.path(key)).as_deref(), &self.path("serve.log"))
    }

    fn caller(&self, serve: &Serve) -> Caller {
        Caller { to: serve.to, credential: self.root.clone() }
    }

    /// The bytes of the database's files.
    fn bytes(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut all = Vec::new();
        for suffix in ["", "-wal", "-shm"] {
            let name = format!("{DATABASE}{suffix}");
            if let Ok(bytes) = fs::read(self.data.join(&name)) {
                all.push((name, bytes));
            }
        }
        ensure!(!all.is_empty(), "there is no database");
        Ok(all)
    }
}

/// A running `stagedoor serve`.
struct Serve {
    child: Child,
    to: std::net::SocketAddr,
    log: PathBuf,
}

/// `stagedoor serve` with wide limits.
fn serve_command(data: &Path, key: Option<&Path>, log: &Path) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--data"])
        .arg(data)
        .current_dir(std::env::temp_dir())
        .env("STAGEDOOR_SERVER__RATE_PER_S", "100000")
        .env("STAGEDOOR_SERVER__RATE_BURST", "100000")
        .env("STAGEDOOR_LOG__LEVEL", "info,stagedoor=trace,stagedoor_server=trace")
        .stdout(Stdio::null())
        .stderr(File::options().create(true).append(true).open(log)?);
    if let Some(key) = key {
        command.env(KEY_FILE, key);
    }
    Ok(command)
}

impl Serve {
    fn start(data: &Path, key: Option<&Path>, log: &Path) -> Result<Self> {
        let before = fs::metadata(log).map_or(0, |meta| meta.len() as usize);
        let child = serve_command(data, key, log)?.spawn()?;
        Self::listening(child, log, before)
    }

    /// A process that was just started, with a log of its own or the one of others before.
    fn listening(mut child: Child, log: &Path, before: usize) -> Result<Self> {
        let patience = Instant::now() + PATIENCE;
        let to = loop {
            let said = fs::read_to_string(log)?.split_off(before);
            let http = said.split("listening http=").nth(1).and_then(|rest| rest.split_once(' '));
            if let Some((to, _)) = http {
                break to.parse()?;
            }
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("it ended with {status}: {said}");
            }
            ensure!(Instant::now() < patience, "it does not listen: {said}");
            std::thread::sleep(Duration::from_millis(5));
        };
        Ok(Self { child, to, log: log.to_owned() })
    }

    fn logged(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Stops it in order.
    fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success());
        ensure!(self.child.wait()?.success(), "{}", self.logged()?);
        Ok(())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a test within a time.
async fn within(seconds: u64, test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(Duration::from_secs(seconds), test).await.context("the test hung")?
}
