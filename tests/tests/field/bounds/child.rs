//! A Stagedoor in its own process, with its own memory.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{self, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_tests::{binary::binary, stage::decode_secret, stage::now_s};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};
use tempfile::TempDir;

/// The process; dropping this ends it.
pub(crate) struct Child {
    process: process::Child,
    pub(crate) http: SocketAddr,
    app: AppId,
    key: Key,
    _folder: TempDir,
}

impl Child {
    /// Starts with these limits of the relay.
    pub(crate) fn start(limits: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let limits = limits
            .iter()
            .map(|(name, value)| (format!("STAGEDOOR_RELAY__LIMITS__{name}"), (*value).to_owned()));
        let mut process = Command::new(binary()?)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.path())
            .envs(limits)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("its output")?).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).context("what it tells")?;
        let text = |name: &str| told[name].as_str().with_context(|| format!("no {name}"));
        let app = AppId(u32::try_from(told["app"].as_u64().context("an app")?)?);
        let secret = decode_secret(text("secret")?);
        let key = Key::hs256(app, text("kid")?, &secret, KeyState::Current)?;
        let http = text("url")?.trim_start_matches("http://").parse()?;
        Ok(Self { process, http, app, key, _folder: folder })
    }

    pub(crate) fn token(&self, room: &str, user: &str, role: &str) -> Result<String> {
        let role = role.parse().context("a role's name")?;
        let jti = format!("t-{user}");
        let claims = Claims::builder(self.app, role)
            .room(room)
            .user(user)
            .jti(&jti)
            .lifetime(now_s(), 600)
            .build();
        Ok(mint(&claims, &self.key)?)
    }

    /// Its resident memory.
    pub(crate) fn memory_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?;
        Ok(kib.parse::<u64>()? * 1_024)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
