//! A relay alone: its directory is a file that `stagedoor directory export` wrote, and it holds no secret
//! (`spec/directory.md`). The data folder is not opened, and no path of the API is served.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::Router;
use stagedoor_bus::{Event, FileBus};
use stagedoor_relay::{Proxies, Relay};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    assemble::{OPERATIONS_STOP_TIMEOUT, operate, other_http},
    config::Config,
    descriptors,
    operations::{Looked, Source, router},
    refusals,
    serving::Site,
    sockets::{At, SocketFile, bind, mode},
    watched::{Stamp, Watched},
};

/// A running relay without a server.
pub(crate) struct Edge {
    pub(crate) http_at: At,
    pub(crate) operations_at: At,
    pub(crate) relay: Arc<Relay>,
    stop: watch::Sender<Option<Instant>>,
    end: watch::Sender<Option<Instant>>,
    stop_timeout: Duration,
    drain_grace: Duration,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
    _files: [Option<SocketFile>; 2],
}

/// Loads the directory, binds the sockets, and serves.
pub(crate) async fn start(config: &Config, file: &Path) -> anyhow::Result<Edge> {
    let mode = mode(&config.listen.unix_mode).context("listen.unix_mode")?;
    let (bus, commands) = FileBus::new(log);
    let watched = Arc::new(Watched::new(file, bus.clone()));
    let mut of_relay = config.relay.clone();
    descriptors::fit(&mut of_relay.limits, config.listen.operations_connections_max)?;
    let proxies = Proxies {
        trusted: config.listen.trusted_proxies.clone(),
        client_address: config.listen.client_address,
    };
    let relay = Relay::new(of_relay, proxies, bus)?;
    let answering = tokio::spawn(relay.clone().answer(commands));
    // Before the file is read: a change from then on is seen.
    let stamp = Stamp::of(file).ok();
    watched.load().await.with_context(|| format!("--directory {}", file.display()))?;
    let public = bind(&config.listen.address, mode, ("listen.address", "--listen")).await?;
    let operations =
        bind(&config.listen.operations, mode, ("listen.operations", "--operations")).await?;
    let (stop, stopped) = watch::channel(None);
    let (end, ended) = watch::channel(None);
    let http = Arc::new(config.http.clone());
    let site = Site { router: nothing(), http: http.clone(), stopped: stopped.clone() };
    let other = other_http(site, relay.clone());
    let source = Source::Directory(watched.clone());
    let looked = Looked { source, relay: relay.clone(), started: Instant::now() };
    let site = Site { router: router(looked), http, stopped: ended };
    let mut stopping = stopped;
    let serving = tokio::spawn(relay.clone().serve(public.listening, other, async move {
        // An error means that the sender is gone, which also means stop.
        let _ = stopping.wait_for(Option::is_some).await;
    }));
    let connections_max = config.listen.operations_connections_max;
    let others = vec![
        answering,
        tokio::spawn(watched.watch(stamp)),
        tokio::spawn(operate(operations.listening, relay.clone(), site, connections_max)),
    ];
    Ok(Edge {
        http_at: public.at,
        operations_at: operations.at,
        relay,
        stop,
        end,
        stop_timeout: Duration::from_millis(config.listen.stop_timeout_ms),
        drain_grace: Duration::from_millis(config.relay.limits.drain_grace_ms),
        serving,
        others,
        _files: [public.file, operations.file],
    })
}

/// The paths of a relay alone: none but `/v1/connect`, which is not the router's.
fn nothing() -> Router {
    Router::new().fallback(|| async { refusals::PATH_UNKNOWN.response() })
}

/// Events go to the log. The relay logs refusals itself.
fn log(event: Event) {
    match event {
        Event::Refused { .. } | Event::RenewRefused { .. } => {}
        Event::KeyUsed { app, kid, tokens, iat_max } => {
            tracing::info!(app = app.id.0, %kid, tokens, iat_max, "key used");
        }
        event => tracing::info!(?event, "event"),
    }
}

impl Edge {
    /// Stops accepting and closes all connections over the grace period. `false` if something did not end in time.
    pub(crate) async fn stop(self) -> bool {
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
    }
}
