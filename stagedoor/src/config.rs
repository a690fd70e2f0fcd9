//! Combines file, environment and flags into one configuration, later sources overriding earlier ones. Unknown names
//! are refused in all of them.

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

/// Read if it exists and no other file is given.
pub const FILE: &str = "stagedoor.toml";

/// All settings.
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
    /// Logging.
    pub log: Log,
}

/// Sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// HTTP API, pages and WebSocket: a host and a port, or `unix:` and a path, which has no TLS.
    pub address: String,
    /// Health and metrics, in the same form; keep it unreachable for strangers.
    pub operations: String,
    /// The permissions of a unix socket's file, in octal digits.
    pub unix_mode: String,
    /// Addresses and networks of the proxies that are trusted to name their clients.
    pub trusted_proxies: Vec<Network>,
    /// Which address counts for limits, refusals, logs and the audit trail: `peer`, or what trusted proxies send as
    /// `x-forwarded-for`, `forwarded` or `proxy-v2`.
    pub client_address: ClientAddress,
    /// Connections of the operations socket at once; further ones are cut off.
    pub operations_connections_max: usize,
    /// How long stopping may take beyond `drain_grace_ms`; requests in progress have half of it.
    pub stop_timeout_ms: u64,
    /// Worker threads; 0 means one per core.
    pub workers: usize,
}

/// Time and size limits of an HTTP connection. A connection that exceeds a time limit is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// How long a request's head may take to arrive.
    pub head_timeout_ms: u64,
    /// How long a request's body may take to arrive; after that the answer is 408 `body_timeout`.
    pub body_timeout_ms: u64,
    /// How long the client may take to receive an answer, or each part of one that is made while it is sent.
    pub answer_timeout_ms: u64,
    /// How long a connection may wait for its next request. While more than three quarters of `connections_max` are in
    /// use, it is `head_timeout_ms`.
    pub idle_timeout_ms: u64,
    /// Size of a request's head, in bytes; beyond it the answer is 431, or 414 if the target alone is too long.
    pub head_bytes_max: usize,
}

/// Logging, to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,stagedoor_relay=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
    /// Log lines about refusals per minute; further refusals are counted, and one line says how many.
    pub refusals_per_min: u64,
}

/// The form of a line.
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
    /// The defaults, and an example for each setting that has none.
    pub(crate) fn full() -> Self {
        let mut config = Self::default();
        config.relay.tls =
            Some(TlsFiles { cert: PathBuf::from("cert.pem"), key: PathBuf::from("key.pem") });
        config.relay.cookie = Some("seat".into());
        config.server.master_key.file = Some(PathBuf::from("/etc/stagedoor/master.key"));
        config.server.outbound.ca_file = Some(PathBuf::from("/etc/stagedoor/issuers.pem"));
        config
    }
}
