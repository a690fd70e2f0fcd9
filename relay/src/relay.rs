//! The relay as a whole: its parts, how it starts, answers the server, and shuts down.

use std::{
    fmt::Write,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Response, request::Parts};
use serde::{Deserialize, Serialize};
use stagedoor_bus::{Asked, Bus};
use stagedoor_wire::limits::Limits;
use tokio::sync::mpsc;

use crate::{
    clock,
    commands::answer,
    net::addresses::Peer,
    net::io::{Io, Socket},
    net::origin::Origin,
    net::tls::{Tls, TlsError, TlsFiles},
    port::clients::{Client, Clients, Source},
    port::forwarded::Proxies,
    port::listener::{Listener, Listening, OtherHttp},
    port::upgrade::{self, Opening},
    shared::Shared,
};

/// How often certificate files are checked for changes.
const TLS_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// How often the uses of keys are reported, if the configuration does not say, in milliseconds.
const KEYS_USED_INTERVAL_MS: u64 = 60_000;

/// The relay's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Every limit.
    pub limits: Limits,
    /// Certificate files; without them the port speaks plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
    /// Origins of web pages that may connect, such as `https://example.com`, as browsers send them: no path, no
    /// capitals, no default port, no pattern. Empty: any page. Clients that send no origin are not pages.
    pub origins: Vec<Origin>,
    /// Whether the relay refuses to be given a secret. Tokens of HS256 keys are then `key_unknown`; apps sign with EdDSA
    /// or ES256.
    pub public_keys_only: bool,
    /// How often the relay reports the uses of keys.
    pub keys_used_interval_ms: u64,
    /// The name of a cookie that may carry a token in the handshake; without it, cookies are ignored. Works only with
    /// `origins`, and only from pages of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            tls: None,
            origins: Vec::new(),
            public_keys_only: false,
            keys_used_interval_ms: KEYS_USED_INTERVAL_MS,
            cookie: None,
        }
    }
}

/// The relay.
pub struct Relay {
    shared: Arc<Shared>,
    keys_used_interval: Duration,
    tls: Option<Arc<Tls>>,
    clients: Arc<Clients>,
}

impl Relay {
    /// A relay that learns of its apps from `bus`, and trusts `proxies` to name their clients. Fails if a certificate
    /// file cannot be used.
    pub fn new(config: Config, proxies: Proxies, bus: Arc<dyn Bus>) -> Result<Arc<Self>, TlsError> {
        let tls = config.tls.map(Tls::open).transpose()?.map(Arc::new);
        let shared = Arc::new(Shared::new(config.limits, config.origins, config.cookie, bus));
        let clients = Arc::new(Clients::new(proxies, shared.limits.clone()));
        let keys_used_interval = Duration::from_millis(config.keys_used_interval_ms);
        Ok(Arc::new(Self { shared, keys_used_interval, tls, clients }))
    }

    /// Executes the server's commands until the server's end of the bus is dropped.
    pub async fn answer(self: Arc<Self>, mut commands: mpsc::Receiver<Asked>) {
        while let Some(asked) = commands.recv().await {
            answer(&self.shared, asked);
        }
    }

    /// Accepts connections until `stop`, then notifies every member and closes all connections, spread over
    /// `drain_grace_ms`. Returns when all are closed. Connections whose first request is not for the relay go to
    /// `other`.
    pub async fn serve(
        self: Arc<Self>,
        listener: impl Into<Listening>,
        other: OtherHttp,
        stop: impl Future<Output = ()>,
    ) {
        let listener = listener.into();
        let accepting = Arc::new(Listener {
            shared: self.shared.clone(),
            tls: self.tls.clone(),
            other,
            clients: self.clients.clone(),
        });
        tokio::select! {
            () = accepting.accept(&listener) => {}
            () = self.watch_tls() => {}
            () = clock::watch(&self.shared) => {}
            () = self.report_keys_used() => {}
            () = stop => {}
        }
        drop(listener);
        self.drain().await;
        self.shared.report_keys_used();
    }

