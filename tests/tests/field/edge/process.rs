//! The built binary as a process of the test, killed when the test is over.

use std::{net::SocketAddr, os::unix::process::CommandExt, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stagedoor_tests::{
    Caller,
    binary::binary,
    member::{PATIENCE, http_get},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

/// A running `stagedoor dev`.
pub(super) struct Dev {
    pub(super) child: Child,
    /// What it printed.
    pub(super) told: Value,
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// The binary with these arguments, in its own environment.
pub(super) fn stagedoor(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(arguments);
    Ok(own(command, variables))
}

/// A command in its own environment, which is killed with the test.
pub(super) fn own(mut command: Command, variables: &[(&str, &str)]) -> Command {
    command.env_clear().envs(variables.iter().copied());
    command.current_dir(std::env::temp_dir()).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A signal to the process must not reach the test.
    command.as_std_mut().process_group(0);
    command
}

/// Runs it to its end, which must come.
pub(super) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Ended> {
    let child = stagedoor(arguments, variables)?.spawn()?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.with_context(|| format!("{arguments:?} did not end"))??;
    Ok(Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// Arguments of a process that listens on its own ports.
pub(super) fn on_own_ports<'a>(command: &'a str, data: &'a str) -> [&'a str; 7] {
    [
        "--json",
        command,
        "--listen=127.0.0.1:0",
        "--operations=127.0.0.1:0",
        "--data",
        data,
        "--workers=2",
    ]
}

impl Dev {
    pub(super) async fn start(data: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        let data = data.display().to_string();
        Self::of(stagedoor(&on_own_ports("dev", &data), variables)?).await
    }

    /// Waits until a command's process has printed its line.
    pub(super) async fn of(mut command: Command) -> Result<Self> {
        let mut child = command.spawn()?;
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().context("its output")?);
        tokio::time::timeout(PATIENCE, out.read_line(&mut line)).await??;
        if line.is_empty() {
            let mut err = String::new();
            child.stderr.take().context("its log")?.read_to_string(&mut err).await?;
            anyhow::bail!("it ended: {err}");
        }
        Ok(Self { child, told: serde_json::from_str(&line)? })
    }

    fn address(&self, name: &str) -> Result<SocketAddr> {
        let url = self.told[name].as_str().context("a URL")?;
        Ok(url.trim_start_matches("http://").parse()?)
    }

    pub(super) fn http(&self) -> Result<SocketAddr> {
        self.address("url")
    }

    pub(super) fn operations(&self) -> Result<SocketAddr> {
        self.address("operations")
    }

    /// A caller with one of the printed credentials.
    pub(super) fn caller(&self, credential: &str) -> Result<Caller> {
        let credential = self.told[credential].as_str().context("a credential")?.into();
        Ok(Caller { to: self.http()?, credential })
    }

    /// The metrics from the operations socket.
    pub(super) async fn metrics(&self) -> Result<String> {
        let answer = http_get(self.operations()?, "/metrics").await?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(answer)
    }

    /// One number of them.
    pub(super) async fn metric(&self, name: &str) -> Result<u64> {
        let text = self.metrics().await?;
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        let value = line.and_then(|line| line.split(' ').nth(1));
        Ok(value.with_context(|| format!("no metric {name}"))?.parse()?)
    }

    /// Sends a signal, by `kill`'s name of it.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().context("it runs")?.to_string();
        let mut kill = std::process::Command::new("kill");
        ensure!(kill.args([&format!("-{name}"), &id]).status()?.success());
        Ok(())
    }

    /// How it ends, which it must.
    pub(super) async fn ended(mut self) -> Result<Ended> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("it does not end")??;
        let mut err = String::new();
        self.child.stderr.take().context("its log")?.read_to_string(&mut err).await?;
        Ok(Ended { code: status.code(), out: String::new(), err })
    }
}
