//! A connection's first request: an upgrade is answered directly, without an HTTP stack; anything else is passed on
//! untouched. Reads no more than the limit of a head, for no longer than that of a login.

use std::{
    fmt::Write,
    mem::MaybeUninit,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use stagedoor_wire::CONNECT_PATH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::{Span, field::display};

use crate::{
    connection::{Connection, Timer},
    net::io::Io,
    port::clients::{Clients, Source},
    port::head::{HEADERS_MAX, Head, TOO_LARGE, upgrade},
    port::upgrade::{Decision, Opening, Problem, decide},
    shared::Shared,
};

/// What a request head turned out to be.
pub(crate) enum Arrived {
    /// An upgrade: the connection can start.
    Connection(Box<Connection>),
    /// A request for the HTTP API, with all its bytes.
    Other(Io),
    /// The connection is over.
    Over,
}

/// Reads the head and answers it. Refusals are boxed to keep the task small.
pub(crate) async fn handshake(
    mut io: Io,
    source: Source,
    clients: &Clients,
    shared: &Arc<Shared>,
) -> Arrived {
    let timeout = Duration::from_millis(shared.limits.login_timeout_ms);
    let mut timer = Timer::until(Instant::now() + timeout);
    let read = tokio::select! {
        biased;
        read = read_head(&mut io, shared.limits.handshake_bytes_max) => read,
        () = timer.sleep.as_mut() => None,
    };
    let Some((mut head, end)) = read else { return Arrived::Over };
    if !is_ours(&head) {
        io.unread(head.freeze());
        return Arrived::Other(io);
    }
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let (decision, ahead) = match end {
        None => {
            let client = clients.client(source, |_| []);
            (decide(shared, Err(TOO_LARGE), client), Bytes::new())
        }
        Some(end) => {
            let ahead = if end < head.len() { head.split_off(end).freeze() } else { Bytes::new() };
            let head = Head::read(&head, &mut fields);
            let values = |name| head.map(|head| head.values(name)).into_iter().flatten();
            let client = clients.client(source, values);
            if client.peer != source.peer {
                Span::current().record("client", display(client.peer));
            }
            let (origins, cookie) = (&shared.origins, shared.cookie.as_deref());
            (decide(shared, head.and_then(|head| upgrade(head, origins, cookie)), client), ahead)
        }
    };
    let answer = match decision {
        Decision::Now(answer) => answer,
        Decision::Waits(waits) => Box::pin(waits.answer()).await,
    };
    let has_body = !head.starts_with(b"HEAD ");
    match answer {
        Ok(opening) => open(io, ahead, timer, *opening).await,
        Err(problem) => Box::pin(refuse(io, *problem, has_body)).await,
    }
}

/// The head, and where it ends; `None` for the end means that it is too long. `None` if the peer left.
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

/// Whether the request's target is the relay's path, with or without a query, with any method.
fn is_ours(head: &[u8]) -> bool {
    let mut words = head.splitn(3, |byte| *byte == b' ');
    let (Some(_), Some(target)) = (words.next(), words.next()) else { return false };
    match target.strip_prefix(CONNECT_PATH.as_bytes()) {
        Some(rest) => rest.is_empty() || rest[0] == b'?',
        None => false,
    }
}

async fn open(mut io: Io, ahead: Bytes, timer: Timer, opening: Opening) -> Arrived {
    let mut response = String::with_capacity(192);
    response.push_str("HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in opening.fields() {
        let _ = write!(response, "{name}: {value}\r\n");
    }
    response.push_str("\r\n");
    if io.write_all(response.as_bytes()).await.is_err() || io.flush().await.is_err() {
        return Arrived::Over;
    }
    Arrived::Connection(opening.connection(io, ahead, timer))
}

/// How long a refusal may take to be written, and then to be read.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

async fn refuse(mut io: Io, problem: Problem, has_body: bool) -> Arrived {
    let body = problem.body();
    let mut response = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n",
        problem.status.as_u16(),
        problem.title(),
        body.len(),
    );
    for (name, value) in problem.fields {
        let _ = write!(response, "{name}: {value}\r\n");
    }
    let _ = write!(response, "\r\n{}", if has_body { &body } else { "" });
    let told = async {
        io.write_all(response.as_bytes()).await?;
        io.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(REFUSAL_TIMEOUT, told).await {
        // Wait until the peer has read it: closing a socket with unread bytes discards the answer.
        let goodbye = async { while io.read(&mut [0; 512]).await.is_ok_and(|n| n > 0) {} };
        let _ = tokio::time::timeout(REFUSAL_TIMEOUT, goodbye).await;
    }
    Arrived::Over
}

#[cfg(test)]
mod tests {
    mod heads;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_relays_path_is_ours() {
        assert!(is_ours(b"GET /v1/connect HTTP/1.1\r\n"));
        assert!(is_ours(b"GET /v1/connect?x HTTP/1.1\r\n"));
        assert!(!is_ours(b"GET /v1/connection HTTP/1.1\r\n"));
        assert!(!is_ours(b"GET /v1/apps HTTP/1.1\r\n"));
        assert!(!is_ours(b"\x16\x03\x01"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_ours_or_not(head in prop::collection::vec(any::<u8>(), 0..80)) {
            is_ours(&head);
        }
    }
}
