//! Server, relay and bus become one running process. After `dev`, before `operations`.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context;
use axum::Router;
use stagedoor_bus::{Ends, LocalBus};
use stagedoor_relay::{Listening, OtherHttp, Proxies, Relay};
use stagedoor_server::Server;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    operations::{Looked, router},
    serving::{Port, serve},
    sockets::{At, SocketFile, bind, mode},
};

/// A running Stagedoor.
pub struct Running {
    /// Where HTTP API, pages and WebSocket are; port 0 where that is a file.
    pub http: SocketAddr,
    /// Where health and metrics are; port 0 where that is a file.
    pub operations: SocketAddr,
    /// The same, a file or not.
    pub http_at: At,
    /// The same, a file or not.
    pub operations_at: At,
    /// The server.
    pub server: Arc<Server>,
    /// The relay.
    pub relay: Arc<Relay>,
    /// What they say to each other.
    pub bus: Arc<LocalBus>,
    /// The operator's root credential, at the first start only.
    pub root: Option<String>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
    _files: [Option<SocketFile>; 2],
}

/// Opens the store, binds the sockets, and serves.
pub async fn assemble(config: &Config) -> anyhow::Result<Running> {
    let mode = mode(&config.listen.unix_mode).context("listen.unix_mode")?;
    let public = bind(&config.listen.address, mode).await?;
    let operations = bind(&config.listen.operations, mode).await?;
    let (bus, Ends { commands, events }) = LocalBus::new();
    let (server, root) = Server::open(config.server.clone(), bus.clone(), events).await?;
    let (stop, stopped) = watch::channel(false);
    let proxies = Proxies {
        trusted: config.listen.trusted_proxies.clone(),
        client_address: config.listen.client_address,
    };
    let relay = Relay::new(config.relay.clone(), proxies, bus.clone())?;
    let server = Arc::new(server);
    let looked = Looked { server: server.clone(), relay: relay.clone(), started: Instant::now() };
    let other = other_http(server.router(), relay.clone(), stopped.clone());
    let mut stopping = stopped.clone();
    let serving = tokio::spawn(relay.clone().serve(public.listening, other, async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    }));
    let others = vec![
        tokio::spawn(relay.clone().answer(commands)),
        tokio::spawn(operate(operations.listening, relay.clone(), router(looked), stopped)),
    ];
    Ok(Running {
        http: public.at.address(),
        operations: operations.at.address(),
        http_at: public.at,
        operations_at: operations.at,
        server,
        relay,
        bus,
        root,
        stop,
        serving,
        others,
        _files: [public.file, operations.file],
    })
}

/// Gives connections that are not the relay's to the HTTP API.
fn other_http(router: Router, relay: Arc<Relay>, stopped: watch::Receiver<bool>) -> OtherHttp {
    Arc::new(move |io, source| {
        serve(io, router.clone(), Port::Shared(relay.clone(), source), stopped.clone());
    })
}

/// Serves the operations socket.
async fn operate(
    listening: Listening,
    relay: Arc<Relay>,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    loop {
        let (socket, peer) = listening.accept().await;
        serve(relay.count(socket, peer), router.clone(), Port::Own(peer), stopped.clone());
    }
}

impl Running {
    /// Stops accepting, closes every connection over the grace period, writes what waits, and is done.
    pub async fn stop(self) {
        // The relay may be gone already.
        let _ = self.stop.send(true);
        let _ = self.serving.await;
        for other in self.others {
            other.abort();
            let _ = other.await;
        }
        drop(self.relay);
        if let Ok(server) = Arc::try_unwrap(self.server).map_err(|_| ()) {
            server.close().await;
        }
    }
}
