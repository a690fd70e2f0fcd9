//! One HTTP connection: the server's paths, and upgrades that are not its first request, which the relay decides like
//! any other. Every phase has a time limit.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    server::conn::http1::{Builder, Connection, Parts},
    service::Service,
};
use hyper_util::rt::TokioIo;
use stagedoor_relay::{Io, Opening, Peer, Relay, Source};
use stagedoor_wire::CONNECT_PATH;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
};
use tower::ServiceExt;

use crate::{
    config::Http,
    pace::{Pace, Paced, Timed},
    refusals::{self, Refusal},
};

/// The smallest buffer that hyper accepts.
const BUFFER_BYTES_MIN: usize = 8_192;
/// How much is read and discarded from a peer that was answered before it had sent everything, and for how long:
/// closing a socket with unread bytes would discard its last answer.
const LINGER_BYTES_MAX: usize = 4_194_304;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// What all connections of a port share.
#[derive(Clone)]
pub(crate) struct Site {
    /// The paths.
    pub(crate) router: Router,
    /// Time and size limits.
    pub(crate) http: Arc<Http>,
    /// How long requests may continue once the process is stopping.
    pub(crate) stopped: watch::Receiver<Option<Instant>>,
}

/// The port that accepted the connection.
#[derive(Clone)]
pub(crate) enum Port {
    /// The port shared with the relay.
    Shared(Arc<Relay>, Source),
    /// A port with only HTTP paths.
    Own(Peer),
}

impl Port {
    /// The peer of the connection.
    fn peer(&self) -> Peer {
        match self {
            Self::Shared(_, source) => source.peer,
            Self::Own(peer) => *peer,
        }
    }

    /// Whether connections are scarce, so that idle ones are closed sooner.
    fn is_scarce(&self) -> bool {
        match self {
            Self::Shared(relay, _) => relay.is_crowded(),
            Self::Own(_) => false,
        }
    }
}

/// A connection with an accepted upgrade, to be started by the task that owns the socket.
type Opened = Arc<Mutex<Option<Box<Opening>>>>;

/// Answers a connection's requests.
struct Answering {
    router: Router,
    http: Arc<Http>,
    port: Port,
    pace: Pace,
    opened: Opened,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        self.pace.requested();
        let fault = refusals::fault(&request);
        if let Some(fault) = &fault {
            fault.log(self.port.peer());
        }
        let (relay, source) = match &self.port {
            Port::Own(peer) => {
                return match fault {
                    None => self.path(request, *peer, ()),
                    Some(fault) => self.at_once(fault.last()),
                };
            }
            Port::Shared(relay, source) => (relay, *source),
        };
        let client = relay.client(source, request.headers());
        if request.uri().path() == CONNECT_PATH {
            let (request, _) = request.into_parts();
            let (relay, opened, pace) = (relay.clone(), self.opened.clone(), self.pace.clone());
            return Box::pin(async move {
                let (response, opening) = relay.upgrade(&request, client).await;
                *opened.lock().unwrap_or_else(PoisonError::into_inner) = opening;
                Ok(response.map(|body| pace.answered(body.into())))
            });
        }
        if client.is_full {
            return self.at_once(relay.full().map(Body::from));
        }
        if let Some(fault) = fault {
            return self.at_once(fault.last());
        }
        self.path(request, client.peer, client)
    }
}

impl Answering {
    fn at_once(&self, response: Response<Body>) -> Answer {
        let response = response.map(|body| self.pace.answered(body));
        Box::pin(std::future::ready(Ok(response)))
    }

