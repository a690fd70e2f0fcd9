//! The least that a server can do: it knows who subscribes, encodes what the publisher sends once, and
//! writes what is new to every socket, many frames at a time, over epoll. No rooms, no rights, no limits.
//! After `load`, before `server`.
//!
//! Its clients upgrade with a fixed answer; the first one to send a frame is the publisher.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Result;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

const LISTENER: Token = Token(usize::MAX);
const KEPT_BYTES: usize = 64 << 20;

struct Peer {
    tcp: TcpStream,
    upgraded: bool,
    /// How far in the log it is.
    at: usize,
    blocked: bool,
    input: Vec<u8>,
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
    /// Everything published, encoded for the receivers.
    log: Vec<u8>,
    /// How much of the log is forgotten.
    base: usize,
    buffer: Vec<u8>,
}

/// Serves for ever; tells its address first.
pub fn run(tell: impl FnOnce(SocketAddr) -> Result<()>) -> Result<()> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    tell(listener.local_addr()?)?;
    let mut floor = Floor {
        poll,
        listener,
        peers: Vec::new(),
        log: Vec::new(),
        base: 0,
        buffer: vec![0; 1 << 16],
    };
    let mut events = Events::with_capacity(4_096);
    loop {
        floor.poll.poll(&mut events, None::<Duration>)?;
        let before = floor.base + floor.log.len();
        for event in &events {
            if event.token() == LISTENER {
                floor.accept()?;
            } else {
                floor.ready(event.token().0, event.is_readable(), event.is_writable());
            }
        }
        if floor.base + floor.log.len() > before {
            for at in 0..floor.peers.len() {
                floor.write(at);
            }
            floor.forget();
        }
    }
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut tcp, _)) => {
                    tcp.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut tcp, Token(self.peers.len()), interest)?;
                    let input = Vec::new();
                    self.peers.push(Some(Peer {
                        tcp,
                        upgraded: false,
                        at: 0,
                        blocked: false,
                        input,
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ready(&mut self, at: usize, readable: bool, writable: bool) {
        if readable && !self.read(at) {
            self.peers[at] = None;
        }
        if writable && let Some(peer) = &mut self.peers[at] {
            peer.blocked = false;
            self.write(at);
        }
    }

    fn read(&mut self, at: usize) -> bool {
        let end = self.base + self.log.len();
        let Some(peer) = &mut self.peers[at] else { return true };
        loop {
            match peer.tcp.read(&mut self.buffer) {
                Ok(0) => return false,
                Ok(n) => peer.input.extend_from_slice(&self.buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        if !peer.upgraded {
            let Some(head) = peer.input.windows(4).position(|four| four == b"\r\n\r\n") else {
                return true;
            };
            peer.input.drain(..head + 4);
            peer.upgraded = true;
            peer.at = end;
            let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            if peer.tcp.write_all(answer).is_err() {
                return false;
            }
        }
        let mut used = 0;
        while let Some((size, payload)) = client_frame(&peer.input[used..]) {
            put_server_frame(&mut self.log, payload);
            used += size;
        }
        if used > 0 {
            // The publisher reads nothing.
            peer.at = usize::MAX;
        }
        peer.input.drain(..used);
        true
    }

    fn write(&mut self, at: usize) {
        let end = self.base + self.log.len();
        let Some(peer) = &mut self.peers[at] else { return };
        while peer.upgraded && !peer.blocked && peer.at < end {
            match peer.tcp.write(&self.log[peer.at - self.base..]) {
                Ok(n) => peer.at += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => peer.blocked = true,
                Err(_) => {
                    self.peers[at] = None;
                    return;
                }
            }
        }
    }

    fn forget(&mut self) {
        if self.log.len() < 1 << 20 {
            return;
        }
        let end = self.base + self.log.len();
        let oldest = self.peers.iter().flatten().map(|peer| peer.at.min(end)).min().unwrap_or(end);
        let keep_from = oldest.max(end.saturating_sub(KEPT_BYTES));
        self.log.drain(..keep_from - self.base);
        self.base = keep_from;
    }
}

/// A whole client frame: its size and its payload, whose mask is zero.
fn client_frame(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, len) = match *bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let payload = bytes.get(head + 4..head + 4 + len)?;
    Some((head + 4 + len, payload))
}

fn put_server_frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x82);
    if payload.len() < 126 {
        out.push(payload.len() as u8);
    } else if let Ok(len) = u16::try_from(payload.len()) {
        out.push(126);
        out.extend(len.to_be_bytes());
    } else {
        out.push(127);
        out.extend((payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}
