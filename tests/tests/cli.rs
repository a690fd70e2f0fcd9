//! The command line as its users run it: the built binary against a running Stagedoor.

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/backups.rs"]
mod backups;
#[path = "cli/bad_configs.rs"]
mod bad_configs;
#[path = "cli/chain.rs"]
mod chain;
#[path = "cli/configs.rs"]
mod configs;
#[path = "cli/dev.rs"]
mod dev;
#[path = "cli/issuers.rs"]
mod issuers;
#[path = "cli/key_files.rs"]
mod key_files;
#[path = "cli/operators.rs"]
mod operators;
#[path = "cli/people.rs"]
mod people;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/revocations.rs"]
mod revocations;
#[path = "cli/roles.rs"]
mod roles;
#[path = "cli/sealing.rs"]
mod sealing;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/token04.rs"]
mod token04;
#[path = "cli/tokens.rs"]
mod tokens;
#[path = "cli/words.rs"]
mod words;

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stagedoor_tests::binary::binary;
use tempfile::TempDir;

/// The result of a run.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{:?}\n{}", self.out, self.err))
    }
}

/// Runs the binary with only these environment variables.
fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Result<Ran> {
    let variables: Vec<(&OsStr, &OsStr)> =
        variables.iter().map(|(name, value)| (OsStr::new(*name), OsStr::new(*value))).collect();
    run_among(arguments, &variables, input)
}

/// The same, with variables that may be invalid UTF-8.
fn run_among(arguments: &[&str], variables: &[(&OsStr, &OsStr)], input: &str) -> Result<Ran> {
    let mut child = Command::new(binary()?)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A command that reads nothing closes its end.
    let _ = child.stdin.take().context("its input")?.write_all(input.as_bytes());
    let output = child.wait_with_output()?;
    Ok(Ran {
        code: output.status.code().context("it was killed")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

/// A running `stagedoor dev`, and what it printed.
struct Dev {
    child: Child,
    told: Value,
    errors: std::path::PathBuf,
    _folder: Option<TempDir>,
}

impl Dev {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut dev = Self::start_in(&folder.path().join("data"), &[])?;
        dev._folder = Some(folder);
        Ok(dev)
    }

    fn start_in(data: &Path, variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(data, &[], variables)
    }

    fn start_with(data: &Path, more: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        std::fs::create_dir_all(data)?;
        let errors = data.join("stderr.log");
        let mut child = Command::new(binary()?)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0"])
            .arg("--data")
            .arg(data)
            .args(more)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&errors)?)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let told = serde_json::from_str(&line);
        let mut dev = Self { child, told: Value::Null, errors, _folder: None };
        dev.told = told.with_context(|| dev.logged().unwrap_or_default())?;
        Ok(dev)
    }

    fn text(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_default()
    }

    fn app(&self) -> String {
        self.told["app"].to_string()
    }

    fn address(&self, name: &str) -> Result<std::net::SocketAddr> {
        Ok(self.text(name).trim_start_matches("http://").parse()?)
    }

    fn logged(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.errors)?)
    }

    /// Runs a command against it, with a credential.
    fn run_as(&self, credential: &str, arguments: &[&str]) -> Result<Ran> {
        let variables = [("STAGEDOOR_URL", self.text("url")), ("STAGEDOOR_API_KEY", credential)];
        run_with(arguments, &variables, "")
    }

    /// Runs a command against it that must succeed; returns its JSON.
    fn ok(&self, credential: &str, arguments: &[&str]) -> Result<Value> {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ran = self.run_as(self.text(credential), &arguments)?;
        ensure!(ran.code == 0, "{arguments:?}: {} {}", ran.code, ran.err);
        ran.json()
    }

    /// Sends `SIGTERM`; returns how it ends.
    fn stop(mut self) -> Result<(i32, String)> {
        let id = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status()?.success());
        let status = self.child.wait()?;
        Ok((status.code().context("it was killed")?, self.logged()?))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
