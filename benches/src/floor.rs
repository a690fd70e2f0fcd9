//! The minimum of a server: it knows who is in a room, encodes each frame once, and writes what is new to all others,
//! many frames at a time or one per call, over epoll. No rights, no limits, no presence.
//!
//! A client upgrades at `/room/<name>` with a fixed answer; a text message is a token to check; a close frame is
//! answered and ends the connection.

mod log;

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Result;
use mio::{
    Events, Interest, Poll, Token,
    event::Event,
    net::{TcpListener, TcpStream},
};
use stagedoor_load::frames::{self, BINARY, CLOSE, TEXT};

use self::log::{Log, put_server_frame};
use crate::check::Check;

const LISTENER: Token = Token(usize::MAX);
/// A log longer than this is cut to what the slowest member still needs.
const CUT_BYTES: usize = 1 << 20;
/// A member further behind than this is dropped.
const KEPT_BYTES: usize = 64 << 20;
/// Parts of several senders are copied together up to about this many bytes.
const COPIED_BYTES: usize = 1 << 16;

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Everything that is new to a member in one call.
    Coalesced,
    /// Each frame in its own call.
    OneByOne,
}

struct Peer {
    tcp: TcpStream,
    room: Option<usize>,
    /// Its position in its room's log.
    at: usize,
    blocked: bool,
    /// The start of an incomplete frame.
    input: Vec<u8>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    log: Log,
    /// Something was published since the last write.
    is_new: bool,
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    writing: Writing,
    check: Check,
    peers: Vec<Option<Peer>>,
    free: Vec<usize>,
    names: HashMap<String, usize>,
    rooms: Vec<Room>,
    /// Rooms in which something is new.
    new: Vec<usize>,
    buffer: Vec<u8>,
    copied: Vec<u8>,
}

/// Serves until the process ends; reports its address first.
pub fn run(writing: Writing, tell: impl FnOnce(SocketAddr) -> Result<()>) -> Result<()> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    tell(listener.local_addr()?)?;
    let mut floor = Floor {
        poll,
        listener,
        writing,
        check: Check::new()?,
        peers: Vec::new(),
        free: Vec::new(),
        names: HashMap::new(),
        rooms: Vec::new(),
        new: Vec::new(),
        buffer: vec![0; 1 << 16],
        copied: Vec::new(),
    };
    let mut events = Events::with_capacity(4_096);
    loop {
        floor.poll.poll(&mut events, None::<Duration>)?;
        for event in &events {
            if event.token() == LISTENER {
                floor.accept()?;
            } else {
                floor.ready(event);
            }
        }
        floor.write_new();
    }
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            match self.listener.accept() {
                Ok((mut tcp, _)) => {
                    tcp.set_nodelay(true)?;
                    let at = self.free.pop().unwrap_or(self.peers.len());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(&mut tcp, Token(at), interest)?;
                    let peer = Peer { tcp, room: None, at: 0, blocked: false, input: Vec::new() };
                    if at == self.peers.len() {
                        self.peers.push(Some(peer));
                    } else {
                        self.peers[at] = Some(peer);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn ready(&mut self, event: &Event) {
        let at = event.token().0;
        if event.is_readable() && !self.read(at, event.is_read_closed()) {
            return self.drop_peer(at);
        }
        // A readable socket is treated as writable too: a member that waits for nothing is written to together with all
        // others.
        if event.is_writable()
            && let Some(peer) = &mut self.peers[at]
            && std::mem::take(&mut peer.blocked)
            && !self.write(at)
        {
            self.drop_peer(at);
        }
    }

    fn drop_peer(&mut self, at: usize) {
        let Some(peer) = self.peers[at].take() else { return };
        self.free.push(at);
        if let Some(room) = peer.room {
            self.rooms[room].members.retain(|member| *member != at);
        }
    }

    /// Reads what has arrived; false if the connection is over.
    fn read(&mut self, at: usize, to_the_end: bool) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut open = true;
        while let Some(peer) = &mut self.peers[at] {
            match peer.tcp.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(n) => {
                    open = self.take(at, &buffer[..n]);
                    if open && (n == buffer.len() || to_the_end) {
                        continue;
                    }
                }
                Err(error) => open = error.kind() == io::ErrorKind::WouldBlock,
            }
            break;
        }
        self.buffer = buffer;
        open
    }

    /// Handles bytes; false if the connection is over. Only the start of an incomplete frame is copied.
    fn take(&mut self, at: usize, bytes: &[u8]) -> bool {
        let Some(peer) = &mut self.peers[at] else { return false };
        let mut held = std::mem::take(&mut peer.input);
        let whole = held.is_empty();
        if !whole {
            held.extend_from_slice(bytes);
        }
        let all = if whole { bytes } else { &held };
        let Some(used) = self.take_all(at, all) else { return false };
        let rest = if whole {
            bytes[used..].to_vec()
        } else {
            held.drain(..used);
            held
        };
        if let Some(peer) = &mut self.peers[at]
            && !rest.is_empty()
        {
            peer.input = rest;
        }
        true
    }

    /// How many bytes were complete frames; `None` if the connection is over.
    fn take_all(&mut self, at: usize, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        if self.peers[at].as_ref()?.room.is_none() {
            let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Some(0);
            };
            self.upgrade(at, &bytes[..head])?;
            used = head + 4;
        }
        while let Some(frame) = ClientFrame::read(&bytes[used..]) {
            self.hear(at, &frame)?;
            used += frame.size;
        }
        Some(used)
    }

    fn upgrade(&mut self, at: usize, head: &[u8]) -> Option<()> {
        let path = head.strip_prefix(b"GET /room/")?.split(|byte| *byte == b' ').next()?;
        let name = String::from_utf8_lossy(path).into_owned();
        let next = self.rooms.len();
        let room = *self.names.entry(name).or_insert(next);
        if room == next {
            self.rooms.push(Room::default());
        }
        self.rooms[room].members.push(at);
        let peer = self.peers[at].as_mut()?;
        (peer.room, peer.at) = (Some(room), self.rooms[room].log.end());
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        peer.tcp.write_all(answer).ok()
    }

    fn hear(&mut self, at: usize, frame: &ClientFrame<'_>) -> Option<()> {
        let peer = self.peers[at].as_mut()?;
        let mut unmasked = Vec::new();
        let payload = frame.unmasked(&mut unmasked);
        match frame.opcode {
            BINARY => {
                let room = peer.room?;
                let coalesce = self.writing == Writing::Coalesced;
                self.rooms[room].log.push(at, payload, coalesce);
                if !std::mem::replace(&mut self.rooms[room].is_new, true) {
                    self.new.push(room);
                }
                Some(())
            }
            TEXT => {
                let mut out = Vec::new();
                put_server_frame(&mut out, 0x81, self.check.answer(payload)?.as_bytes());
                peer.tcp.write_all(&out).ok()
            }
            CLOSE => {
                let mut out = Vec::new();
                put_server_frame(&mut out, 0x88, payload);
                // It may be gone already.
                let _ = peer.tcp.write_all(&out);
                None
            }
            _ => Some(()),
        }
    }

    fn write_new(&mut self) {
        while let Some(room) = self.new.pop() {
            self.rooms[room].is_new = false;
            let members = std::mem::take(&mut self.rooms[room].members);
            let gone: Vec<usize> = members.iter().copied().filter(|at| !self.write(*at)).collect();
            self.rooms[room].members = members;
            gone.into_iter().for_each(|at| self.drop_peer(at));
            self.forget(room);
        }
    }

    /// Writes what is new to a member; false if it is gone.
    fn write(&mut self, at: usize) -> bool {
        let Some(peer) = &mut self.peers[at] else { return true };
        let Some(room) = peer.room else { return true };
        let log = &self.rooms[room].log;
        while !peer.blocked {
            let mut parts = log.parts(peer.at, at);
            let Some(first) = parts.next() else {
                peer.at = log.end();
                return true;
            };
            let Some(mut bytes) = log.bytes(first) else { return false };
            let mut many = vec![];
            if self.writing == Writing::Coalesced
                && let Some(second) = parts.next()
            {
                self.copied.clear();
                self.copied.extend_from_slice(bytes);
                many.push(first);
                for part in [second].into_iter().chain(parts) {
                    self.copied.extend_from_slice(log.bytes(part).unwrap_or_default());
                    many.push(part);
                    if self.copied.len() >= COPIED_BYTES {
                        break;
                    }
                }
                bytes = &self.copied;
            }
            match peer.tcp.write(bytes) {
                Ok(n) if many.is_empty() => peer.at = first.0 + n,
                Ok(n) => peer.at = position(&many, n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => peer.blocked = true,
                Err(_) => return false,
            }
        }
        true
    }

    fn forget(&mut self, room: usize) {
        let Self { rooms, peers, .. } = self;
        let room = &mut rooms[room];
        if room.log.kept_bytes() < CUT_BYTES {
            return;
        }
        let end = room.log.end();
        let ats = room.members.iter().filter_map(|at| Some(peers[*at].as_ref()?.at));
        let oldest = ats.min().unwrap_or(end);
        room.log.forget(oldest.max(end.saturating_sub(KEPT_BYTES)));
    }
}

