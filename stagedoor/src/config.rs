//! File, environment and flags become one configuration, the later stronger. An unknown name is refused
//! wherever it stands.

mod bounds;
mod check;
mod fault;
pub mod load;
mod sources;
pub mod warnings;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stagedoor_relay::{ClientAddress, Network, TlsFiles};

pub use self::fault::{ConfigError, Fault};

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

impl Config {
    /// The defaults, and an example of each setting that has none.
    pub(crate) fn full() -> Self {
        let mut config = Self::default();
        config.relay.tls =
            Some(TlsFiles { cert: PathBuf::from("cert.pem"), key: PathBuf::from("key.pem") });
        config.relay.cookie = Some("seat".into());
        config
    }
}
