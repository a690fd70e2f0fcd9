//! One connection of HTTP requests: the server's paths, and upgrades that are not their connection's first
//! request, which the relay decides about as it does about any other.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Body};
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::http1::{Builder, Parts},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use stagedoor_relay::{Io, Opening, Peer, Relay};
use stagedoor_wire::CONNECT_PATH;
use tokio::sync::watch;
use tower::ServiceExt;
use tracing::Instrument;

/// What requests are answered by.
#[derive(Clone)]
pub(crate) struct Site {
    /// Paths.
    pub(crate) router: Router,
    /// The relay, where connections may become its own.
    pub(crate) relay: Option<Arc<Relay>>,
    /// True from when the process is to stop.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// A connection whose upgrade is answered, to be begun by the task that has the socket.
type Opened = Arc<Mutex<Option<Box<Opening>>>>;

/// Answers the requests of one connection.
struct Answering {
    site: Site,
    peer: Peer,
    opened: Opened,
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if let Some(relay) = &self.site.relay
            && request.uri().path() == CONNECT_PATH
        {
            let (request, _) = request.into_parts();
            let (response, opening) = relay.upgrade(&request, self.peer);
            *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = opening;
            return Box::pin(std::future::ready(Ok(response.map(Body::from))));
        }
        let mut request = request.map(Body::new);
        if let Some(address) = self.peer.address() {
            request.extensions_mut().insert(address);
        }
        Box::pin(self.site.router.clone().oneshot(request))
    }
}

/// Serves a connection, in a task of its own.
pub(crate) fn serve(io: Io, peer: Peer, site: Site) {
    let serving = async move {
        if let Err(error) = served(io, peer, site).await {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    };
    tokio::spawn(serving.in_current_span());
}

async fn served(io: Io, peer: Peer, mut site: Site) -> hyper::Result<()> {
    let opened = Opened::default();
    let mut stopped = site.stopped.clone();
    site.stopped.mark_unchanged();
    let answering = Answering { site, peer, opened: opened.clone() };
    let mut connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .serve_connection(TokioIo::new(io), answering);
    let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
    tokio::select! {
        served = &mut connection => served?,
        () = stop => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await?;
        }
    }
    let opening = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(opening) = opening {
        let Parts { io, read_buf, .. } = connection.into_parts();
        opening.begin(io.into_inner(), read_buf);
    }
    Ok(())
}

/// How long an HTTP client may take for a request's head.
const HEADER_READ_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
