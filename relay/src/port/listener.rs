//! Accepts connections on the shared port and counts them. Reads only PROXY headers and TLS.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use socket2::SockRef;
use stagedoor_wire::limits::Limits;
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument, field::Empty};

use crate::{
    net::addresses::{Counted, Peer},
    net::io::{Io, Socket},
    net::tls::Tls,
    port::clients::{Clients, Source},
    port::handshake::{Arrived, handshake},
    port::proxy_header,
    shared::Shared,
};

/// How long accepting pauses when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Failures to accept are logged at most this often.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Handles a connection whose first request is not for the relay.
pub type OtherHttp = Arc<dyn Fn(Io, Source) + Send + Sync>;

/// A listening socket.
#[derive(Debug)]
pub enum Listening {
    /// An address and a port.
    Tcp(TcpListener),
    /// A file.
    Unix(UnixListener),
}

impl Listening {
    /// The next connection. On failures it waits, and logs them now and then.
    pub async fn accept(&self) -> (Socket, Peer) {
        let mut logged: Option<Instant> = None;
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    let now = Instant::now();
                    if logged.is_none_or(|at| now - at >= ACCEPT_LOG_INTERVAL) {
                        tracing::warn!(%error, "accepting failed");
                        logged = Some(now);
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(tcp) => {
                let (socket, address) = tcp.accept().await?;
                Ok((Socket::Tcp(socket), address.into()))
            }
            Self::Unix(unix) => {
                let (socket, _) = unix.accept().await?;
                Ok((Socket::Unix(socket), Peer::LOCAL))
            }
        }
    }
}

impl From<TcpListener> for Listening {
    fn from(tcp: TcpListener) -> Self {
        Self::Tcp(tcp)
    }
}

/// Sets the options of all connections. They inherit them from the listening socket, which saves system calls.
fn set_options(socket: &SockRef<'_>, limits: &Limits) {
    let sized = || match limits.socket_send_buffer_bytes {
        0 => Ok(()),
        bytes => socket.set_send_buffer_size(bytes),
    };
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| sized()) {
        tracing::warn!(%error, "socket options");
    }
}

/// What all accepted connections share.
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) other: OtherHttp,
    pub(crate) clients: Arc<Clients>,
}

impl Listener {
    /// Accepts until it is dropped.
    pub(crate) async fn accept(self: Arc<Self>, listening: &Listening) {
        if let Listening::Tcp(tcp) = listening {
            set_options(&SockRef::from(tcp), &self.shared.limits);
        }
        loop {
            let (socket, peer) = listening.accept().await;
            self.arrived(socket, peer);
        }
    }

    fn arrived(self: &Arc<Self>, socket: Socket, peer: Peer) {
        let Some((counted, source)) = self.clients.arrived(peer) else {
            self.shared.metrics.handshakes_refused.one("cut_off");
            return;
        };
        self.shared.metrics.connections.add(1);
        let this = self.clone();
        let span = tracing::debug_span!(
            "connection",
            %peer,
            client = Empty,
            app = Empty,
            room = Empty,
            user = Empty
        );
        let welcome = async move { this.welcome(socket, counted, source).await };
        tokio::spawn(welcome.instrument(span));
    }

    async fn welcome(&self, socket: Socket, mut counted: Counted, mut source: Source) {
        let mut socket = socket;
        if self.clients.says_in_front(source.peer) {
            let Some(peer) = self.named_in_front(&mut socket, source.peer).await else { return };
            source = self.clients.named(&mut counted, source, peer);
            tracing::Span::current().record("client", tracing::field::display(peer));
        }
        let Some(mut io) = self.secure(socket).await else { return };
        io.hold(counted);
        match handshake(io, source, &self.clients, &self.shared).await {
            // A task of its own, because this one's memory is as large as the handshake needs.
            Arrived::Connection(connection) => drop(tokio::spawn(*connection)),
            Arrived::Other(io) => (self.other)(io, source),
            Arrived::Over => {}
        }
    }

    /// The client that a trusted proxy names in front of a connection.
    async fn named_in_front(&self, socket: &mut Socket, proxy: Peer) -> Option<Peer> {
        let reading = async {
            match socket {
                Socket::Tcp(tcp) => proxy_header::read(tcp, proxy).await,
                Socket::Unix(unix) => proxy_header::read(unix, proxy).await,
            }
        };
        match self.in_time(reading).await? {
            Ok(peer) => Some(peer),
            Err(error) => {
                self.shared.metrics.handshakes_refused.one("proxy_header_invalid");
                tracing::debug!(%error, "a trusted proxy's connection is cut off");
                None
            }
        }
    }

    /// There is no TLS over a unix socket.
    async fn secure(&self, socket: Socket) -> Option<Io> {
        let (tls, tcp) = match (&self.tls, socket) {
            (Some(tls), Socket::Tcp(tcp)) => (tls, tcp),
            (_, socket) => return Some(socket.into()),
        };
        let accepting = TlsAcceptor::from(tls.config()).accept(tcp);
        match self.in_time(accepting).await? {
            Ok(stream) => Some(stream.into()),
            Err(error) => {
                tracing::debug!(%error, "TLS refused");
                None
            }
        }
    }

    async fn in_time<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let timeout = Duration::from_millis(self.shared.limits.login_timeout_ms);
        tokio::time::timeout(timeout, what).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_connection_inherits_its_listeners_options() {
        let limits = Limits { socket_send_buffer_bytes: 20_000, ..Limits::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        set_options(&SockRef::from(&listener), &limits);
        let address = listener.local_addr().expect("its address");
        let _client = TcpStream::connect(address).await.expect("it listens");
        let (tcp, _) = listener.accept().await.expect("a connection");
        let (socket, listening) = (SockRef::from(&tcp), SockRef::from(&listener));
        assert!(socket.tcp_nodelay().expect("an option"));
        let size = |socket: SockRef<'_>| socket.send_buffer_size().expect("an option");
        // Systems may round up, but must not keep their default.
        let unasked = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        assert_eq!(size(socket), size(listening));
        assert_ne!(size(SockRef::from(&tcp)), size(SockRef::from(&unasked)));
    }
}
