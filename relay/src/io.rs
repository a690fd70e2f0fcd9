//! A connection with or without TLS, and what was read ahead of its owner. After `tls`, before
//! `metrics`. Passes bytes; knows none of them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::addresses::Counted;

/// A connection taken off the shared port.
#[derive(Debug)]
pub struct Io {
    ahead: Bytes,
    link: Link,
    held: Option<Counted>,
}

#[derive(Debug)]
enum Link {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Io {
    fn from(tcp: TcpStream) -> Self {
        Self { ahead: Bytes::new(), link: Link::Tcp(tcp), held: None }
    }
}

impl From<TlsStream<TcpStream>> for Io {
    fn from(tls: TlsStream<TcpStream>) -> Self {
        Self { ahead: Bytes::new(), link: Link::Tls(Box::new(tls)), held: None }
    }
}

impl Io {
    /// Puts bytes back, to be read first.
    pub(crate) fn unread(&mut self, ahead: Bytes) {
        self.ahead = ahead;
    }

    /// Keeps the connection counted for as long as it lives.
    pub(crate) fn hold(&mut self, counted: Counted) {
        self.held = Some(counted);
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
        each!(self, link => Pin::new(link).poll_write(cx, buf))
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
