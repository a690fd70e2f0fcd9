//! One publisher with a window, many subscribers: raw sockets, heads parsed, bodies skipped. First of the
//! benchmarks, before `floor`. Every subscriber checks the number of every frame.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use serde_json::Value;

use crate::{
    frames::{Reader, put_client_frame, put_numbered},
    server::{Server, Told},
};

/// How long anything of the set-up may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Subscribers.
    pub subscribers: usize,
    /// Bytes of a payload, eight at least.
    pub payload_bytes: usize,
    /// Frames that not every subscriber has yet, at most.
    pub window: u64,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Frames that subscribers received.
    pub deliveries: u64,
    /// CPU seconds of the server.
    pub cpu_s: f64,
    /// How long it took.
    pub wall_s: f64,
}

impl Outcome {
    /// CPU microseconds of the server for one delivery, which is CPU seconds for a million.
    pub fn cpu_us(&self) -> f64 {
        self.cpu_s * 1e6 / self.deliveries as f64
    }
}

/// Connects by plain blocking calls and, with a token, takes the seat.
fn connect(address: SocketAddr, token: Option<&String>) -> Result<std::net::TcpStream> {
    let mut tcp = std::net::TcpStream::connect(address)?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.write_all(
        b"GET /v1/connect HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
          Sec-WebSocket-Protocol: stagedoor.v1\r\n\r\n",
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    if let Some(token) = token {
        ask(&mut tcp, &format!(r#"{{"op":"login","id":1,"token":"{token}"}}"#))?;
    }
    Ok(tcp)
}

/// Sends a request and waits for its answer; what comes before it is passed over.
fn ask(tcp: &mut std::net::TcpStream, request: &str) -> Result<Value> {
    let mut frame = Vec::new();
    put_client_frame(&mut frame, 1, &[request.as_bytes()]);
    tcp.write_all(&frame)?;
    loop {
        let mut head = [0; 2];
        tcp.read_exact(&mut head)?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                tcp.read_exact(&mut len)?;
                usize::from(u16::from_be_bytes(len))
            }
            len => usize::from(len),
        };
        let mut body = vec![0; len];
        tcp.read_exact(&mut body)?;
        let Ok(value) = serde_json::from_slice::<Value>(&body) else { continue };
        if let Some(ok) = value.get("ok") {
            return Ok(ok.clone());
        }
        if let Some(error) = value.get("error") {
            bail!("{request} was refused: {error}");
        }
    }
}

/// Takes `count` seats and holds them: what each costs the server in memory, in bytes, while nothing
/// happens.
pub fn idle(server: &Server, count: usize) -> Result<f64> {
    let before = server.resident_bytes()?;
    let mut seats = Vec::with_capacity(count);
    for token in server.told.tokens.iter().take(count) {
        seats.push(connect(server.told.address, Some(token))?);
    }
    // The last joins are told in batches; then nothing happens any more.
    std::thread::sleep(Duration::from_secs(2));
    let after = server.resident_bytes()?;
    ensure!(seats.len() == count, "only {} seats", seats.len());
    Ok(after.saturating_sub(before) as f64 / count as f64)
}

/// A publisher, and subscribers that have found its stream.
struct Crowd {
    publisher: std::net::TcpStream,
    stream: u32,
    subscribers: Vec<std::net::TcpStream>,
}

fn gather(told: &Told, count: usize) -> Result<Crowd> {
    let tokens = &told.tokens;
    let seated = !tokens.is_empty();
    let mut publisher = connect(told.address, tokens.first())?;
    let mut stream = 1;
    if seated {
        let publish =
            r#"{"op":"publish","id":2,"stream":"cam","kind":"data","delivery":"reliable"}"#;
        stream = ask(&mut publisher, publish)?["stream"].as_u64().context("a number")? as u32;
    }
    let mut subscribers = Vec::with_capacity(count);
    for at in 0..count {
        let mut subscriber = connect(told.address, tokens.get(at + 1))?;
        if seated {
            ask(&mut subscriber, r#"{"op":"subscribe","id":2,"streams":["cam"]}"#)?;
        }
        subscribers.push(subscriber);
    }
    Ok(Crowd { publisher, stream, subscribers })
}

/// Publishes for `time` and measures.
pub fn fan_out(server: &Server, shape: Shape, time: Duration) -> Result<Outcome> {
    let crowd = gather(&server.told, shape.subscribers)?;
    let mut run = Run::new(crowd, shape)?;
    run.until(Instant::now() + time / 4)?;
    let (before, cpu, begun) = (run.deliveries(), server.cpu_s()?, Instant::now());
    run.until(begun + time)?;
    let (cpu_s, wall_s) = (server.cpu_s()? - cpu, begun.elapsed().as_secs_f64());
    let faults: u64 = run.subscribers.iter().map(|(_, reader)| reader.faults).sum();
    ensure!(faults == 0, "{faults} frames out of order");
    Ok(Outcome { deliveries: run.deliveries() - before, cpu_s, wall_s })
}

struct Run {
    poll: Poll,
    publisher: TcpStream,
    subscribers: Vec<(TcpStream, Reader)>,
    shape: Shape,
    stream: u32,
    sent: u64,
    /// Frames that every subscriber has.
    done: u64,
    /// For the frames under way: how many subscribers have each.
    have: Vec<usize>,
    out: Vec<u8>,
    buffer: Vec<u8>,
}

impl Run {
    fn new(crowd: Crowd, shape: Shape) -> Result<Self> {
        let poll = Poll::new()?;
        crowd.publisher.set_nonblocking(true)?;
        let mut publisher = TcpStream::from_std(crowd.publisher);
        poll.registry().register(
            &mut publisher,
            Token(usize::MAX),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut subscribers = Vec::with_capacity(crowd.subscribers.len());
        for (at, tcp) in crowd.subscribers.into_iter().enumerate() {
            tcp.set_nonblocking(true)?;
            let mut tcp = TcpStream::from_std(tcp);
            poll.registry().register(&mut tcp, Token(at), Interest::READABLE)?;
            subscribers.push((tcp, Reader::default()));
        }
        let have = vec![0; shape.window as usize];
        let (stream, buffer) = (crowd.stream, vec![0; 1 << 18]);
        Ok(Self {
            poll,
            publisher,
            subscribers,
            shape,
            stream,
            sent: 0,
            done: 0,
            have,
            out: Vec::new(),
            buffer,
        })
    }

    fn deliveries(&self) -> u64 {
        self.subscribers.iter().map(|(_, reader)| reader.frames).sum()
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        let mut events = Events::with_capacity(4_096);
        let mut heard = Instant::now();
        while Instant::now() < end {
            self.publish()?;
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                if event.token().0 < self.subscribers.len() {
                    heard = Instant::now();
                    self.receive(event.token().0)?;
                } else if event.is_readable() {
                    while self.publisher.read(&mut self.buffer).is_ok_and(|n| n > 0) {}
                }
            }
            ensure!(heard.elapsed() < PATIENCE, "nothing was delivered for {PATIENCE:?}");
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<()> {
        while self.sent < self.done + self.shape.window {
            put_numbered(&mut self.out, self.stream, self.sent, self.shape.payload_bytes);
            self.sent += 1;
        }
        while !self.out.is_empty() {
            match self.publisher.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn receive(&mut self, at: usize) -> Result<()> {
        let (tcp, reader) = &mut self.subscribers[at];
        loop {
            match tcp.read(&mut self.buffer) {
                Ok(0) => bail!("a subscriber was closed after {} frames", reader.frames),
                Ok(n) => {
                    let before = reader.frames;
                    reader.take(&self.buffer[..n]);
                    for seq in before..reader.frames {
                        let slot = (seq % self.shape.window) as usize;
                        self.have[slot] += 1;
                    }
                    if n < self.buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        while self.done < self.sent
            && self.have[(self.done % self.shape.window) as usize] == self.subscribers.len()
        {
            self.have[(self.done % self.shape.window) as usize] = 0;
            self.done += 1;
        }
        Ok(())
    }
}
