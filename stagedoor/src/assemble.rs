//! Assembles server, relay and bus into one running process.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use stagedoor_bus::{LocalBus, Receivers};
use stagedoor_relay::{Listening, OtherHttp, Proxies, Relay};
use stagedoor_server::Server;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tracing::Instrument;

use crate::{
    config::Config,
    descriptors,
    operations::{Looked, Source, router},
    serving::{Port, Site, serve},
    sockets::{At, SocketFile, bind, mode},
};

/// How long requests on the operations socket may continue after everything else has ended.
pub(crate) const OPERATIONS_STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// A running Stagedoor.
pub struct Running {
    /// Address of the HTTP API, the pages and the WebSocket; port 0 if it is a file.
    pub http: SocketAddr,
    /// Address of health and metrics; port 0 if it is a file.
    pub operations: SocketAddr,
    /// The same as `http`, as an address or a file.
    pub http_at: At,
    /// The same as `operations`, as an address or a file.
    pub operations_at: At,
    /// The server.
    pub server: Arc<Server>,
    /// The relay.
    pub relay: Arc<Relay>,
    /// The bus between them.
    pub bus: Arc<LocalBus>,
    /// The operator's root credential, only at the first start.
    pub root: Option<String>,
    stop: watch::Sender<Option<Instant>>,
    /// Stops the operations socket, which ends last.
    end: watch::Sender<Option<Instant>>,
    stop_timeout: Duration,
    drain_grace: Duration,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
    _files: [Option<SocketFile>; 2],
}

/// Starts, and makes the root credential at the first start.
pub async fn assemble(config: &Config) -> anyhow::Result<Running> {
    let mut running = start(config).await?;
    let mut root = None;
    running
        .server
        .first_root(|shown| {
            root = Some(shown.to_owned());
            Ok(())
        })
        .await?;
    running.root = root;
    Ok(running)
}

/// Opens the data folder, binds the sockets, and serves. The caller makes the root credential after this has succeeded.
pub(crate) async fn start(config: &Config) -> anyhow::Result<Running> {
    let mode = mode(&config.listen.unix_mode).context("listen.unix_mode")?;
    let (bus, Receivers { commands, events, stores, invites }) =
        LocalBus::with(config.relay.public_keys_only);
    let server = Server::open(config.server.clone(), bus.clone(), events, stores, invites).await?;
    let public = bind(&config.listen.address, mode, ("listen.address", "--listen")).await?;
    let operations =
        bind(&config.listen.operations, mode, ("listen.operations", "--operations")).await?;
    let (stop, stopped) = watch::channel(None);
    let (end, ended) = watch::channel(None);
    let proxies = Proxies {
        trusted: config.listen.trusted_proxies.clone(),
        client_address: config.listen.client_address,
    };
    let mut of_relay = config.relay.clone();
    descriptors::fit(&mut of_relay.limits, config.listen.operations_connections_max)?;
    let relay = Relay::new(of_relay, proxies, bus.clone())?;
    if config.relay.public_keys_only {
        warn_of_secret_keys(&server).await?;
    }
    let loopback = Some(public.at.address()).filter(|address| address.ip().is_loopback());
    server.listens(config.relay.tls.is_some(), loopback);
    let server = Arc::new(server);
    let source = Source::Server(server.clone());
    let looked = Looked { source, relay: relay.clone(), started: Instant::now() };
    let http = Arc::new(config.http.clone());
    let site = Site { router: server.router(), http: http.clone(), stopped: stopped.clone() };
    let other = other_http(site, relay.clone());
    let site = Site { router: router(looked), http, stopped: ended };
    let mut stopping = stopped;
    let serving = tokio::spawn(relay.clone().serve(public.listening, other, async move {
        // An error means that the sender is gone, which also means stop.
        let _ = stopping.wait_for(Option::is_some).await;
    }));
    let others = vec![
        tokio::spawn(relay.clone().answer(commands)),
        tokio::spawn(operate(
            operations.listening,
            relay.clone(),
            site,
            config.listen.operations_connections_max,
        )),
    ];
    Ok(Running {
        http: public.at.address(),
        operations: operations.at.address(),
        http_at: public.at,
        operations_at: operations.at,
        server,
        relay,
        bus,
        root: None,
        stop,
        end,
        stop_timeout: Duration::from_millis(config.listen.stop_timeout_ms),
        drain_grace: Duration::from_millis(config.relay.limits.drain_grace_ms),
        serving,
        others,
        _files: [public.file, operations.file],
    })
}

/// Says how many apps still sign with secrets, although their tokens are refused.
async fn warn_of_secret_keys(server: &Server) -> anyhow::Result<()> {
    match server.apps_with_secrets().await? {
        0 => {}
        apps => tracing::warn!(
            apps,
            "relay.public_keys_only is set, and apps have a current key of HS256 or of Token04: tokens of these keys \
             are refused; rotate HS256 to EdDSA (`stagedoor app keys rotate --alg EdDSA`)"
        ),
    }
    Ok(())
}

/// Passes connections that are not for the relay to the HTTP API.
pub(crate) fn other_http(site: Site, relay: Arc<Relay>) -> OtherHttp {
    Arc::new(move |io, source| {
        let port = Port::Shared(relay.clone(), source);
        tokio::spawn(serve(io, site.clone(), port).in_current_span());
    })
}

/// Serves the operations socket. Its connections are counted separately, so that a full public port cannot block health
/// checks.
pub(crate) async fn operate(
    listening: Listening,
    relay: Arc<Relay>,
    site: Site,
    connections_max: usize,
) {
    let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
    loop {
        let (socket, peer) = listening.accept().await;
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let serving = serve(relay.count(socket, peer), site.clone(), Port::Own(peer));
        tokio::spawn(async move {
            serving.await;
            drop(place);
        });
    }
}

impl Running {
    /// Stops accepting, closes all connections over the grace period, writes what is queued, and ends within
    /// `drain_grace_ms` plus `stop_timeout_ms`, whatever hangs. `false` if something did not end in time.
    pub async fn stop(self) -> bool {
        let now = Instant::now();
        let end = now + self.drain_grace + self.stop_timeout;
        // The relay may have ended already.
        let _ = self.stop.send(Some(now + self.stop_timeout / 2));
        tokio::time::timeout_at(end.into(), self.stopped()).await.is_ok()
    }

    async fn stopped(self) {
        let _ = self.serving.await;
        // Each connection holds a receiver.
        self.stop.closed().await;
        self.others.iter().for_each(JoinHandle::abort);
        for other in self.others {
            let _ = other.await;
        }
        let _ = self.end.send(Some(Instant::now() + OPERATIONS_STOP_TIMEOUT));
        self.end.closed().await;
        drop(self.relay);
        if let Ok(server) = Arc::try_unwrap(self.server).map_err(|_| ()) {
            server.close().await;
        }
    }
}
