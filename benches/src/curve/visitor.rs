//! A member on a blocking socket that checks the number of every frame.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use stagedoor_load::{
    Minter, Process,
    frames::{BINARY, CLOSE, TEXT, head, put_client_frame},
};

/// The time limit of every step.
const PATIENCE: Duration = Duration::from_secs(20);
/// Before a payload: a version, flags, and the stream's number.
const FRAME_HEADER_BYTES: usize = 6;
const READ_BYTES: usize = 16_384;

/// The server: its address, its mint, and its process.
pub(super) struct App<'a> {
    pub(super) address: SocketAddr,
    pub(super) minter: &'a Minter,
    pub(super) process: Process,
}

/// The member.
pub(super) struct Visitor {
    tcp: TcpStream,
    /// Bytes read and not yet handled.
    input: Vec<u8>,
    /// Frames published or heard, by stream.
    counts: BTreeMap<u32, u64>,
}

impl Visitor {
    /// Connects and logs in.
    pub(super) fn enter(app: &App<'_>, room: &str, user: &str, role: &str) -> Result<Self> {
        let token = app.minter.mint(room, user, &role.parse()?)?;
        let tcp = TcpStream::connect(app.address).with_context(|| format!("{user} in {room}"))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut visitor = Self { tcp, input: Vec::new(), counts: BTreeMap::new() };
        visitor.tcp.write_all(
            b"GET /v1/connect HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
              Sec-WebSocket-Protocol: stagedoor.v1\r\n\r\n",
        )?;
        let end = loop {
            if let Some(at) = visitor.input.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(visitor.fill()?, "closed at the handshake");
        };
        ensure!(visitor.input.starts_with(b"HTTP/1.1 101"), "not upgraded");
        visitor.input.drain(..end);
        visitor.ask(serde_json::json!({"op": "login", "token": token}))?;
        Ok(visitor)
    }

    /// Reads what has arrived; returns whether the connection continues.
    fn fill(&mut self) -> Result<bool> {
        let begin = self.input.len();
        self.input.resize(begin + READ_BYTES, 0);
        let n = self.tcp.read(&mut self.input[begin..])?;
        self.input.truncate(begin + n);
        Ok(n > 0)
    }

    /// The next complete message in what was read: its opcode and position.
    fn whole(&self, at: usize) -> Option<(u8, std::ops::Range<usize>)> {
        let rest = &self.input[at..];
        let (size, len) = head(rest)?;
        let end = size.checked_add(len).filter(|end| *end <= rest.len())?;
        Some((rest[0] & 0x0f, at + size..at + end))
    }

    /// Sends a request and waits for the answer, skipping events.
    pub(super) fn ask(&mut self, mut request: Value) -> Result<Value> {
        request["id"] = 1.into();
        let mut frame = Vec::new();
        put_client_frame(&mut frame, TEXT, &[request.to_string().as_bytes()]);
        self.tcp.write_all(&frame)?;
        loop {
            while let Some((opcode, body)) = self.whole(0) {
                let message: Vec<u8> = self.input.drain(..body.end).skip(body.start).collect();
                if opcode != TEXT {
                    bail!("an answer was expected, not a message of opcode {opcode}");
                }
                let mut value: Value = serde_json::from_slice(&message)?;
                ensure!(value.get("error").is_none(), "refused: {value}");
                if let Some(ok) = value.get_mut("ok") {
                    return Ok(ok.take());
                }
            }
            ensure!(self.fill()?, "closed");
        }
    }

    /// Publishes a stream; returns its number.
    pub(super) fn open_stream(&mut self, name: &str) -> Result<u32> {
        let request = serde_json::json!({
            "op": "publish", "stream": name, "kind": "data", "delivery": "reliable"
        });
        let answer = self.ask(request)?;
        Ok(u32::try_from(answer["stream"].as_u64().context("a number")?)?)
    }

    /// Publishes frames, numbered.
    pub(super) fn publish(&mut self, stream: u32, count: usize, bytes: usize) -> Result<()> {
        let mut frames = Vec::new();
        let filling = vec![0; bytes.saturating_sub(8)];
        let sent = self.counts.entry(stream).or_default();
        for _ in 0..count {
            let [a, b, c, d] = stream.to_be_bytes();
            let header = [1, 1, a, b, c, d];
            put_client_frame(&mut frames, BINARY, &[&header, &sent.to_be_bytes(), &filling]);
            *sent += 1;
        }
        Ok(self.tcp.write_all(&frames)?)
    }

    /// Receives this many frames of a stream, in order.
    pub(super) fn hear(&mut self, stream: u32, count: usize) -> Result<()> {
        let (mut heard, mut at) = (0, 0);
        loop {
            while heard < count
                && let Some((opcode, body)) = self.whole(at)
            {
                at = body.end;
                ensure!(opcode != CLOSE, "closed");
                if opcode != BINARY {
                    continue;
                }
                let body = &self.input[body];
                let (header, payload) =
                    body.split_at_checked(FRAME_HEADER_BYTES).context("a header")?;
                let from = header.last_chunk().map(|number| u32::from_be_bytes(*number));
                let seq = payload.first_chunk().map(|seq| u64::from_be_bytes(*seq));
                let next = self.counts.entry(stream).or_default();
                // The numbering of a stream found late starts where it is.
                let expected = if *next == 0 { seq } else { Some(*next) };
                ensure!(from == Some(stream) && seq == expected, "a frame out of its order");
                *next = seq.context("a number")? + 1;
                heard += 1;
            }
            if heard == count {
                self.input.drain(..at);
                return Ok(());
            }
            ensure!(self.fill()?, "closed");
        }
    }

    /// Skips what has arrived, for a member that sends no more requests.
    pub(super) fn pass_over(&mut self) -> Result<()> {
        let mut buffer = [0; READ_BYTES];
        self.tcp.set_nonblocking(true)?;
        while self.tcp.read(&mut buffer).is_ok_and(|n| n > 0) {}
        Ok(self.tcp.set_nonblocking(false)?)
    }

    /// Closes, and waits until the server has closed too.
    pub(super) fn leave(mut self) -> Result<()> {
        let mut frame = Vec::new();
        put_client_frame(&mut frame, CLOSE, &[&1_000_u16.to_be_bytes()]);
        self.tcp.write_all(&frame)?;
        while self.fill()? {}
        Ok(())
    }
}
