//! Starts a server as a newcomer would: `stagedoor dev`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

/// What `stagedoor dev --json` tells.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    pub(crate) app: u32,
    pub(crate) api_key: String,
    pub(crate) url: String,
    pub(crate) connect: String,
    pub(crate) operations: String,
}

/// A running server.
pub(crate) struct Stage {
    /// None where the server runs already.
    child: Option<Child>,
    pub(crate) told: Told,
}

/// The binary: `STAGEDOOR_BIN`, or the one that was built beside this program.
fn binary() -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("STAGEDOOR_BIN") {
        return Ok(binary.into());
    }
    let here = std::env::current_exe()?;
    let beside = here.ancestors().skip(1).take(2).map(|folder| folder.join("stagedoor"));
    beside
        .into_iter()
        .find(|path| path.is_file())
        .context("no binary: cargo build -p stagedoor, or set STAGEDOOR_BIN")
}

impl Stage {
    /// Starts it on ports of its own. Its send buffers are small, so that a slow member is soon behind.
    ///
    /// `STAGEDOOR_DEV` names a file with what a `stagedoor dev --json` that runs already told: then that
    /// one is used, and not stopped.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        if let Some(told) = std::env::var_os("STAGEDOOR_DEV") {
            let told = serde_json::from_str(&std::fs::read_to_string(told)?)?;
            return Ok(Self { child: None, told });
        }
        let mut command = Command::new(binary()?);
        command.args([
            "dev",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--operations",
            "127.0.0.1:0",
            "--data",
        ]);
        command
            .arg(folder.join("data"))
            .env("STAGEDOOR_RELAY__LIMITS__SOCKET_SEND_BUFFER_BYTES", "32768");
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().context("its output")?;
        let mut line = String::new();
        tokio::time::timeout(Duration::from_secs(30), BufReader::new(stdout).read_line(&mut line))
            .await??;
        let told = serde_json::from_str(&line)
            .with_context(|| format!("stagedoor dev said {} bytes", line.len()))?;
        Ok(Self { child: Some(child), told })
    }

    /// Rooms, seats and streams that are still there, by metric.
    pub(crate) async fn left_behind(&self) -> Result<Vec<(String, u64)>> {
        let names = ["rooms_open", "seats_taken", "streams_live"];
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let text = get(&self.told.operations, "/metrics").await?;
            let value = |name: &str| -> Result<u64> {
                let name = format!("stagedoor_relay_{name} ");
                let line =
                    text.lines().find_map(|line| line.strip_prefix(&name)).context("a metric")?;
                Ok(line.parse()?)
            };
            let mut left = Vec::new();
            for name in names {
                left.push((name.to_owned(), value(name)?));
            }
            if left.iter().all(|(_, count)| *count == 0) || tokio::time::Instant::now() >= end {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> Result<()> {
        let Some(mut child) = self.child else { return Ok(()) };
        let pid = child.id().context("it runs")?.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await??;
        ensure!(status.success(), "stagedoor ended with {status}");
        Ok(())
    }
}

async fn get(base: &str, path: &str) -> Result<String> {
    let host = base.trim_start_matches("http://");
    let mut tcp = TcpStream::connect(host).await?;
    tcp.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
    )
    .await?;
    let mut text = String::new();
    tcp.read_to_string(&mut text).await?;
    Ok(text)
}
