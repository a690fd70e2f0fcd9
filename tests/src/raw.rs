//! A member on a bare socket that reads nothing on its own.

use std::net::SocketAddr;

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

/// Logs in with a token and reads no answer; the kernel's buffer is small.
pub async fn raw_to(to: SocketAddr, token: &str) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let mut tcp = socket.connect(to).await?;
    let head = format!(
        "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: stagedoor.v1\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await?;
    Ok(tcp)
}
