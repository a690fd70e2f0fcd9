//! The request head: an upgrade for the relay, or somebody else's request. After `listener`, before
//! `connection`. Reads no more than the head's limit and no longer than the login's; a token in the URL
//! is refused unread.

use std::{
    mem::MaybeUninit,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use stagedoor_wire::{CONNECT_PATH, SUBPROTOCOL, close::Close};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    connection::{Begin, Connection, Timer},
    door::{Denied, Presented},
    io::Io,
    login::{Arrival, NotSeated, log_in},
    mail::Mailbox,
    shared::Shared,
};

/// Header fields that one request head may have.
const HEADERS_MAX: usize = 64;

/// What a request head turned out to be.
pub(crate) enum Arrived {
    /// An upgrade: the connection is ready to run.
    Connection(Box<Connection>),
    /// A request for others; nothing of it is lost.
    Other(Io),
    /// Nothing more will come of it.
    Over,
}

/// Why an upgrade was refused with an HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

const fn refused(status: StatusCode, code: &'static str, detail: &'static str) -> Refused {
    Refused { status, code, detail }
}

const TOO_LARGE: Refused = refused(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "handshake_too_large",
    "the request head is longer than `handshake_bytes_max`",
);
const INVALID: Refused = refused(
    StatusCode::BAD_REQUEST,
    "handshake_invalid",
    "the request is not a WebSocket handshake",
);
const VERSION: Refused = refused(
    StatusCode::UPGRADE_REQUIRED,
    "upgrade_required",
    "connect with a WebSocket, version 13",
);
const QUERY: Refused = refused(
    StatusCode::BAD_REQUEST,
    "query_refused",
    "the URL takes no query; a token never belongs in a URL",
);
const ORIGIN: Refused =
    refused(StatusCode::FORBIDDEN, "origin_refused", "the page's origin is not allowed here");
const FULL: Refused = refused(
    StatusCode::SERVICE_UNAVAILABLE,
    "connections_exceeded",
    "no connection is left for you",
);
const CLOSING: Refused =
    refused(StatusCode::SERVICE_UNAVAILABLE, "closing", "the relay is going away");

/// What an upgrade asks.
struct Upgrade {
    accept: String,
    subprotocol: bool,
    token: Option<String>,
    /// Whether the token came as a cookie.
    by_cookie: bool,
}

/// Reads the head and answers it. `full`: a limit of connections is used up. Refusals are boxed, so that the
/// task is not as large as they need.
pub(crate) async fn handshake(
    mut io: Io,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    full: bool,
) -> Arrived {
    let timeout = Duration::from_millis(shared.limits.login_timeout_ms);
    let mut timer = Timer::until(Instant::now() + timeout);
    let read = tokio::select! {
        biased;
        read = read_head(&mut io, shared.limits.handshake_bytes_max) => read,
        () = timer.sleep.as_mut() => None,
    };
    let Some((head, end)) = read else { return Arrived::Over };
    if !is_ours(&head) {
        io.unread(head.freeze());
        return Arrived::Other(io);
    }
    let Some(end) = end else { return Box::pin(refuse(io, shared, TOO_LARGE)).await };
    let mut head = head;
    let ahead = if end < head.len() { head.split_off(end).freeze() } else { Bytes::new() };
    match parse(&head, &shared.origins, shared.cookie.as_deref()) {
        Ok(upgrade) => answer(io, ahead, (peer, timer), shared, upgrade, full).await,
        Err(why) => Box::pin(refuse(io, shared, why)).await,
    }
}

/// The head, and where it ends; without an end it is over the limit. `None` when the peer went away.
async fn read_head(io: &mut Io, bytes_max: usize) -> Option<(BytesMut, Option<usize>)> {
    let mut head = BytesMut::with_capacity(1_024);
    loop {
        let seen = head.len().saturating_sub(3);
        if io.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = head[seen..].windows(4).position(|four| four == b"\r\n\r\n") {
            let end = seen + at + 4;
            return Some((head, (end <= bytes_max).then_some(end)));
        }
        let decided = head.len() >= CONNECT_PATH.len() + 5;
        if decided && !is_ours(&head) {
            return Some((head, None));
        }
        if head.len() > bytes_max {
            return Some((head, None));
        }
    }
}

