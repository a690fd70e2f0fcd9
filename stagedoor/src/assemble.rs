//! Server, relay and bus become one running process. After `dev`, before `operations`.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context;
use stagedoor_bus::{Ends, LocalBus};
use stagedoor_relay::{OtherHttp, Relay};
use stagedoor_server::Server;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    operations::{Looked, router},
    serving::{Site, serve},
};

/// A running Stagedoor.
pub struct Running {
    /// Where HTTP API, pages and WebSocket are.
    pub http: SocketAddr,
    /// Where health and metrics are.
    pub operations: SocketAddr,
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
}

/// Opens the store, binds the sockets, and serves.
pub async fn assemble(config: &Config) -> anyhow::Result<Running> {
    let listener = bind(&config.listen.address).await?;
    let operations = bind(&config.listen.operations).await?;
    let (bus, Ends { commands, events }) = LocalBus::new();
    let (server, root) = Server::open(config.server.clone(), bus.clone(), events).await?;
    let (stop, stopped) = watch::channel(false);
    let relay = Relay::new(config.relay.clone(), bus.clone())?;
    let server = Arc::new(server);
    let looked = Looked { server: server.clone(), relay: relay.clone(), started: Instant::now() };
    let (http, operations_at) = (listener.local_addr()?, operations.local_addr()?);
    let site =
        Site { router: server.router(), relay: Some(relay.clone()), stopped: stopped.clone() };
    let other: OtherHttp = Arc::new(move |io, peer| serve(io, peer, site.clone()));
    let mut stopping = stopped;
    let serving = tokio::spawn(relay.clone().serve(listener, other, async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopping.wait_for(|stop| *stop).await;
    }));
    let others = vec![
        tokio::spawn(relay.clone().answer(commands)),
        tokio::spawn(async move {
            if let Err(error) = axum::serve(operations, router(looked)).await {
                tracing::warn!(%error, "the operations socket failed");
            }
        }),
    ];
    Ok(Running { http, operations: operations_at, server, relay, bus, root, stop, serving, others })
}

async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
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
