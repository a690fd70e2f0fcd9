//! Server, relay and bus become one running process. After `dev`, before `operations`.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use stagedoor_bus::{Ends, LocalBus};
use stagedoor_relay::{Io, OtherHttp, Relay};
use stagedoor_server::Server;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    operations::{Looked, router},
};

/// How long an HTTP client may take for a request's head.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

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
    let (bus, Ends { commands, events, stores }) = LocalBus::new();
    let (server, root) = Server::open(config.server.clone(), bus.clone(), events, stores).await?;
    let (stop, stopped) = watch::channel(false);
    let relay = Relay::new(
        config.relay.clone(),
        bus.clone(),
        other_http(server.router(), stopped.clone()),
    )?;
    let server = Arc::new(server);
    let looked = Looked { server: server.clone(), relay: relay.clone(), started: Instant::now() };
    let (http, operations_at) = (listener.local_addr()?, operations.local_addr()?);
    let mut stopping = stopped;
    let serving = tokio::spawn(relay.clone().serve(listener, async move {
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

/// Gives connections that are not the relay's to the HTTP API.
fn other_http(router: Router, stopped: watch::Receiver<bool>) -> OtherHttp {
    Arc::new(move |io: Io, peer: SocketAddr| {
        let service = TowerToHyperService::new(router.clone().layer(axum::Extension(peer)));
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_READ_TIMEOUT)
                .serve_connection(TokioIo::new(io), service);
            let mut connection = std::pin::pin!(connection);
            let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stop => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%error, %peer, "an HTTP connection ended early");
            }
        });
    })
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