/// Whether the request's target is the relay's path, with or without a query, by any method.
fn is_ours(head: &[u8]) -> bool {
    let mut words = head.splitn(3, |byte| *byte == b' ');
    let (Some(_), Some(target)) = (words.next(), words.next()) else { return false };
    match target.strip_prefix(CONNECT_PATH.as_bytes()) {
        Some(rest) => rest.is_empty() || rest[0] == b'?',
        None => false,
    }
}

fn parse(head: &[u8], origins: &[String], cookie: Option<&str>) -> Result<Upgrade, Refused> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut headers) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(INVALID),
        Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
        Err(_) => return Err(INVALID),
    }
    if request.path != Some(CONNECT_PATH) {
        return Err(QUERY);
    }
    let one = |name: &str| -> Result<Option<&str>, Refused> {
        let mut values =
            request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let value =
            values.next().map(|header| std::str::from_utf8(header.value).map_err(|_| INVALID));
        if values.next().is_some() { Err(INVALID) } else { value.transpose() }
    };
    let listed = |name: &str, wanted: &str| {
        let mut values =
            request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        values.any(|header| {
            header
                .value
                .split(|byte| *byte == b',')
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    };
    let upgrade = request.method == Some("GET")
        && request.version == Some(1)
        && listed("connection", "upgrade")
        && listed("upgrade", "websocket");
    if !upgrade || one("sec-websocket-version")? != Some("13") {
        return Err(VERSION);
    }
    let key = one("sec-websocket-key")?.filter(|key| key.len() == 24).ok_or(INVALID)?;
    let origin = one("origin")?;
    let listed_origin = origin.is_some_and(|origin| origins.iter().any(|known| known == origin));
    if origin.is_some() && !origins.is_empty() && !listed_origin {
        return Err(ORIGIN);
    }
    let bearer = match one("authorization")? {
        None => None,
        Some(value) => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Some(token.trim().to_owned())
            }
            _ => return Err(INVALID),
        },
    };
    let cookie = match cookie {
        Some(name) if bearer.is_none() => cookie_of(one("cookie")?, name)?,
        _ => None,
    };
    // A browser sends a cookie along whatever page asks: which page it is must be known, and be listed.
    if cookie.is_some() && !listed_origin {
        return Err(ORIGIN);
    }
    let by_cookie = cookie.is_some();
    let token = bearer.or(cookie);
    let subprotocol = listed("sec-websocket-protocol", SUBPROTOCOL);
    Ok(Upgrade { accept: derive_accept_key(key.as_bytes()), subprotocol, token, by_cookie })
}

/// The value of a cookie (RFC 6265 §4.2.1); twice is refused, because either might be the forged one.
fn cookie_of(field: Option<&str>, name: &str) -> Result<Option<String>, Refused> {
    let pairs = field.unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    let value = values.next();
    if values.next().is_some() { Err(INVALID) } else { Ok(value) }
}

