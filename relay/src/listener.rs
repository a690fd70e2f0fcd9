//! Accepts connections off the shared port and counts them. After `clock`, before `handshake`. Reads
//! nothing itself but TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use stagedoor_wire::limits::Limits;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument, field::Empty};

use crate::{
    addresses::{Addresses, Counted},
    handshake::{Arrived, handshake},
    io::Io,
    shared::Shared,
    tls::Tls,
};

/// Connections above `connections_max` that are still told why they are refused.
const TOLD_MAX: usize = 1_024;
/// How long accepting pauses when the system has no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Takes a connection whose request is not the relay's.
pub type OtherHttp = Arc<dyn Fn(Io, SocketAddr) + Send + Sync>;

/// What every accepted connection meets.
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) other: OtherHttp,
    pub(crate) addresses: Arc<Addresses>,
}

/// Sets what each connection has. Of a listening socket its connections inherit it, so that it costs none of
/// them a system call.
fn set_options(socket: &SockRef<'_>, limits: &Limits) {
    let sized = || match limits.socket_send_buffer_bytes {
        0 => Ok(()),
        bytes => socket.set_send_buffer_size(bytes),
    };
    if let Err(error) = socket.set_tcp_nodelay(true).and_then(|()| sized()) {
        tracing::warn!(%error, "socket options");
    }
}

impl Listener {
    /// Accepts for ever.
    pub(crate) async fn accept(self: Arc<Self>, listener: &TcpListener) {
        set_options(&SockRef::from(listener), &self.shared.limits);
        loop {
            match listener.accept().await {
                Ok((tcp, peer)) => self.arrived(tcp, peer),
                Err(error) => {
                    tracing::warn!(%error, "accepting failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn arrived(self: &Arc<Self>, tcp: TcpStream, peer: SocketAddr) {
        let limits = &self.shared.limits;
        let (counted, all, each) = self.addresses.count(peer.ip().to_canonical());
        if all > limits.connections_max.saturating_add(TOLD_MAX) {
            self.shared.metrics.handshakes_refused.one("cut_off");
            return;
        }
        let full = all > limits.connections_max || each > limits.connections_per_address_max;
        self.shared.metrics.connections.add(1);
        let this = self.clone();
        let span =
            tracing::debug_span!("connection", %peer, app = Empty, room = Empty, user = Empty);
        tokio::spawn(async move { this.welcome(tcp, peer, counted, full).await }.instrument(span));
    }

    async fn welcome(&self, tcp: TcpStream, peer: SocketAddr, counted: Counted, full: bool) {
        let Some(mut io) = self.secure(tcp).await else { return };
        io.hold(counted);
        match handshake(io, peer, &self.shared, full).await {
            // A task of its own: this one's memory is as large as the handshake needs.
            Arrived::Connection(connection) => drop(tokio::spawn(*connection)),
            Arrived::Other(io) => (self.other)(io, peer),
            Arrived::Over => {}
        }
    }

    async fn secure(&self, tcp: TcpStream) -> Option<Io> {
        let Some(tls) = &self.tls else { return Some(tcp.into()) };
        let timeout = Duration::from_millis(self.shared.limits.login_timeout_ms);
        let accepting = TlsAcceptor::from(tls.config()).accept(tcp);
        match tokio::time::timeout(timeout, accepting).await {
            Ok(Ok(stream)) => Some(stream.into()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "TLS refused");
                None
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_has_what_was_set_of_its_listener() {
        let limits = Limits { socket_send_buffer_bytes: 20_000, ..Limits::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        set_options(&SockRef::from(&listener), &limits);
        let address = listener.local_addr().expect("its address");
        let _client = TcpStream::connect(address).await.expect("it listens");
        let (tcp, _) = listener.accept().await.expect("a connection");
        let (socket, listening) = (SockRef::from(&tcp), SockRef::from(&listener));
        assert!(socket.tcp_nodelay().expect("an option"));
        let size = |socket: SockRef<'_>| socket.send_buffer_size().expect("an option");
        // Systems may keep more than was asked for, but not what they would have kept unasked.
        let unasked = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        assert_eq!(size(socket), size(listening));
        assert_ne!(size(SockRef::from(&tcp)), size(SockRef::from(&unasked)));
    }
}
