//! A Stagedoor in its own process, which can be frozen, killed, or be short of disk, without harm to the test.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stagedoor_tests::{Caller, binary::binary};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long a start may take.
const START: Duration = Duration::from_secs(20);
/// How long an end may take.
const END: Duration = Duration::from_secs(20);

/// The process; dropping this ends it.
pub(crate) struct Served {
    child: Child,
    /// The output of `stagedoor dev --json`.
    pub(crate) told: Value,
}

impl Served {
    /// Starts one on a data folder.
    pub(crate) async fn start(data: &Path) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(["dev", "--json", "--listen", "127.0.0.1:0"]);
        command.args(["--operations", "127.0.0.1:0", "--data"]).arg(data);
        for name in ["RATE_PER_S", "RATE_BURST", "REFUSALS_PER_S", "REFUSALS_BURST"] {
            command.env(format!("STAGEDOOR_SERVER__{name}"), "1000000");
        }
        command.env("STAGEDOOR_SERVER__KEYS_PER_APP_MAX", "1000000");
        // Its disk may be small, and is full when it is full.
        command.env("STAGEDOOR_SERVER__DISK_FREE_BYTES_MIN", "0");
        command.env("STAGEDOOR_RELAY__LIMITS__DRAIN_GRACE_MS", "100");
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().context("its output")?);
        timeout(START, out.read_line(&mut line)).await.context("it did not start")??;
        Ok(Self { child, told: serde_json::from_str(&line)? })
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()?)?).context("a process")?;
        kill_process(pid, Signal::TERM)?;
        let status = timeout(END, self.child.wait()).await.context("it did not end")??;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("it ended")
    }

    /// The operator.
    pub(crate) fn operator(&self) -> Result<Caller> {
        self.caller("root")
    }

    /// The app's backend.
    pub(crate) fn backend(&self) -> Result<Caller> {
        self.caller("api_key")
    }

    fn caller(&self, credential: &str) -> Result<Caller> {
        let to =
            self.told["url"].as_str().context("a URL")?.trim_start_matches("http://").parse()?;
        let credential = self.told[credential].as_str().context("a credential")?.into();
        Ok(Caller { to, credential })
    }

    /// Where health and metrics are.
    pub(crate) fn operations(&self) -> Result<Caller> {
        let to = self.told["operations"].as_str().context("a URL")?.trim_start_matches("http://");
        Ok(Caller { to: to.parse()?, credential: String::new() })
    }
}