/// The position in the log after the first `n` bytes of these parts.
fn position(parts: &[(usize, usize)], mut n: usize) -> usize {
    let mut at = parts[0].0;
    for (from, to) in parts {
        let taken = n.min(to - from);
        if taken == 0 {
            break;
        }
        at = from + taken;
        n -= taken;
    }
    at
}

struct ClientFrame<'a> {
    opcode: u8,
    mask: [u8; 4],
    masked: &'a [u8],
    /// The total number of bytes.
    size: usize,
}

impl<'a> ClientFrame<'a> {
    /// The frame at the start of these bytes, if it is complete.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, len) = frames::head(bytes)?;
        let mask = *bytes.get(head..)?.first_chunk()?;
        let size = (head + 4).checked_add(len)?;
        Some(Self { opcode: bytes[0] & 0x0f, mask, masked: bytes.get(head + 4..size)?, size })
    }

    fn unmasked<'b>(&self, out: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if self.mask == [0; 4] {
            return self.masked;
        }
        out.extend(
            self.masked.iter().zip(self.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_resumes_past_ones_own_frames() {
        let parts = [(0, 6), (9, 12)];
        assert_eq!([0, 4, 6, 7, 9].map(|n| position(&parts, n)), [0, 4, 6, 10, 12]);
    }

    #[test]
    fn a_client_frame_is_read_once_complete_and_unmasked() {
        let bytes = [0x82, 0x83, 1, 2, 3, 4, b'x' ^ 1, b'y' ^ 2, b'z' ^ 3, 0x82];
        assert!(ClientFrame::read(&bytes[..8]).is_none());
        let frame = ClientFrame::read(&bytes).expect("whole");
        assert_eq!((frame.size, frame.opcode), (9, BINARY));
        assert_eq!(frame.unmasked(&mut Vec::new()), b"xyz");
    }
}
