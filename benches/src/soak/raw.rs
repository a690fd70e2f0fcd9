//! Sockets written by hand, from other loopback addresses than the webinar's. The masking key of each frame is zero.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// How long one read or write of an attacker may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connects from `127.0.0.{from}`.
pub async fn connect(to: SocketAddr, from: u8) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0)))?;
    Ok(timeout(PATIENCE, socket.connect(to)).await??)
}

/// Writes raw bytes.
pub async fn write(tcp: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    Ok(timeout(PATIENCE, tcp.write_all(bytes)).await??)
}

/// Reads the first bytes.
pub async fn read(tcp: &mut TcpStream) -> Result<Vec<u8>> {
    let mut buffer = vec![0; 16_384];
    let n = timeout(PATIENCE, tcp.read(&mut buffer)).await??;
    ensure!(n > 0, "closed");
    buffer.truncate(n);
    Ok(buffer)
}

/// Sends one HTTP request; returns the status of its answer.
pub async fn request(to: SocketAddr, from: u8, request: &[u8]) -> Result<u16> {
    let mut tcp = connect(to, from).await?;
    write(&mut tcp, request).await?;
    let answer = read(&mut tcp).await?;
    let line = String::from_utf8_lossy(&answer);
    Ok(line.split(' ').nth(1).context("a status")?.parse()?)
}

/// An upgraded WebSocket, optionally with a token in the handshake.
pub async fn web_socket(to: SocketAddr, from: u8, token: Option<&str>) -> Result<TcpStream> {
    let mut tcp = connect(to, from).await?;
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = format!(
        "GET /v1/connect HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29ha3NvYWtzb2Frc29haw==\r\n\
         Sec-WebSocket-Protocol: stagedoor.v1\r\n{}\r\n",
        bearer.unwrap_or_default()
    );
    write(&mut tcp, head.as_bytes()).await?;
    let answer = read(&mut tcp).await?;
    ensure!(answer.starts_with(b"HTTP/1.1 101"), "not upgraded");
    Ok(tcp)
}

/// A client's frame (RFC 6455 §5.2) with this opcode.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

/// A text message.
pub fn text(message: &str) -> Vec<u8> {
    frame(1, message.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_length_match_rfc_6455() {
        assert_eq!(frame(1, b"a"), [0x81, 0x81, 0, 0, 0, 0, b'a']);
        assert_eq!(frame(2, &[7; 126])[..4], [0x82, 0x80 | 126, 0, 126]);
        assert_eq!(frame(2, &[7; 65_536])[..10], [0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
