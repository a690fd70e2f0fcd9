//! Assembles server, relay and bus into one running process.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use stagedoor_bus::{LocalBus, Receivers};
use stagedoor_relay::{Proxies, Relay};
use stagedoor_server::Server;

use crate::{
    config::Config,
    descriptors,
    operations::Source,
    service::Service,
    sockets::{At, SocketFile, bind, mode},
};

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
    service: Service,
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
    let answering = tokio::spawn(relay.clone().answer(commands));
    let sockets = (public.listening, operations.listening);
    let service = Service::begin(config, &relay, sockets, server.router(), source, vec![answering]);
    Ok(Running {
        http: public.at.address(),
        operations: operations.at.address(),
        http_at: public.at,
        operations_at: operations.at,
        server,
        relay,
        bus,
        root: None,
        service,
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

impl Running {
    /// Stops accepting, closes all connections over the grace period, writes what is queued, and ends within
    /// `drain_grace_ms` plus `stop_timeout_ms`, whatever hangs. `false` if something did not end in time.
    pub async fn stop(self) -> bool {
        let Self { service, relay, server, .. } = self;
        let last = Box::pin(async {
            drop(relay);
            if let Ok(server) = Arc::try_unwrap(server).map_err(|_| ()) {
                server.close().await;
            }
        });
        service.stop(last).await
    }
}
