//! A Stagedoor started for a load test: its settings, and what it reports about itself. Does not start it: on which
//! cores it runs, and what is deleted when it ends, is up to the owner.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::Deserialize;
use stagedoor_token::{AppId, Key, KeyState, secret_of_text};

use crate::{
    dialect::{Dialect, Minter, Target},
    error::LoadError,
    process::Process,
};

/// Settings of a server whose load comes from one address.
const SETTINGS: [(&str, &str); 10] = [
    ("STAGEDOOR_RELAY__LIMITS__CONNECTIONS_MAX", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__CONNECTIONS_PER_APP_MAX", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__CONNECTIONS_PER_ADDRESS_MAX", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__ADDRESS_LOGINS_PER_S", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__ADDRESS_LOGINS_BURST", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__ROOM_MEMBERS_MAX", "1000000"),
    ("STAGEDOOR_RELAY__LIMITS__DRAIN_GRACE_MS", "0"),
    ("STAGEDOOR_LISTEN__ADDRESS", "127.0.0.1:0"),
    ("STAGEDOOR_LISTEN__OPERATIONS", "127.0.0.1:0"),
    ("STAGEDOOR_LOG__LEVEL", "warn"),
];

/// Removes from a command this program's environment variables that would configure a server, and any configuration
/// file in this folder.
pub fn set_up_by_nothing(command: &mut Command) {
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.to_string_lossy().starts_with("STAGEDOOR_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
}

/// Turns a command for the program into one that starts it with its data in `folder`.
pub fn dev(command: &mut Command, folder: &Path, workers: u32) {
    command.current_dir(folder).envs(SETTINGS);
    command.args(["dev", "--json", "--workers", &workers.to_string(), "--data"]).arg(folder);
}

/// What `dev --json` prints about its app once it listens. It contains secrets.
#[derive(Deserialize)]
pub struct DevOutput {
    /// The app.
    pub app: AppId,
    /// An API key with every scope in it.
    pub api_key: String,
    kid: String,
    secret: String,
    connect: String,
}

impl DevOutput {
    /// Waits until the server prints it.
    pub fn hear(child: &mut Child) -> Result<Self, LoadError> {
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        Self::read(&line).ok_or_else(|| LoadError::Server("did not start".into()))
    }

    fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// The server as a target.
    pub fn target(
        &self,
        child: &Child,
        cores: u32,
        patience: Duration,
    ) -> Result<Target, LoadError> {
        let Self { app, kid, secret, connect, .. } = self;
        let makes_no_sense = || LoadError::Server("printed something unexpected".into());
        let rest = connect.strip_prefix("ws://").or_else(|| connect.strip_prefix("wss://"));
        let host = rest.and_then(|rest| rest.split('/').next());
        let secret = secret_of_text(secret).map_err(|_| makes_no_sense())?;
        let key =
            Key::hs256(*app, kid, &secret, KeyState::Current).map_err(|_| makes_no_sense())?;
        Ok(Target {
            address: host.and_then(|host| host.parse().ok()).ok_or_else(makes_no_sense)?,
            dialect: Dialect::Stagedoor(Minter::new(key)),
            process: Some(Process(child.id())),
            cores,
            patience,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(connect: &str, secret: &str) -> Option<DevOutput> {
        DevOutput::read(&format!(
            r#"{{"app":7,"api_key":"sd_x","kid":"k_1","secret":"{secret}","connect":"{connect}","more":1}}"#
        ))
    }

    #[test]
    fn a_servers_output_gives_its_address_and_dialect() {
        let mut child = Command::new("true").spawn().expect("a process");
        child.wait().expect("its end");
        let patience = Duration::from_secs(1);
        let secret = "A".repeat(43);
        for scheme in ["ws", "wss"] {
            let told = told(&format!("{scheme}://127.0.0.1:99/v1/connect"), &secret).expect("told");
            let target = told.target(&child, 2, patience).expect("a target");
            assert_eq!(target.address.to_string(), "127.0.0.1:99");
            assert_eq!((target.process, target.cores), (Some(Process(child.id())), 2));
        }
        for (connect, secret) in
            [("http://127.0.0.1:99", &*secret), ("ws://here/", &secret), ("ws://127.0.0.1:99", "*")]
        {
            let told = told(connect, secret).expect("told");
            assert!(told.target(&child, 1, patience).is_err(), "{connect} {secret}");
        }
        assert!(DevOutput::read("stagedoor: the port is taken").is_none());
    }
}
