//! Decides about an upgrade: a connection with a seat, one without, or a refusal. The same for a connection's first
//! request and for later ones; the two differ in who writes the answer.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode, Version, request::Parts, uri::PathAndQuery,
};
use stagedoor_bus::Attempt;
use stagedoor_token::Field;
use stagedoor_wire::{SUBPROTOCOL, close::Close};
use tokio::time::timeout;
use tracing::field::Empty;

use crate::{
    connection::{Begin, Connection, Timer},
    door::{Denied, Presented},
    log::mailbox::Mailbox,
    net::addresses::{Counted, Peer},
    net::io::Io,
    port::clients::Client,
    port::head::{CLOSING, FULL, HEADERS_MAX, Head, Refusal, TOO_LARGE, Upgrade, VERSION, upgrade},
    session::{Arrival, NotSeated, RefusedLogin, Seated, Waiting, log_in},
    shared::Shared,
};

/// The decision: 101 and the connection starts, or a problem and it does not.
pub(crate) type Answer = Result<Box<Opening>, Box<Problem>>;

/// When the decision is made.
pub(crate) enum Decision {
    /// Now.
    Now(Answer),
    /// Once the login of its one-time token is stored.
    Waits(Box<Waits>),
}

/// An upgrade with a one-time token. Dropping it before it is answered gives up the seat.
pub(crate) struct Waits {
    waiting: Box<Waiting>,
    by_cookie: bool,
    opening: Box<Opening>,
}

/// A connection that starts once its upgrade is answered. Dropping it before gives up its seat.
pub struct Opening {
    /// The answer to the request's key.
    accept: String,
    subprotocol: bool,
    shared: Arc<Shared>,
    peer: Peer,
    counted: Option<Counted>,
    mailbox: Arc<Mailbox>,
    begin: Begin,
}

/// A refusal: a problem (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    /// The claim for which a verified token was refused, and the rule of its role.
    field: Option<Field>,
    rule: Option<&'static str>,
    /// The bound of its key that it exceeds.
    bound: Option<&'static str>,
    /// The number of the refused login.
    attempt: Option<Attempt>,
    pub(crate) fields: &'static [(&'static str, &'static str)],
}

const RETRY: &[(&str, &str)] = &[("Retry-After", "5")];
/// RFC 6750 §3: the challenge gives the reason, as far as the client may know it.
const CHALLENGE: &[(&str, &str)] =
    &[("WWW-Authenticate", "Bearer realm=\"stagedoor\", error=\"invalid_token\"")];
const CHALLENGE_SCOPE: &[(&str, &str)] =
    &[("WWW-Authenticate", "Bearer realm=\"stagedoor\", error=\"insufficient_scope\"")];
const OTHER_VERSION: &[(&str, &str)] = &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];

impl Problem {
    /// A problem, counted.
    fn told(shared: &Shared, why: impl Into<Self>) -> Box<Self> {
        let problem = why.into();
        shared.metrics.handshakes_refused.one(problem.code);
        Box::new(problem)
    }

    /// The body.
    pub(crate) fn body(&self) -> String {
        let mut body = serde_json::json!({
            "type": "about:blank", "title": self.title(), "status": self.status.as_u16(), "code": self.code,
            "detail": self.detail,
        });
        if let Some(field) = &self.field {
            body["field"] = field.as_str().into();
        }
        if let Some(rule) = self.rule {
            body["rule"] = rule.into();
        }
        if let Some(bound) = self.bound {
            body["bound"] = bound.into();
        }
        if let Some(attempt) = self.attempt {
            body["attempt"] = attempt.to_string().into();
        }
        body.to_string()
    }

    fn response(&self) -> Response<String> {
        let mut response = Response::new(self.body());
        *response.status_mut() = self.status;
        let own = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")];
        put(&mut response, own.into_iter().chain(self.fields.iter().copied()));
        response
    }

    /// The status's name.
    pub(crate) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Refused")
    }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Self {
        let fields = match why.status {
            StatusCode::SERVICE_UNAVAILABLE => RETRY,
            _ if why == VERSION => OTHER_VERSION,
            _ => &[],
        };
        let detail = why.detail.into();
        Self {
            status: why.status,
            code: why.code,
            detail,
            field: None,
            rule: None,
            bound: None,
            attempt: None,
            fields,
        }
    }
}

impl From<RefusedLogin> for Problem {
    fn from(RefusedLogin { denied, attempt }: RefusedLogin) -> Self {
        let status = denied.status();
        let fields = match status {
            StatusCode::UNAUTHORIZED => CHALLENGE,
            StatusCode::FORBIDDEN => CHALLENGE_SCOPE,
            _ => RETRY,
        };
        let (code, detail) = (denied.public_code(), denied.message().into());
        let (field, rule, bound) = (denied.field(), denied.rule(), denied.bound());
        Self { status, code, detail, field, rule, bound, attempt, fields }
    }
}

impl Waits {
    /// The decision. The store may take as long as a login may.
    pub(crate) async fn answer(self: Box<Self>) -> Answer {
        let Self { waiting, by_cookie, opening } = *self;
        let patience = Duration::from_millis(opening.shared.limits.login_timeout_ms);
        let seated = timeout(patience, waiting).await.unwrap_or(Err(Denied::Store.into()));
        opening.after(seated, by_cookie)
    }
}