    /// Answers with the router; `held` is dropped with the answer.
    fn path<T: Send + 'static>(&self, request: Request<Incoming>, peer: Peer, held: T) -> Answer {
        let mut request = request.map(|body| Body::new(Timed::new(body, &self.http)));
        if let Some(address) = peer.address() {
            request.extensions_mut().insert(address);
        }
        let (answering, pace) = (self.router.clone().oneshot(request), self.pace.clone());
        Box::pin(async move {
            let Ok(response) = answering.await;
            drop(held);
            Ok(response.map(|body| pace.answered(body)))
        })
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(io: Io, site: Site, port: Port) {
    let Site { router, http, mut stopped } = site;
    let (opened, pace) = (Opened::default(), Pace::new());
    let answering = Answering {
        router,
        http: http.clone(),
        port: port.clone(),
        pace: pace.clone(),
        opened: opened.clone(),
    };
    let mut connection = Builder::new()
        .header_read_timeout(None)
        .max_header_size(http.head_bytes_max)
        .max_buf_size(http.head_bytes_max.max(BUFFER_BYTES_MIN))
        .serve_connection(TokioIo::new(Paced::new(io, pace.clone())), answering);
    let over = until_over(&mut connection, &http, &port, &pace, &mut stopped).await;
    let opening = opened.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Parts { io, read_buf, .. } = connection.into_parts();
    let paced = io.into_inner();
    match (over, opening) {
        (Over::Late | Over::Broken, _) => {}
        (Over::Unread, _) => {
            let status = paced.held_back().unwrap_or(StatusCode::BAD_REQUEST);
            let refusal = refusals::unread(status, &read_buf);
            refusal.log(port.peer());
            refuse(paced.into_inner(), refusal, &read_buf).await;
        }
        // What the kernel did not accept of the answer is lost, so nothing can begin.
        (Over::Whole, Some(opening)) if paced.is_flushed => {
            opening.begin(paced.into_inner(), read_buf);
        }
        (Over::Whole, Some(_)) => {}
        (Over::Whole, None) if stopped.borrow().is_some() => {}
        (Over::Whole, None) => linger(paced.into_inner()).await,
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// In order, with all requests answered.
    Whole,
    /// With a malformed head after the answered requests.
    Unread,
    /// Otherwise.
    Broken,
    /// It exceeded a time limit.
    Late,
}

/// Runs a connection until it ends or exceeds a time limit.
async fn until_over(
    connection: &mut Connection<TokioIo<Paced>, Answering>,
    http: &Http,
    port: &Port,
    pace: &Pace,
    stopped: &mut watch::Receiver<Option<Instant>>,
) -> Over {
    let mut timer = Box::pin(tokio::time::sleep_until(Instant::now().into()));
    let mut armed = None;
    let mut stop =
        Box::pin(async { stopped.wait_for(Option::is_some).await.ok().and_then(|at| *at) });
    let mut stop_at = None;
    poll_fn(|cx| {
        if stop_at.is_none()
            && let Poll::Ready(at) = stop.as_mut().poll(cx)
        {
            // Without a sender, everything has ended.
            stop_at = Some(at.unwrap_or_else(Instant::now));
            Pin::new(&mut *connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
            let Err(error) = ended else { return Poll::Ready(Over::Whole) };
            tracing::debug!(%error, "an HTTP connection ended early");
            let is_unread = error.is_parse() && pace.is_unasked();
            return Poll::Ready(if is_unread { Over::Unread } else { Over::Broken });
        }
        loop {
            let (at, now) = (pace.now(), Instant::now());
            // Idle connections are checked early, because connections may be scarce.
            let (early, late) = (http.deadline(at, true), http.deadline(at, false));
            let is_past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
            if is_past(stop_at) || is_past(late) || (is_past(early) && port.is_scarce()) {
                tracing::debug!(at = ?at.0, "an HTTP connection exceeded a time limit");
                return Poll::Ready(Over::Late);
            }
            let due = if is_past(early) { late } else { early };
            let Some(next) = due.into_iter().chain(stop_at).min() else { return Poll::Pending };
            if armed != Some(next) {
                armed = Some(next);
                timer.as_mut().reset(next.into());
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            armed = None;
        }
    })
    .await
}

/// Refuses what cannot be parsed. `head` is the unread rest.
async fn refuse(mut io: Io, refusal: Refusal, head: &[u8]) {
    let told = async {
        io.write_all(refusal.written(head).as_bytes()).await?;
        io.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(LINGER_TIMEOUT, told).await {
        linger(io).await;
    }
}

/// Reads the rest for a moment.
async fn linger(mut io: Io) {
    let rest = async {
        let mut read = 0;
        let mut buffer = vec![0; 16_384];
        while read < LINGER_BYTES_MAX
            && let Ok(n @ 1..) = io.read(&mut buffer).await
        {
            read += n;
        }
    };
    let _ = tokio::time::timeout(LINGER_TIMEOUT, rest).await;
}
