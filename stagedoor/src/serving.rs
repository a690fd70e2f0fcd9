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
use stagedoor_relay::{Io, Opening, Peer, Relay, Source};
use stagedoor_wire::CONNECT_PATH;
use tokio::sync::watch;
use tower::ServiceExt;
use tracing::Instrument;

/// A connection whose upgrade is answered, to be begun by the task that has the socket.
type Opened = Arc<Mutex<Option<Box<Opening>>>>;

/// The port that a connection came to.
#[derive(Clone)]
pub(crate) enum Port {
    /// The relay's, which it shares.
    Shared(Arc<Relay>, Source),
    /// One with nothing but paths.
    Own(Peer),
}

/// Answers the requests of one connection.
struct Answering {
    router: Router,
    port: Port,
    opened: Opened,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let now = |response: Response<String>| -> Answer {
            Box::pin(std::future::ready(Ok(response.map(Body::from))))
        };
        let (relay, source) = match &self.port {
            Port::Own(peer) => return self.path(request, *peer, ()),
            Port::Shared(relay, source) => (relay, *source),
        };
        let client = relay.client(source, request.headers());
        if request.uri().path() == CONNECT_PATH {
            let (request, _) = request.into_parts();
            let (response, opening) = relay.upgrade(&request, client);
            *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = opening;
            return now(response);
        }
        if client.is_full {
            return now(relay.full());
        }
        self.path(request, client.peer, client)
    }
}

impl Answering {
    /// Answers by the router; `held` is dropped with the answer.
    fn path<T: Send + 'static>(&self, request: Request<Incoming>, peer: Peer, held: T) -> Answer {
        let mut request = request.map(Body::new);
        if let Some(address) = peer.address() {
            request.extensions_mut().insert(address);
        }
        let answering = self.router.clone().oneshot(request);
        Box::pin(async move {
            let answer = answering.await;
            drop(held);
            answer
        })
    }
}

/// Serves a connection, in a task of its own.
pub(crate) fn serve(io: Io, router: Router, port: Port, stopped: watch::Receiver<bool>) {
    let serving = async move {
        if let Err(error) = served(io, router, port, stopped).await {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    };
    tokio::spawn(serving.in_current_span());
}

async fn served(
    io: Io,
    router: Router,
    port: Port,
    mut stopped: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let opened = Opened::default();
    let answering = Answering { router, port, opened: opened.clone() };
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
