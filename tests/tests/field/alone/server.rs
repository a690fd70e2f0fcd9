//! A server in a process of its own.

use std::{net::SocketAddr, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::{Caller, binary::binary};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::address;

/// A running `stagedoor serve`, and what it logged until it listened.
pub(super) struct Server {
    child: Child,
    pub(super) http: SocketAddr,
    pub(super) said: String,
}

impl Server {
    pub(super) async fn start(data: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(binary()?);
        let here = "127.0.0.1:0";
        command.args(["serve", "--listen", here, "--operations", here, "--data"]).arg(data);
        command.env("STAGEDOOR_LOG__FORMAT", "json").envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut said = String::new();
        loop {
            let line = lines.next_line().await?.with_context(|| format!("it ended: {said}"))?;
            said += &line;
            said.push('\n');
            if line.contains("\"listening\"") {
                let http = address(&line, "http")?;
                // A process whose pipe nobody reads would stop at its next line.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, http, said });
            }
        }
    }

    /// The root credential, which only the first start shows.
    pub(super) fn root(&self) -> Result<&str> {
        let mut words = self.said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.find(|word| word.starts_with("sdroot_")).context("the root credential")
    }

    pub(super) fn operator(&self, credential: &str) -> Caller {
        Caller { to: self.http, credential: credential.into() }
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("it runs")
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = self.pid()?.to_string();
        let asked = std::process::Command::new("kill").args(["-TERM", &pid]).status()?;
        ensure!(asked.success() && self.child.wait().await?.success());
        Ok(())
    }
}
