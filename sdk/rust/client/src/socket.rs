//! TCP, TLS, WebSocket. Messages are opaque here.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use rustls::{ClientConfig, pki_types::ServerName};
use stagedoor_wire::SUBPROTOCOL;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{client::IntoClientRequest, http::HeaderValue},
};

use crate::{error::ConnectError, trust};

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! each {
    ($self:ident, $link:ident => $body:expr) => {
        match $self.get_mut() {
            Link::Tcp($link) => $body,
            Link::Tls($link) => $body,
        }
    };
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        each!(self, link => Pin::new(link).poll_read(cx, buf))
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        each!(self, link => Pin::new(link).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        each!(self, link => Pin::new(link).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        each!(self, link => Pin::new(link).poll_shutdown(cx))
    }
}

/// The WebSocket.
pub(crate) type Socket = WebSocketStream<Link>;

/// Connects to the first of a host's addresses that answers. The buffer is set first, because TCP agrees on the window
/// when it connects.
async fn tcp(
    host: &str,
    port: u16,
    receive_buffer_bytes: Option<u32>,
) -> std::io::Result<TcpStream> {
    let Some(bytes) = receive_buffer_bytes else { return TcpStream::connect((host, port)).await };
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in tokio::net::lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_recv_buffer_size(bytes)?;
        match socket.connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects.
pub(crate) async fn connect(
    url: &str,
    tls: Option<&Arc<ClientConfig>>,
    receive_buffer_bytes: Option<u32>,
) -> Result<Socket, ConnectError> {
    let wrong = || ConnectError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?.to_owned();
    let secure = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(wrong()),
    };
    if uri.query().is_some() {
        return Err(wrong());
    }
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = tcp(bare, port, receive_buffer_bytes).await.map_err(ConnectError::socket)?;
    tcp.set_nodelay(true).map_err(ConnectError::socket)?;
    let link = if secure {
        let config = match tls {
            Some(config) => config.clone(),
            None => trust::system().await?,
        };
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| wrong())?;
        let stream =
            TlsConnector::from(config).connect(name, tcp).await.map_err(ConnectError::socket)?;
        Link::Tls(Box::new(stream))
    } else {
        Link::Tcp(tcp)
    };
    let mut request = uri.into_client_request().map_err(|_| wrong())?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (socket, _) = client_async(request, link).await.map_err(ConnectError::socket)?;
    Ok(socket)
}