async fn answer(
    mut io: Io,
    ahead: Bytes,
    (peer, mut timer): (SocketAddr, Timer),
    shared: &Arc<Shared>,
    upgrade: Upgrade,
    full: bool,
) -> Arrived {
    let mailbox = Arc::new(Mailbox::default());
    let begin = match (&upgrade.token, full || shared.is_draining()) {
        (Some(_), true) => {
            let why = if full { FULL } else { CLOSING };
            return Box::pin(refuse(io, shared, why)).await;
        }
        (None, true) => {
            Begin::Close(if full { Close::ConnectionsExceeded } else { Close::Closing })
        }
        _ if !upgrade.subprotocol => Begin::Close(Close::SubprotocolUnsupported),
        (None, false) => Begin::Stranger,
        (Some(token), false) => {
            let presented = Presented { token, room: None, user: None, proof: None, nonce: None };
            let arrival = Arrival { peer, presented, by_ticket: false, resume: None };
            let seated = match log_in(shared, &mailbox, arrival) {
                Ok(seated) => Ok(seated),
                Err(NotSeated::Denied(denied)) => Err(denied),
                Err(NotSeated::Waits(waiting)) => tokio::select! {
                    seated = waiting => seated,
                    () = timer.sleep.as_mut() => return Arrived::Over,
                },
            };
            match seated {
                Ok(seated) => Begin::Seated(Box::new(seated)),
                Err(denied) if upgrade.by_cookie => Begin::Refused(denied),
                Err(denied) => return Box::pin(refuse_token(io, shared, denied)).await,
            }
        }
    };
    let chosen = if upgrade.subprotocol { "\r\nSec-WebSocket-Protocol: stagedoor.v1" } else { "" };
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}{chosen}\r\n\r\n",
        upgrade.accept
    );
    if io.write_all(response.as_bytes()).await.is_err() || io.flush().await.is_err() {
        return Arrived::Over;
    }
    let mut connection = Connection::new(io, ahead, shared.clone(), (peer, timer), mailbox);
    connection.begin(begin);
    Arrived::Connection(Box::new(connection))
}

async fn refuse(io: Io, shared: &Shared, why: Refused) -> Arrived {
    let retry =
        if why.status == StatusCode::SERVICE_UNAVAILABLE { "Retry-After: 5\r\n" } else { "" };
    let upgrade =
        if why == VERSION { "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" } else { "" };
    shared.metrics.handshakes_refused.one(why.code);
    write_problem(io, why.status, why.code, why.detail, &format!("{retry}{upgrade}")).await
}

/// RFC 6750 §3: the challenge says why, as far as the holder may know.
async fn refuse_token(io: Io, shared: &Shared, denied: Denied) -> Arrived {
    let status = denied.status();
    let fields = match status {
        StatusCode::UNAUTHORIZED => {
            "WWW-Authenticate: Bearer realm=\"stagedoor\", error=\"invalid_token\"\r\n"
        }
        StatusCode::FORBIDDEN => {
            "WWW-Authenticate: Bearer realm=\"stagedoor\", error=\"insufficient_scope\"\r\n"
        }
        _ => "Retry-After: 5\r\n",
    };
    shared.metrics.handshakes_refused.one(denied.public_code());
    write_problem(io, status, denied.public_code(), &denied.message(), fields).await
}

