//! File, environment and flags become one configuration, the later stronger. Last room of the binary. An
//! unknown name is refused wherever it stands.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

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
    /// HTTP API, pages and WebSocket.
    pub address: String,
    /// Health and metrics; keep it from strangers.
    pub operations: String,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
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
        Self { address: "127.0.0.1:7880".into(), operations: "127.0.0.1:7881".into(), workers: 0 }
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
    /// Puts a file, environment variables and flags (`listen.address` and the like) together.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
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
            let Some(name) = name.strip_prefix(PREFIX).filter(|name| name.contains(LEVEL)) else {
                continue;
            };
            let path: Vec<String> = name.split(LEVEL).map(str::to_ascii_lowercase).collect();
            set(&mut table, &path, value_of(&value));
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
        let address = |name, text: &str| {
            text.parse::<SocketAddr>().map(drop).map_err(|_| ConfigError::Value {
                name,
                why: format!("`{text}` is not an address and a port, such as 127.0.0.1:7880"),
            })
        };
        address("listen.address", &self.listen.address)?;
        address("listen.operations", &self.listen.operations)?;
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
    fn variables_without_levels_are_not_configuration() {
        assert_eq!(load("# nothing", &[("STAGEDOOR_API_KEY", "x")], &[]), Ok(Config::default()));
    }
}
