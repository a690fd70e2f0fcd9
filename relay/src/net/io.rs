//! A connection with or without TLS, and bytes that were read before its owner existed. Does not interpret them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

use crate::net::addresses::Counted;

/// Linux: writing to a gone peer raises no signal. Elsewhere, sockets are created that way or the process ignores it.
#[cfg(target_os = "linux")]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: SendFlags = SendFlags::empty();
/// Linux: more follows, so a partial packet waits for it. Elsewhere it is sent at once.
#[cfg(target_os = "linux")]
const MORE_FOLLOWS: SendFlags = SendFlags::MORE;
#[cfg(not(target_os = "linux"))]
const MORE_FOLLOWS: SendFlags = SendFlags::empty();

/// A connection accepted on the shared port.
#[derive(Debug)]
pub struct Io {
    ahead: Bytes,
    link: Link,
    held: Option<Counted>,
    ending: bool,
    /// Whether a plain socket did not accept everything last time.
    is_full: bool,
}

/// A connection as it was accepted.
#[derive(Debug)]
pub enum Socket {
    /// From a network address.
    Tcp(TcpStream),
    /// From this machine.
    Unix(UnixStream),
}

#[derive(Debug)]
enum Link {
    Tcp(TcpStream),
    // Boxed, so that the first variant has room for the tag.
    Unix(Box<UnixStream>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<Socket> for Io {
    fn from(socket: Socket) -> Self {
        match socket {
            Socket::Tcp(tcp) => tcp.into(),
            Socket::Unix(unix) => Self::over(Link::Unix(Box::new(unix))),
        }
    }
}

impl From<TcpStream> for Io {
    fn from(tcp: TcpStream) -> Self {
        Self::over(Link::Tcp(tcp))
    }
}

impl From<TlsStream<TcpStream>> for Io {
    fn from(tls: TlsStream<TcpStream>) -> Self {
        Self::over(Link::Tls(Box::new(tls)))
    }
}

impl Io {
    fn over(link: Link) -> Self {
        Self { ahead: Bytes::new(), link, held: None, ending: false, is_full: false }
    }

    /// Puts bytes back, to be read first.
    pub(crate) fn unread(&mut self, ahead: Bytes) {
        self.ahead = if self.ahead.is_empty() {
            ahead
        } else {
            [ahead, std::mem::take(&mut self.ahead)].concat().into()
        };
    }

    /// From now on the connection ends right after the last write: on a plain socket both go in one packet.
    pub(crate) fn end_follows(&mut self) {
        self.ending = true;
    }

    /// Whether dropping it closes the connection as properly as `shutdown` does.
    pub(crate) fn ends_by_drop(&self) -> bool {
        !matches!(self.link, Link::Tls(_))
    }

    /// Bounds what the kernel holds unsent, where it can; 0 leaves it to the kernel.
    pub(crate) fn hold_unsent(&self, bytes: usize) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let tcp = match &self.link {
                Link::Tcp(tcp) => tcp,
                Link::Tls(tls) => tls.get_ref().0,
                Link::Unix(_) => return,
            };
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            if let Err(error) = socket2::SockRef::from(tcp).set_tcp_notsent_lowat(bytes) {
                tracing::debug!(%error, "socket options");
            }
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = bytes;
    }

    /// Keeps the connection counted for as long as it lives.
    pub(crate) fn hold(&mut self, counted: Counted) {
        self.held = Some(counted);
    }

    /// Counts the connection where its request counted.
    pub(crate) fn absorb(&mut self, counted: Option<Counted>) {
        if let Some(held) = &mut self.held {
            held.absorb(counted);
        }
    }
}

/// Sends with the bare system call: the C library's is a cancellation point, which costs a little each time. A socket
/// that accepted everything so far is not polled for readiness first.
fn poll_send(
    tcp: &TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
    flags: SendFlags,
    is_full: &mut bool,
) -> Poll<io::Result<usize>> {
    let once = || send(tcp, bytes, flags | NO_SIGNAL).map_err(io::Error::from);
    let mut taken = if *is_full { Err(io::ErrorKind::WouldBlock.into()) } else { once() };
    while taken.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
        *is_full = true;
        ready!(tcp.poll_write_ready(cx))?;
        taken = tcp.try_io(Interest::WRITABLE, once);
    }
    *is_full = taken.as_ref().is_ok_and(|taken| *taken < bytes.len());
    Poll::Ready(taken)
}

