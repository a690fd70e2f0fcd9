//! File, environment and flags become one configuration, the later stronger. Last room of the binary. An
//! unknown name is refused wherever it stands.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use stagedoor_relay::{ClientAddress, Network};
use thiserror::Error;
use toml::{Table, Value};

use crate::sockets::{Address, mode};

/// The prefix of environment variables that set a value: `STAGEDOOR_LISTEN__ADDRESS`.
const PREFIX: &str = "STAGEDOOR_";
/// Between the levels of a name in the environment.
const LEVEL: &str = "__";
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

impl Listen {
    fn check(&self) -> Result<(), ConfigError> {
        let refused = |name, why: &str| Err(ConfigError::Value { name, why: why.into() });
        let parsed = |name, text: &str| {
            let why = |error| ConfigError::Value { name, why: format!("`{text}` is {error}") };
            text.parse::<Address>().map_err(why)
        };
        let address = parsed("listen.address", &self.address)?;
        parsed("listen.operations", &self.operations)?;
        if mode(&self.unix_mode).is_none() {
            return refused("listen.unix_mode", "octal digits, such as 0660");
        }
        match (self.client_address, self.trusted_proxies.is_empty(), address) {
            (ClientAddress::Peer, false, _) => refused(
                "listen.trusted_proxies",
                "proxies are believed only with `client_address` other than `peer`",
            ),
            (
                ClientAddress::XForwardedFor | ClientAddress::Forwarded | ClientAddress::ProxyV2,
                true,
                Address::Host(_),
            ) => refused("listen.client_address", "`trusted_proxies` must name the proxies"),
            _ => Ok(()),
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
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {source}", file = file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not read as a configuration.
    #[error("{file}: {source}", file = file.display())]
    Toml {
        /// Which.
        file: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// File, environment and flags together do not.
    #[error("{0}")]
    Merged(Box<toml::de::Error>),
    /// A variable of ours that is no text.
    #[error("{name}: the value is not UTF-8")]
    Variable {
        /// Its name.
        name: String,
    },
    /// A value that makes no sense.
    #[error("{name}: {why}")]
    Value {
        /// Its name.
        name: &'static str,
        /// Why not.
        why: String,
    },
}

fn set(table: &mut Table, path: &[String], value: Value) {
    if let [last] = path {
        table.insert(last.clone(), value);
    } else if let [first, rest @ ..] = path {
        let below = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(below) = below {
            set(below, rest, value);
        }
    }
}

/// A number or a truth value where the text is one, else the text.
fn value_of(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::Integer)
        .or_else(|_| text.parse::<bool>().map(Value::Boolean))
        .unwrap_or_else(|_| match text.strip_prefix('[') {
            Some(_) => toml::from_str::<Table>(&format!("v = {text}"))
                .ok()
                .and_then(|mut table| table.remove("v"))
                .unwrap_or_else(|| Value::String(text.into())),
            None => Value::String(text.into()),
        })
}

impl Config {
    /// Puts a file, environment variables and flags (`listen.address` and the like) together. Variables of
    /// others may be anything, also no UTF-8.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let named = file.map(Path::to_owned);
        let file = named.or_else(|| Path::new(FILE).exists().then(|| FILE.into()));
        let mut table = Table::new();
        if let Some(file) = file {
            let text = std::fs::read_to_string(&file)
                .map_err(|source| ConfigError::File { file: file.clone(), source })?;
            let toml = |source| ConfigError::Toml { file: file.clone(), source: Box::new(source) };
            toml::from_str::<Self>(&text).map_err(toml)?;
            table = toml::from_str(&text).map_err(toml)?;
        }
        for (name, value) in environment {
            let name = name.as_ref().to_str().and_then(|name| name.strip_prefix(PREFIX));
            let Some(name) = name.filter(|name| name.contains(LEVEL)) else { continue };
            let not_text = || ConfigError::Variable { name: format!("{PREFIX}{name}") };
            let value = value.as_ref().to_str().ok_or_else(not_text)?;
            let path: Vec<String> = name.split(LEVEL).map(str::to_ascii_lowercase).collect();
            set(&mut table, &path, value_of(value));
        }
        for (name, value) in flags {
            let path: Vec<String> = name.split('.').map(ToOwned::to_owned).collect();
            set(&mut table, &path, value_of(value));
        }
        let config: Self =
            Value::Table(table).try_into().map_err(|error| ConfigError::Merged(Box::new(error)))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.listen.check()?;
        if self.relay.cookie.is_some() && self.relay.origins.is_empty() {
            let why = "a cookie counts only from pages of `relay.origins`, which is empty".into();
            return Err(ConfigError::Value { name: "relay.cookie", why });
        }
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log.level);
        filter
            .map(drop)
            .map_err(|error| ConfigError::Value { name: "log.level", why: error.to_string() })
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
        loaded.map_err(|error| error.to_string())
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
