//! Serves the two sockets of a process until it stops: the public one, and that of operations. It never decides what
//! is served there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use stagedoor_relay::{Listening, OtherHttp, Relay};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tracing::Instrument;

use crate::{
    config::Config,
    operations::{Looked, Source, router as operations_router},
    serving::{Port, Site, serve},
};

/// How long requests on the operations socket may continue after everything else has ended.
const OPERATIONS_STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// What serves a process.
pub(crate) struct Service {
    stop: watch::Sender<Option<Instant>>,
    /// Stops the operations socket, which ends last.
    end: watch::Sender<Option<Instant>>,
    stop_timeout: Duration,
    drain_grace: Duration,
    serving: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Service {
    /// Begins to serve: `public` has the relay, and `router` for what is not the relay's. `others` are tasks that end
    /// after the relay.
    pub(crate) fn begin(
        config: &Config,
        relay: &Arc<Relay>,
        (public, operations): (Listening, Listening),
        router: Router,
        source: Source,
        mut others: Vec<JoinHandle<()>>,
    ) -> Self {
        let (stop, mut stopping) = watch::channel(None);
        let (end, ended) = watch::channel(None);
        let http = Arc::new(config.http.clone());
        let site = Site { router, http: http.clone(), stopped: stopping.clone() };
        let other = other_http(site, relay.clone());
        let looked = Looked { source, relay: relay.clone(), started: Instant::now() };
        let site = Site { router: operations_router(looked), http, stopped: ended };
        let serving = tokio::spawn(relay.clone().serve(public, other, async move {
            // An error means that the sender is gone, which also means stop.
            let _ = stopping.wait_for(Option::is_some).await;
        }));
        let connections_max = config.listen.operations_connections_max;
        others.push(tokio::spawn(operate(operations, relay.clone(), site, connections_max)));
        let stop_timeout = Duration::from_millis(config.listen.stop_timeout_ms);
        let drain_grace = Duration::from_millis(config.relay.limits.drain_grace_ms);
        Self { stop, end, stop_timeout, drain_grace, serving, others }
    }

    /// Stops accepting and closes all connections over the grace period; then `last`. `false` if something did not end
    /// within `drain_grace_ms` plus `stop_timeout_ms`.
    pub(crate) async fn stop(self, last: impl Future<Output = ()>) -> bool {
        let now = Instant::now();
        let end = now + self.drain_grace + self.stop_timeout;
        // The relay may have ended already.
        let _ = self.stop.send(Some(now + self.stop_timeout / 2));
        let stopped = async {
            self.stopped().await;
            last.await;
        };
        tokio::time::timeout_at(end.into(), stopped).await.is_ok()
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

/// Passes connections that are not for the relay to the HTTP API.
fn other_http(site: Site, relay: Arc<Relay>) -> OtherHttp {
    Arc::new(move |io, source| {
        let port = Port::Shared(relay.clone(), source);
        tokio::spawn(serve(io, site.clone(), port).in_current_span());
    })
}

/// Serves the operations socket. Its connections are counted separately, so that a full public port cannot block health
/// checks.
async fn operate(listening: Listening, relay: Arc<Relay>, site: Site, connections_max: usize) {
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
