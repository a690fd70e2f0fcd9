//! A connection during set-up, with blocking calls. Messages that arrive early are kept.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::{
    dialect::{Target, Who},
    error::LoadError,
    frames::{self, CLOSE, PING, PONG, TEXT, put_client_frame},
};

/// Connections from one loopback address, which has some 28,000 ports.
const CONNECTIONS_PER_ADDRESS: usize = 20_000;

/// Connects; on the loopback from another address if the first has no port left.
fn connect(target: &Target, at: usize, who: &Who) -> Result<TcpStream, LoadError> {
    let address = target.address;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(bytes) = who.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    let place = at / CONNECTIONS_PER_ADDRESS;
    if place > 0 && address.ip().is_loopback() && address.is_ipv4() {
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + place as u8));
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&address.into(), target.patience)?;
    Ok(socket.into())
}

/// An upgraded connection.
pub(crate) struct Link {
    tcp: TcpStream,
    ahead: Vec<u8>,
    begun: Instant,
    patience: Duration,
}

fn server(what: impl Into<String>) -> LoadError {
    LoadError::Server(what.into())
}

impl Link {
    /// Connects and upgrades; it is the run's connection number `at`.
    pub(crate) fn open(target: &Target, at: usize, who: &Who) -> Result<Self, LoadError> {
        let head = target.dialect.head(&who.room);
        let tcp = connect(target, at, who)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(target.patience))?;
        tcp.set_write_timeout(Some(target.patience))?;
        let (begun, patience) = (Instant::now(), target.patience);
        let mut link = Self { tcp, ahead: Vec::new(), begun, patience };
        link.send(head.as_bytes())?;
        loop {
            if let Some(end) = link.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let answer: Vec<u8> = link.ahead.drain(..end + 4).collect();
                if answer.starts_with(b"HTTP/1.1 101") {
                    return Ok(link);
                }
                let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
                return Err(server(format!("answers {}", String::from_utf8_lossy(line))));
            }
            link.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), LoadError> {
        // Bytes may keep arriving without the awaited message.
        if self.begun.elapsed() > self.patience {
            return Err(LoadError::Silence(self.patience));
        }
        let mut buffer = [0; 4_096];
        match self.tcp.read(&mut buffer) {
            Ok(0) => Err(server("closed the connection")),
            Ok(n) => {
                self.ahead.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            // A socket's read timeout.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(LoadError::Silence(self.patience))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        Ok(self.tcp.write_all(bytes)?)
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>), LoadError> {
        loop {
            if let Some((size, len)) = frames::head(&self.ahead)
                && let Some(end) = size.checked_add(len).filter(|end| *end <= self.ahead.len())
            {
                let first = self.ahead[0];
                let body: Vec<u8> = self.ahead.drain(..end).skip(size).collect();
                if first & 0x0f == PING {
                    let mut pong = Vec::new();
                    put_client_frame(&mut pong, PONG, &[&body]);
                    self.send(&pong)?;
                    continue;
                }
                return Ok((first & 0x0f, body));
            }
            self.fill()?;
        }
    }

    /// Waits for the message that accepts; fails if one refuses.
    pub(crate) fn until(&mut self, said: impl Fn(&[u8]) -> Option<bool>) -> Result<(), LoadError> {
        loop {
            let (opcode, body) = self.message()?;
            match said(&body) {
                _ if opcode == CLOSE => return Err(server("closed the connection")),
                Some(true) => return Ok(()),
                Some(false) => {
                    return Err(server(format!("refused: {}", String::from_utf8_lossy(&body))));
                }
                None => {}
            }
        }
    }

    /// Sends a request of `stagedoor.v1` and waits for its answer, skipping other messages.
    pub(crate) fn ask(&mut self, request: &str) -> Result<Value, LoadError> {
        let mut frame = Vec::new();
        put_client_frame(&mut frame, TEXT, &[request.as_bytes()]);
        self.send(&frame)?;
        loop {
            let (opcode, body) = self.message()?;
            if opcode == CLOSE {
                return Err(server("closed the connection"));
            }
            let Ok(mut value) = serde_json::from_slice::<Value>(&body) else { continue };
            if let Some(error) = value.get("error") {
                return Err(server(format!("refused: {error}")));
            }
            if let Some(ok) = value.get_mut("ok") {
                return Ok(ok.take());
            }
        }
    }

    /// The socket, and the bytes read ahead.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.tcp, self.ahead)
    }
}