/// Decides about a client's request.
pub(crate) fn decide(
    shared: &Arc<Shared>,
    asked: Result<Upgrade, Refusal>,
    client: Client,
) -> Decision {
    let Client { peer, is_full, counted } = client;
    let log = |code| tracing::info!(name: "refused", code, %peer, "upgrade refused");
    let refuse = |why: Refusal| {
        log(why.code);
        Decision::Now(Err(Problem::told(shared, why)))
    };
    let Upgrade { accept, subprotocol, token, by_cookie } = match asked {
        Ok(upgrade) => upgrade,
        Err(why) => return refuse(why),
    };
    let mailbox = Arc::new(Mailbox::default());
    let begin = Begin::Stranger;
    let mut opening = Box::new(Opening {
        accept,
        subprotocol,
        shared: shared.clone(),
        peer,
        counted,
        mailbox,
        begin,
    });
    match (&token, is_full || shared.is_draining()) {
        (Some(_), true) => return refuse(if is_full { FULL } else { CLOSING }),
        (None, true) => {
            let close = if is_full { Close::ConnectionsExceeded } else { Close::Closing };
            log(close.reason());
            opening.begin = Begin::Close(close);
        }
        _ if !subprotocol => {
            log(Close::SubprotocolUnsupported.reason());
            opening.begin = Begin::Close(Close::SubprotocolUnsupported);
        }
        (None, false) => {}
        (Some(token), false) => {
            let presented =
                Presented { token, app: None, room: None, user: None, proof: None, nonce: None };
            let arrival = Arrival { peer, presented, by_ticket: false, resume: None };
            let seated = match log_in(shared, &opening.mailbox, arrival) {
                Ok(seated) => Ok(seated),
                Err(NotSeated::Denied(refused)) => Err(refused),
                Err(NotSeated::Waits(waiting)) => {
                    return Decision::Waits(Box::new(Waits { waiting, by_cookie, opening }));
                }
            };
            return Decision::Now(opening.after(seated, by_cookie));
        }
    }
    Decision::Now(Ok(opening))
}

impl Opening {
    /// Starts with the door's answer. A browser cannot read the answer to an upgrade, so a cookie's refusal is sent
    /// after it.
    fn after(mut self: Box<Self>, seated: Result<Seated, RefusedLogin>, by_cookie: bool) -> Answer {
        self.begin = match seated {
            Ok(seated) => Begin::Seated(Box::new(seated)),
            Err(denied) if by_cookie => Begin::Refused(Box::new(denied)),
            Err(denied) => return Err(Problem::told(&self.shared, denied)),
        };
        Ok(self)
    }

    /// The header fields by which the client knows that its request was understood.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let chosen = self.subprotocol.then_some(("Sec-WebSocket-Protocol", SUBPROTOCOL));
        [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Accept", self.accept.as_str()),
        ]
        .into_iter()
        .chain(chosen)
    }

    /// The connection, once the answer is written. `ahead` is what arrived behind the request's head; `timer` fires no
    /// later than the login is due.
    pub(crate) fn connection(self, mut io: Io, ahead: Bytes, timer: Timer) -> Box<Connection> {
        io.absorb(self.counted);
        let peer = (self.peer, timer);
        let mut connection = Connection::new(io, ahead, self.shared, peer, self.mailbox);
        connection.begin(self.begin);
        Box::new(connection)
    }

    /// Starts the connection of an upgrade that was not its connection's first request, in its own task. `ahead` is
    /// what was read behind the request's head.
    pub fn begin(self, io: Io, ahead: Bytes) {
        self.shared.metrics.upgrades_later.add(1);
        let timeout = Duration::from_millis(self.shared.limits.login_timeout_ms);
        // Not the span of earlier requests, which may have been other clients'.
        let span = tracing::debug_span!(
            parent: None, "connection", peer = %self.peer, app = Empty, room = Empty, user = Empty
        );
        let _entered = span.entered();
        tokio::spawn(*self.connection(io, ahead, Timer::until(Instant::now() + timeout)));
    }
}

/// Decides about a request from the other parser, and makes its answer.
pub(crate) async fn later(
    shared: &Arc<Shared>,
    request: &Parts,
    client: Client,
) -> (Response<String>, Option<Box<Opening>>) {
    let answer = match decide(shared, asked(shared, request), client) {
        Decision::Now(answer) => answer,
        Decision::Waits(waits) => waits.answer().await,
    };
    match answer {
        Ok(opening) => {
            let mut response = Response::new(String::new());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            put(&mut response, opening.fields());
            (response, Some(opening))
        }
        Err(problem) => (problem.response(), None),
    }
}

/// The answer to all requests of a client that exceeds a limit of connections.
pub(crate) fn full(shared: &Shared) -> Response<String> {
    tracing::info!(name: "refused", code = FULL.code, "request refused");
    Problem::told(shared, FULL).response()
}

fn asked(shared: &Shared, request: &Parts) -> Result<Upgrade, Refusal> {
    let target = request.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let fields: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| httparse::Header { name: name.as_str(), value: value.as_bytes() })
        .collect();
    let method = request.method.as_str();
    // As written: four more bytes per name and value, and twelve for the request line.
    let written =
        fields.iter().map(|field| field.name.len() + field.value.len() + 4).sum::<usize>();
    let bytes = method.len() + target.len() + 12 + written + 2;
    if bytes > shared.limits.handshake_bytes_max || fields.len() > HEADERS_MAX {
        return Err(TOO_LARGE);
    }
    let is_http_1_1 = request.version == Version::HTTP_11;
    let head = Head { method, target, is_http_1_1, fields: &fields };
    upgrade(head, &shared.origins, shared.cookie.as_deref())
}

fn put<'a, T>(response: &mut Response<T>, fields: impl Iterator<Item = (&'static str, &'a str)>) {
    for (name, value) in fields {
        // All of ours are valid names and values.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
}