async fn write_problem(
    mut io: Io,
    status: StatusCode,
    code: &str,
    detail: &str,
    fields: &str,
) -> Arrived {
    let title = status.canonical_reason().unwrap_or("Refused");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail,
    })
    .to_string();
    let response = format!(
        "HTTP/1.1 {} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n{fields}\r\n{body}",
        status.as_u16(),
        body.len(),
    );
    if io.write_all(response.as_bytes()).await.is_ok() && io.shutdown().await.is_ok() {
        // Until the peer has read it: a socket closed with unread bytes takes the answer back.
        let goodbye = async { while io.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }
    Arrived::Over
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: other, stagedoor.v1\r\n";

    fn parsed(head: &str) -> Result<Upgrade, Refused> {
        let origins = ["https://ours.example".to_owned()];
        parse(format!("{head}\r\n").as_bytes(), &origins, Some("seat"))
    }

    fn code(head: &str) -> &'static str {
        parsed(head).err().map_or("ok", |why| why.code)
    }

    #[test]
    fn a_good_head_is_taken_with_its_token() {
        let upgrade = parsed(&format!("{GOOD}Authorization: Bearer abc\r\n")).expect("an upgrade");
        assert_eq!(upgrade.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(upgrade.token.as_deref(), Some("abc"));
        assert!(upgrade.subprotocol);
    }

    #[test]
    fn a_cookie_counts_only_from_a_page_of_the_list() {
        let ours = format!("{GOOD}Cookie: a=b; seat=abc; c=d\r\n");
        let listed = format!("{ours}Origin: https://ours.example\r\n");
        let upgrade = parsed(&listed).expect("an upgrade");
        assert_eq!((upgrade.token.as_deref(), upgrade.by_cookie), (Some("abc"), true));
        assert_eq!(code(&ours), "origin_refused");
        assert_eq!(code(&format!("{ours}Origin: https://theirs.example\r\n")), "origin_refused");
        assert_eq!(code(&listed.replace("c=d", "seat=x")), "handshake_invalid");
        assert_eq!(code(&listed.replace("seat", "set")), "ok");
        let both = parsed(&format!("{listed}Authorization: Bearer xyz\r\n")).expect("an upgrade");
        assert_eq!((both.token.as_deref(), both.by_cookie), (Some("xyz"), false));
        let without = parse(format!("{ours}\r\n").as_bytes(), &[], None).expect("an upgrade");
        assert_eq!(without.token, None);
    }

    #[test]
    fn each_fault_of_a_head_has_its_code() {
        assert_eq!(code(GOOD), "ok");
        assert_eq!(code(&GOOD.replace("GET", "POST")), "upgrade_required");
        assert_eq!(code(&GOOD.replace(": 13", ": 8")), "upgrade_required");
        assert_eq!(code(&GOOD.replace("connect HTTP", "connect?token=x HTTP")), "query_refused");
        assert_eq!(code(&GOOD.replace("dGhl", "")), "handshake_invalid");
        assert_eq!(code(&format!("{GOOD}Authorization: Basic x\r\n")), "handshake_invalid");
        assert_eq!(
            code(&format!("{GOOD}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")),
            "handshake_invalid"
        );
        assert_eq!(code(&format!("{GOOD}Origin: https://theirs.example\r\n")), "origin_refused");
        assert_eq!(code(&format!("{GOOD}Origin: https://ours.example\r\n")), "ok");
        assert_eq!(code(&format!("{GOOD}{}", "A: b\r\n".repeat(70))), "handshake_too_large");
    }

    #[test]
    fn only_the_relays_path_is_ours() {
        assert!(is_ours(b"GET /v1/connect HTTP/1.1\r\n"));
        assert!(is_ours(b"GET /v1/connect?x HTTP/1.1\r\n"));
        assert!(!is_ours(b"GET /v1/connection HTTP/1.1\r\n"));
        assert!(!is_ours(b"GET /v1/apps HTTP/1.1\r\n"));
        assert!(!is_ours(b"\x16\x03\x01"));
    }

    /// Parts of heads, good and bad, in any order and number.
    fn any_head() -> impl Strategy<Value = Vec<u8>> {
        let lines: Vec<String> = GOOD.lines().map(|line| format!("{line}\r\n")).collect();
        let part = prop_oneof![
            4 => prop::sample::select(lines).prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..40),
            1 => "[A-Za-z-]{1,24}: [ -~]{0,24}\r\n".prop_map(String::into_bytes),
        ];
        prop::collection::vec(part, 0..14)
            .prop_map(|parts| [parts.concat(), b"\r\n".into()].concat())
    }

    proptest! {
        #[test]
        fn any_head_is_an_upgrade_or_is_refused(head in any_head()) {
            let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
            if let Ok(upgrade) = parse(&head, &[], Some("seat")) {
                prop_assert!(text.contains("sec-websocket-version: 13") && text.contains("upgrade: websocket"));
                prop_assert_eq!(upgrade.subprotocol, text.contains("stagedoor.v1"));
                prop_assert_eq!(upgrade.token, None);
            }
            is_ours(&head);
        }
    }
}
