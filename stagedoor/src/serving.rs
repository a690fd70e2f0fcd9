//! One connection of HTTP requests: the server's paths, and upgrades that are not their connection's first
//! request, which the relay decides about as it does about any other. Nothing of it takes longer than it may.

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

/// The least that hyper's buffers hold.
const BUFFER_BYTES_MIN: usize = 8_192;
/// What is read and thrown away of a peer that was answered before it had sent all, and for how long: a socket that
/// is closed with unread bytes takes its last answer back.
const LINGER_BYTES_MAX: usize = 4_194_304;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// What every connection of a port meets.
#[derive(Clone)]
pub(crate) struct Site {
    /// Paths.
    pub(crate) router: Router,
    /// How long and how large everything may be.
    pub(crate) http: Arc<Http>,
    /// Until when requests may be under way, once the process is to stop.
    pub(crate) stopped: watch::Receiver<Option<Instant>>,
}

/// The port that a connection came to.
#[derive(Clone)]
pub(crate) enum Port {
    /// The relay's, which it shares.
    Shared(Arc<Relay>, Source),
    /// One with nothing but paths.
    Own(Peer),
}

impl Port {
    /// Where the connection came from.
    fn peer(&self) -> Peer {
        match self {
            Self::Shared(_, source) => source.peer,
            Self::Own(peer) => *peer,
        }
    }

    /// Whether connections are scarce: their idle ones are closed sooner.
    fn is_scarce(&self) -> bool {
        match self {
            Self::Shared(relay, _) => relay.is_crowded(),
            Self::Own(_) => false,
        }
    }
}

/// A connection whose upgrade is answered, to be begun by the task that has the socket.
type Opened = Arc<Mutex<Option<Box<Opening>>>>;

/// Answers the requests of one connection.
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

    /// Answers by the router; `held` is dropped with the answer.
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

/// Serves a connection until it is over.
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
        // What the kernel did not take of the answer is lost: then nothing can begin.
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
    /// In order, all answered.
    Whole,
    /// With a head that is no request, behind what was answered.
    Unread,
    /// Otherwise.
    Broken,
    /// It took longer than it may.
    Late,
}

/// Runs a connection until it is over, or takes longer than it may.
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
            // Without a sender everything is over.
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
            // Idle connections are looked at early: connections may be scarce.
            let (early, late) = (http.deadline(at, true), http.deadline(at, false));
            let is_past = |due: Option<Instant>| due.is_some_and(|due| due <= now);
            if is_past(stop_at) || is_past(late) || (is_past(early) && port.is_scarce()) {
                tracing::debug!(at = ?at.0, "an HTTP connection took too long");
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

/// Refuses what no parser reads. `head` is what is left of it.
async fn refuse(mut io: Io, refusal: Refusal, head: &[u8]) {
    let told = async {
        io.write_all(refusal.written(head).as_bytes()).await?;
        io.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(LINGER_TIMEOUT, told).await {
        linger(io).await;
    }
}

/// Reads what still comes, a moment long.
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
