//! File, environment and flags become one configuration, the later stronger. Last room of the binary. An
//! unknown name is refused wherever it stands.

mod bounds;
mod check;
mod fault;
mod sources;
mod warnings;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use stagedoor_relay::{ClientAddress, Network, TlsFiles};

use self::{fault::Origins, sources::Sources};
pub use self::{
    fault::{ConfigError, Fault},
    warnings::unknown_variables,
};

/// Read if it is there and no other file is named.
pub const FILE: &str = "stagedoor.toml";

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Sockets.
    pub listen: Listen,
    /// Every HTTP connection, of the API and of the operations socket.
    pub http: Http,
    /// The HTTP API, and the database.
    pub server: stagedoor_server::Config,
    /// The relay.
    pub relay: stagedoor_relay::Config,
    /// What is logged.
    pub log: Log,
}

/// Sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// HTTP API, pages and WebSocket: a host and a port, or `unix:` and a path, where no TLS is spoken.
    pub address: String,
    /// Health and metrics; keep it from strangers. Of the same form.
    pub operations: String,
    /// The mode of a unix socket's file, in octal digits.
    pub unix_mode: String,
    /// Addresses and networks of the proxies that are believed about their clients.
    pub trusted_proxies: Vec<Network>,
    /// Whose address counts for limits, refusals, logs and the audit trail: `peer`, or what trusted proxies say by
    /// `x-forwarded-for`, `forwarded` or `proxy-v2`.
    pub client_address: ClientAddress,
    /// Connections that the operations socket has at once; further ones are cut off.
    pub operations_connections_max: usize,
    /// How long the stop may take beyond `drain_grace_ms`: requests under way have half of it.
    pub stop_timeout_ms: u64,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
}

/// How long an HTTP connection may take, and how large a head may be. A connection that takes longer is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// How long a request's head may take to come whole.
    pub head_timeout_ms: u64,
    /// How long a request's body may take to come whole; then the answer is 408 `body_timeout`.
    pub body_timeout_ms: u64,
    /// How long the client may take to take an answer whole.
    pub answer_timeout_ms: u64,
    /// How long a connection may wait for its next request. Where more than three quarters of `connections_max`
    /// are taken it is `head_timeout_ms`.
    pub idle_timeout_ms: u64,
    /// A request's head, in bytes; over it the answer is 431, or 414 where the target alone is.
    pub head_bytes_max: usize,
}

/// What is logged, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,stagedoor_relay=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
    /// Lines that say a refusal, each minute; further refusals are counted, and a line says how many.
    pub refusals_per_min: u64,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:7880".into(),
            operations: "127.0.0.1:7881".into(),
            unix_mode: "0660".into(),
            trusted_proxies: Vec::new(),
            client_address: ClientAddress::Peer,
            operations_connections_max: 64,
            stop_timeout_ms: 5_000,
            workers: 0,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            head_timeout_ms: 10_000,
            body_timeout_ms: 15_000,
            answer_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            head_bytes_max: 16_384,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text, refusals_per_min: 60 }
    }
}

/// A configuration that makes sense by itself.
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    origins: Origins,
}

impl Loaded {
    /// The configuration, whatever files this machine has.
    pub fn unlooked(self) -> Config {
        self.config
    }

    /// The configuration, if the files that it names are there and are what they should be.
    pub fn on_this_machine(self) -> Result<Config, ConfigError> {
        let faults = check::files(&self.config, &self.origins);
        if faults.is_empty() { Ok(self.config) } else { Err(ConfigError::Faults(faults)) }
    }
}

