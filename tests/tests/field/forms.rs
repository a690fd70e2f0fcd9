//! Requests, heads and frames: in whatever form they arrive, they are answered as the RFCs say.

// A test's future is on its own stack, and nobody waits beside it.
#![allow(clippy::large_futures)]

#[path = "forms/frames.rs"]
mod frames;
#[path = "forms/heads.rs"]
mod heads;
#[path = "forms/origins.rs"]
mod origins;
#[path = "forms/renewal.rs"]
mod renewal;
#[path = "forms/wire.rs"]
mod wire;

use std::{future::Future, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use stagedoor_tests::Stage;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long a whole test may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

const UPGRADE: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: stagedoor.v1\r\n";

/// Fails a test that hangs.
async fn within<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(TEST_TIMEOUT, test).await.context("the test hung")?
}

/// One complete answer, to the end of the connection or of its body: status, head, body.
async fn answer_of(tcp: &mut TcpStream) -> Result<(u16, String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(
            tcp.read_u8().await.with_context(|| {
                format!("no answer behind {:?}", String::from_utf8_lossy(&head))
            })?,
        );
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(Ok(0), str::parse)?];
    tcp.read_exact(&mut body).await.context("the body")?;
    Ok((status, head, String::from_utf8(body)?))
}

/// The answer to one request on its own connection: status, head, body.
async fn ask(to: SocketAddr, request: &str) -> Result<(u16, String, String)> {
    let mut tcp = TcpStream::connect(to).await?;
    tcp.write_all(request.as_bytes()).await?;
    answer_of(&mut tcp).await
}

/// The code of a problem.
fn code_of((status, head, body): &(u16, String, String)) -> Result<(u16, String)> {
    ensure!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}{body}");
    let body: Value = serde_json::from_str(body)?;
    ensure!(body["status"] == *status, "{status}: {body}");
    Ok((*status, body["code"].as_str().context("a code")?.to_owned()))
}

/// A masked frame of a client: its first byte and its payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x5a, 0x01, 0xff, 0x37];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A WebSocket written byte by byte.
struct Raw(TcpStream);

impl Raw {
    async fn connect(stage: &Stage) -> Result<Self> {
        let mut tcp = TcpStream::connect(stage.running.http).await?;
        tcp.write_all(format!("{UPGRADE}\r\n").as_bytes()).await?;
        let (status, head, _) = answer_of(&mut tcp).await?;
        ensure!(status == 101, "{head}");
        Ok(Self(tcp))
    }

    /// With a seat.
    async fn seated(stage: &Stage) -> Result<Self> {
        let mut raw = Self::connect(stage).await?;
        let token = stage.token("lobby", "anna", "host")?;
        raw.text(&json!({"op": "login", "id": 1, "token": token})).await?;
        let answer = raw.next_text().await?;
        ensure!(answer["ok"]["user"] == "anna", "{answer}");
        Ok(raw)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    async fn text(&mut self, value: &Value) -> Result<()> {
        self.write(&frame(0x81, value.to_string().as_bytes())).await
    }

    /// The next frame other than events: its opcode and its payload.
    async fn next(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            let (opcode, payload) = self.next_frame().await?;
            if !payload.starts_with(br#"{"ev""#) {
                return Ok((opcode, payload));
            }
        }
    }

    async fn next_frame(&mut self) -> Result<(u8, Vec<u8>)> {
        let first = self.0.read_u8().await.context("a frame")?;
        let length = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            127 => usize::try_from(self.0.read_u64().await?)?,
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok((first & 0x0f, payload))
    }

    async fn next_text(&mut self) -> Result<Value> {
        match self.next().await? {
            (1, payload) => Ok(serde_json::from_slice(&payload)?),
            other => bail!("a text, not {other:?}"),
        }
    }

    /// The code with which the relay closes, after skipping answers to pings.
    async fn closed(&mut self) -> Result<u16> {
        loop {
            match self.next().await? {
                (8, payload) => return Ok(u16::from_be_bytes([payload[0], payload[1]])),
                (10, _) => {}
                other => bail!("a close, not {other:?}"),
            }
        }
    }
}
