//! A server as a child process on one core, and the CPU time that it used. After `floor`, before `frames`.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a server tells once it listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Where it listens.
    pub address: SocketAddr,
    /// A token for the publisher and one for each subscriber; none where nobody asks.
    pub tokens: Vec<String>,
}

/// The child; killed when dropped.
pub struct Server {
    child: Child,
    /// What it told.
    pub told: Told,
}

/// Ticks of `/proc/<pid>/stat` in a second: `USER_HZ`, 100 on Linux.
const TICKS_PER_S: f64 = 100.0;

impl Server {
    /// Starts this same program with other arguments, on the first core where that can be had.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let pinned = Command::new("taskset").arg("-V").stdout(Stdio::null()).status().is_ok();
        let mut command = if pinned {
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("the child's output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let told = serde_json::from_str(&line).with_context(|| format!("the child said {line:?}"));
        match told {
            Ok(told) => Ok(Self { child, told }),
            Err(error) => {
                child.kill()?;
                Err(error)
            }
        }
    }

    /// CPU seconds, in user and kernel, so far.
    pub fn cpu_s(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> =
            stat.rsplit(')').next().context("fields")?.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        Ok(ticks / TICKS_PER_S)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of a key's secret as it is given out: base64url without padding.
pub fn decode_secret(text: &str) -> Result<Vec<u8>> {
    use base64::Engine;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text)?)
}