/// Receives with the bare system call, for the same reason. A read that did not fill the buffer has emptied the socket;
/// the runtime learns this as if another read had returned pending.
fn poll_recv(tcp: &TcpStream, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    loop {
        ready!(tcp.poll_read_ready(cx))?;
        let room = buf.remaining();
        let mut taken = 0;
        let received = tcp.try_io(Interest::READABLE, || {
            (taken, _) = recv(tcp, buf.initialize_unfilled(), RecvFlags::empty())?;
            if taken > 0 && taken < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match received {
            Err(error) if taken == 0 && error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if taken == 0 => return Poll::Ready(Err(error)),
            _ => {
                buf.advance(taken);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

macro_rules! each {
    ($self:ident, $link:ident => $body:expr) => {
        match &mut $self.get_mut().link {
            Link::Tcp($link) => $body,
            Link::Unix($link) => $body,
            Link::Tls($link) => $body,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let n = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..n]);
            self.ahead.advance(n);
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        match &mut self.link {
            Link::Tcp(tcp) => poll_recv(tcp, cx, buf),
            Link::Unix(unix) => Pin::new(unix).poll_read(cx, buf),
            Link::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { link, ending, is_full, .. } = self.get_mut();
        match link {
            Link::Tcp(tcp) => {
                let flags = if *ending { MORE_FOLLOWS } else { SendFlags::empty() };
                poll_send(tcp, cx, buf, flags, is_full)
            }
            Link::Unix(unix) => Pin::new(unix).poll_write(cx, buf),
            Link::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, link => Pin::new(link).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        !matches!(self.link, Link::Tls(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, link => Pin::new(link).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, link => Pin::new(link).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc, task::Wake};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        sync::Notify,
    };

    use super::*;

    /// One of our sockets, and its peer.
    async fn pair() -> (Io, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let peer = TcpStream::connect(address).await.expect("it listens");
        let (ours, _) = listener.accept().await.expect("a connection");
        (ours.into(), peer)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_socket_holds_no_more_unsent_than_it_may() {
        let accepted = async |bytes: usize| {
            let (mut io, peer) = pair().await;
            let small = socket2::SockRef::from(&peer).set_recv_buffer_size(4_096);
            small.expect("an option");
            io.hold_unsent(bytes);
            let mut accepted = 0;
            let mut cx = Context::from_waker(std::task::Waker::noop());
            while let Poll::Ready(taken) = Pin::new(&mut io).poll_write(&mut cx, &[0; 4_096]) {
                accepted += taken.expect("a socket");
            }
            accepted
        };
        let (bounded, free) = (accepted(16_384).await, accepted(0).await);
        assert!(bounded * 2 < free, "{bounded} of {free}");
    }

    #[derive(Default)]
    struct Told(Notify);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }

    /// After a read returned pending, its waker is called for new input without another poll in between. A task that
    /// only reads when woken depends on that.
    #[tokio::test]
    async fn input_after_a_pending_read_always_wakes() {
        let (mut io, mut peer) = pair().await;
        let told = Arc::<Told>::default();
        let waker = told.clone().into();
        let mut buffer = [0; 16];
        for round in 0..100_usize {
            let (mut taken, sent) = (0, 1 + round % 40);
            let mut more = || {
                let mut buf = ReadBuf::new(&mut buffer);
                let mut cx = Context::from_waker(&waker);
                let polled = Pin::new(&mut io).poll_read(&mut cx, &mut buf);
                taken += buf.filled().len();
                (polled.is_ready(), taken)
            };
            while more().0 {}
            peer.write_all(&[7; 40][..sent]).await.expect("a socket");
            loop {
                told.0.notified().await;
                while more().0 {}
                if more().1 == sent {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_full_socket_accepts_the_rest_later_in_order() {
        let (mut io, mut peer) = pair().await;
        let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n / 3) as u8).collect();
        let all = sent.clone();
        let writing = tokio::spawn(async move {
            let (mut at, mut refused) = (0, 0);
            while at < all.len() {
                let rest = &all[at..];
                at += poll_fn(|cx| {
                    let polled = Pin::new(&mut io).poll_write(cx, rest);
                    refused += usize::from(polled.is_pending());
                    polled
                })
                .await
                .expect("a socket");
            }
            refused
        });
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let mut came = Vec::new();
        peer.read_to_end(&mut came).await.expect("a socket");
        assert!(came == sent);
        assert!(writing.await.expect("a task") > 0);
    }
}