impl Config {
    /// Puts a file, environment variables and flags (`listen.address` and the like) together. Variables of
    /// others may be anything, also no UTF-8. The error has every fault that was found.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Loaded, ConfigError> {
        let named = file.map(Path::to_owned);
        let file = named.or_else(|| Path::new(FILE).exists().then(|| FILE.into()));
        let mut sources = Sources::default();
        if let Some(file) = file {
            sources.file(&file)?;
        }
        sources.environment(environment)?;
        sources.flags(flags);
        let config = sources.config()?;
        let faults = check::faults(&config, &sources.origins);
        if faults.is_empty() {
            Ok(Loaded { config, origins: sources.origins })
        } else {
            Err(ConfigError::Faults(faults))
        }
    }

    /// The defaults, and an example of each setting that has none.
    pub(crate) fn full() -> Self {
        let mut config = Self::default();
        config.relay.tls =
            Some(TlsFiles { cert: PathBuf::from("cert.pem"), key: PathBuf::from("key.pem") });
        config.relay.cookie = Some("seat".into());
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Config, String> {
        let dir = std::env::temp_dir().join(format!(
            "stagedoor-config-{}-{}",
            std::process::id(),
            file.len()
        ));
        std::fs::write(&dir, file).expect("a temporary file");
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let loaded =
            Config::load(Some(&dir), pairs(environment), &pairs(flags).into_iter().collect());
        std::fs::remove_file(&dir).expect("it was there");
        loaded.map(Loaded::unlooked).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let file =
            "[listen]\naddress = \"127.0.0.1:1\"\noperations = \"127.0.0.1:2\"\nworkers = 3\n";
        let environment =
            [("STAGEDOOR_LISTEN__OPERATIONS", "127.0.0.1:4"), ("STAGEDOOR_LISTEN__WORKERS", "5")];
        let config = load(file, &environment, &[("listen.workers", "6")]).expect("a configuration");
        assert_eq!(config.listen.address, "127.0.0.1:1");
        assert_eq!(config.listen.operations, "127.0.0.1:4");
        assert_eq!(config.listen.workers, 6);
    }

    #[test]
    fn unknown_names_are_refused_wherever_they_stand() {
        assert!(
            load("[listen]\nadress = \"x\"\n", &[], &[]).expect_err("a typo").contains("adress")
        );
        let typo = [("STAGEDOOR_RELAY__LIMITS__ROOM_MEMBRS_MAX", "3")];
        assert!(load("", &typo, &[]).expect_err("another typo").contains("room_membrs_max"));
        assert!(
            load("[listen]\naddress = \"nowhere\"\n#", &[], &[])
                .expect_err("no address")
                .contains("listen.address")
        );
    }

    #[test]
    fn a_cookie_without_a_list_of_origins_is_refused() {
        let refused = load("[relay]\ncookie = \"seat\"\n", &[], &[]).expect_err("no origins");
        assert!(refused.contains("relay.cookie"), "{refused}");
        let file = "[relay]\ncookie = \"seat\"\norigins = [\"https://ours.example\"]\n";
        assert!(load(file, &[], &[]).is_ok());
    }

    #[test]
    fn proxies_are_named_where_they_are_believed_and_nowhere_else() {
        for (listen, refused) in [
            ("trusted_proxies = [\"10.0.0.0/8\"]\nclient_address = \"forwarded\"", None),
            ("address = \"unix:/run/s.sock\"\nclient_address = \"x-forwarded-for\"", None),
            ("client_address = \"proxy-v2\"", Some("listen.client_address")),
            ("trusted_proxies = [\"10.0.0.0/8\"]", Some("listen.trusted_proxies")),
            ("trusted_proxies = [\"10.0.0.1/8\"]", Some("10.0.0.1/8")),
            ("client_address = \"x-real-ip\"", Some("x-real-ip")),
            ("unix_mode = \"rw\"", Some("listen.unix_mode")),
            ("address = \"unix:s.sock\"", Some("listen.address")),
        ] {
            let loaded = load(&format!("[listen]\n{listen}\n"), &[], &[]);
            match refused {
                None => assert!(loaded.is_ok(), "{listen}: {loaded:?}"),
                Some(says) => {
                    let error = loaded.expect_err(listen);
                    assert!(error.contains(says), "{listen}: {error}");
                }
            }
        }
        let variables = [
            ("STAGEDOOR_LISTEN__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"::1\"]"),
            ("STAGEDOOR_LISTEN__CLIENT_ADDRESS", "x-forwarded-for"),
        ];
        let config = load("# none", &variables, &[]).expect("a configuration");
        assert_eq!(config.listen.trusted_proxies.len(), 2);
    }

    #[test]
    fn variables_without_levels_are_not_configuration() {
        assert_eq!(load("# nothing", &[("STAGEDOOR_API_KEY", "x")], &[]), Ok(Config::default()));
    }
}
