//! A connection with or without TLS, and what was read ahead of its owner. After `tls`, before
//! `metrics`. Passes bytes; knows none of them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::addresses::Counted;

/// Linux: more follows, so what does not fill a packet waits for it. Elsewhere it goes by itself.
const MORE_FOLLOWS: i32 = if cfg!(target_os = "linux") { 0x8000 } else { 0 };

/// A connection taken off the shared port.
#[derive(Debug)]
pub struct Io {
    ahead: Bytes,
    link: Link,
    held: Option<Counted>,
    ending: bool,
}

#[derive(Debug)]
enum Link {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Io {
    fn from(tcp: TcpStream) -> Self {
        Self { ahead: Bytes::new(), link: Link::Tcp(tcp), held: None, ending: false }
    }
}

impl From<TlsStream<TcpStream>> for Io {
    fn from(tls: TlsStream<TcpStream>) -> Self {
        Self { ahead: Bytes::new(), link: Link::Tls(Box::new(tls)), held: None, ending: false }
    }
}

impl Io {
    /// Puts bytes back, to be read first.
    pub(crate) fn unread(&mut self, ahead: Bytes) {
        self.ahead = ahead;
    }

    /// From now on the end of the connection follows at once what is written: on a plain socket both are one
    /// packet.
    pub(crate) fn end_follows(&mut self) {
        self.ending = true;
    }

    /// Whether dropping it says goodbye to the peer as well as `shutdown` does.
    pub(crate) fn ends_by_drop(&self) -> bool {
        matches!(self.link, Link::Tcp(_))
    }

    /// Keeps the connection counted for as long as it lives.
    pub(crate) fn hold(&mut self, counted: Counted) {
        self.held = Some(counted);
    }
}

fn poll_write_last(tcp: &TcpStream, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(cx))?;
        let socket = SockRef::from(tcp);
        match tcp.try_io(Interest::WRITABLE, || socket.send_with_flags(buf, MORE_FOLLOWS)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            taken => return Poll::Ready(taken),
        }
    }
}

macro_rules! each {
    ($self:ident, $link:ident => $body:expr) => {
        match &mut $self.get_mut().link {
            Link::Tcp($link) => $body,
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
        each!(self, link => Pin::new(link).poll_read(cx, buf))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.link {
            Link::Tcp(tcp) if self.ending => poll_write_last(tcp, cx, buf),
            _ => each!(self, link => Pin::new(link).poll_write(cx, buf)),
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
        matches!(self.link, Link::Tcp(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, link => Pin::new(link).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, link => Pin::new(link).poll_shutdown(cx))
    }
}