    /// Decides about a request for [`CONNECT_PATH`](stagedoor_wire::CONNECT_PATH) that was not its connection's first,
    /// and returns its answer. After an answer of 101, the opening starts the connection.
    pub async fn upgrade(
        &self,
        request: &Parts,
        client: Client,
    ) -> (Response<String>, Option<Box<Opening>>) {
        upgrade::later(&self.shared, request, client).await
    }

    /// The client that sent a request over a connection.
    pub fn client(&self, source: Source, fields: &HeaderMap) -> Client {
        self.clients.client(source, |name| {
            fields.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>()
        })
    }

    /// The answer to all requests of a client that exceeds a limit of connections.
    pub fn full(&self) -> Response<String> {
        upgrade::full(&self.shared)
    }

    /// Whether more than three quarters of the connections are in use.
    pub fn is_crowded(&self) -> bool {
        self.clients.is_crowded()
    }

    /// A connection of another port: it is counted, but never refused because of others.
    pub fn count(&self, socket: Socket, peer: Peer) -> Io {
        let mut io = Io::from(socket);
        io.hold(self.clients.count(peer));
        io
    }

    async fn drain(&self) {
        let limits = &self.shared.limits;
        let grace = Duration::from_millis(limits.drain_grace_ms);
        let patience = grace + Duration::from_millis(limits.close_timeout_ms);
        self.shared.drain(Instant::now(), grace);
        if tokio::time::timeout(patience, self.shared.emptied()).await.is_err() {
            tracing::warn!(
                left = self.shared.connection_count(),
                "connections did not end in time"
            );
        }
    }

    async fn report_keys_used(&self) {
        loop {
            tokio::time::sleep(self.keys_used_interval).await;
            self.shared.report_keys_used();
        }
    }

    async fn watch_tls(&self) {
        let Some(tls) = &self.tls else { return std::future::pending().await };
        loop {
            tokio::time::sleep(TLS_CHECK_INTERVAL).await;
            if tls.is_stale()
                && let Err(error) = tls.reload()
            {
                tracing::warn!(%error, "could not load the new certificate files; keeping the old ones");
            }
        }
    }

    /// Reloads the certificate files. After an error the old ones stay in use.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Moves the whole bus's wall clock forward, or back if negative, and makes every connection check it: for tests.
    pub fn put_clock(&self, by_ms: i64) {
        self.shared.clock.put(by_ms);
        clock::look(&self.shared);
        // Also if the watcher noticed the jump first and is still handling it.
        clock::wake_all(&self.shared);
    }

    /// Moves the wall clock forward.
    pub fn put_clock_forward(&self, by: Duration) {
        self.put_clock(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    }

    /// Whether the relay is shutting down.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// All counters in the Prometheus text format.
    pub fn metrics(&self) -> String {
        let mut out = self.shared.metrics.render();
        let (rooms, seats) = self.shared.rooms.count();
        let streams: usize =
            self.shared.rooms.all().iter().map(|room| room.summary().streams as usize).sum();
        let memory = &self.shared.memory;
        let used = memory.used(self.shared.clock.now_ms());
        let gauges = [
            ("memory_bytes", "Memory of the process.", used as usize),
            (
                "memory_bytes_max",
                "Memory limit above which new members are refused.",
                memory.max() as usize,
            ),
            ("connections_open", "WebSocket connections open.", self.shared.connection_count()),
            ("sockets_open", "Connections of every kind open.", self.clients.connections()),
            ("rooms_open", "Rooms open.", rooms),
            ("seats_taken", "Seats taken.", seats),
            ("streams_live", "Streams live.", streams),
        ];
        for (name, help, value) in gauges {
            let name = format!("stagedoor_relay_{name}");
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        out
    }
}

#[cfg(test)]
mod tests;
