//! A member that speaks the wire by hand. Waits up to ten seconds for what must arrive, and keeps everything else that
//! arrives meanwhile.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stagedoor_wire::{CONNECT_PATH, SUBPROTOCOL, frame::FrameHeader};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue, Response},
    },
};

/// The time limit for anything that must arrive.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What the relay sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A text message.
    Control(Value),
    /// A data frame: stream number, keyframe, payload.
    Frame(u32, bool, Bytes),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 0 if the connection broke.
    pub code: u16,
    /// The reason.
    pub reason: String,
}

/// A member, with or without a seat.
pub struct Member {
    socket: WebSocketStream<TcpStream>,
    heard: VecDeque<Heard>,
    closed: Option<Closed>,
    next_id: u64,
}

impl Member {
    /// Connects without a token.
    pub async fn connect(to: SocketAddr) -> anyhow::Result<Self> {
        Self::connect_over(
            TcpStream::connect(to).await?,
            &[("sec-websocket-protocol", SUBPROTOCOL)],
        )
        .await?
        .map_err(|response| anyhow::anyhow!("refused with {}", response.status()))
    }

    /// Connects over the caller's socket, with the caller's header fields. The inner error is an HTTP answer.
    pub async fn connect_over(
        tcp: TcpStream,
        fields: &[(&'static str, &str)],
    ) -> anyhow::Result<Result<Self, Box<Response<Option<Vec<u8>>>>>> {
        let mut request =
            format!("ws://{}{CONNECT_PATH}", tcp.peer_addr()?).into_client_request()?;
        for (name, value) in fields {
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        }
        match tokio::time::timeout(PATIENCE, client_async(request, tcp)).await? {
            Ok((socket, _)) => {
                Ok(Ok(Self { socket, heard: VecDeque::new(), closed: None, next_id: 1 }))
            }
            Err(Error::Http(response)) => Ok(Err(response)),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a raw message.
    pub async fn say(&mut self, message: Message) -> anyhow::Result<()> {
        Ok(self.socket.send(message).await?)
    }

    /// Sends a request and returns its answer, `{"ok":…}` or `{"error":…}`.
    pub async fn ask(&mut self, mut request: Value) -> anyhow::Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = id.into();
        self.say(Message::text(request.to_string())).await?;
        self.find(|heard| matches!(heard, Heard::Control(value) if value["re"] == id))
            .await
            .map(control)
    }

    /// Sends a request that must succeed; returns its `ok`.
    pub async fn ok(&mut self, request: Value) -> anyhow::Result<Value> {
        let answer = self.ask(request.clone()).await?;
        ensure!(answer.get("ok").is_some(), "{request} was answered {answer}");
        Ok(answer["ok"].clone())
    }

    /// Sends a request that must be refused; returns its code.
    pub async fn code(&mut self, request: Value) -> anyhow::Result<String> {
        let answer = self.ask(request.clone()).await?;
        let code = answer["error"]["code"]
            .as_str()
            .with_context(|| format!("{request} was answered {answer}"))?;
        Ok(code.to_owned())
    }

    /// Logs in.
    pub async fn log_in(&mut self, token: &str) -> anyhow::Result<Value> {
        self.ok(json!({"op": "login", "token": token})).await
    }

    /// Publishes a stream; returns its number.
    pub async fn publish(&mut self, stream: &str, more: Value) -> anyhow::Result<u32> {
        let mut request = json!({"op": "publish", "stream": stream, "kind": "data"});
        if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
            request.extend(more);
        }
        let number = self.ok(request).await?["stream"].as_u64().context("a number")?;
        Ok(u32::try_from(number)?)
    }

    /// Subscribes; returns the streams that match now.
    pub async fn subscribe(&mut self, streams: &[&str]) -> anyhow::Result<Value> {
        self.ok(json!({"op": "subscribe", "streams": streams})).await
    }

    /// Sends a data frame.
    pub async fn frame(
        &mut self,
        stream: u32,
        keyframe: bool,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let mut bytes = FrameHeader { keyframe, stream }.to_bytes().to_vec();
        bytes.extend_from_slice(payload);
        self.say(Message::binary(bytes)).await
    }

    /// Whatever arrives next; `None` once the connection is closed.
    pub async fn hear(&mut self) -> anyhow::Result<Option<Heard>> {
        match self.heard.pop_front() {
            Some(heard) => Ok(Some(heard)),
            None => self.receive().await,
        }
    }

    /// The first match among what arrived and what will arrive; the others keep their order.
    pub async fn find(&mut self, fits: impl Fn(&Heard) -> bool) -> anyhow::Result<Heard> {
        if let Some(at) = self.heard.iter().position(&fits) {
            return self.heard.remove(at).context("it is there");
        }
        loop {
            match self.receive().await? {
                Some(heard) if fits(&heard) => return Ok(heard),
                Some(heard) => self.heard.push_back(heard),
                None => bail!("closed with {:?} after {:?}", self.closed, self.heard),
            }
        }
    }

    /// The next event with this name.
    pub async fn event(&mut self, name: &str) -> anyhow::Result<Value> {
        self.find(|heard| matches!(heard, Heard::Control(value) if value["ev"] == name))
            .await
            .map(control)
    }

    /// The next data frame: stream number, keyframe, payload.
    pub async fn next_frame(&mut self) -> anyhow::Result<(u32, bool, Bytes)> {
        match self.find(|heard| matches!(heard, Heard::Frame(..))).await? {
            Heard::Frame(stream, keyframe, payload) => Ok((stream, keyframe, payload)),
            Heard::Control(_) => bail!("a frame was found"),
        }
    }

    /// Everything that was received and not returned yet.
    pub fn unheard(&self) -> impl Iterator<Item = &Heard> {
        self.heard.iter()
    }

    /// How the connection ends; what arrives until then is kept.
    pub async fn closed(&mut self) -> anyhow::Result<Closed> {
        while self.closed.is_none() {
            if let Some(heard) = self.receive().await? {
                self.heard.push_back(heard);
            }
        }
        self.closed.clone().context("closed")
    }

    async fn receive(&mut self) -> anyhow::Result<Option<Heard>> {
        if self.closed.is_some() {
            return Ok(None);
        }
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let next = next.with_context(|| format!("nothing came; unheard: {:?}", self.heard))?;
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Ok(Some(Heard::Control(serde_json::from_str(&text)?)));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let (header, payload) = FrameHeader::parse(&bytes)?;
                    return Ok(Some(Heard::Frame(
                        header.stream,
                        header.keyframe,
                        bytes.slice_ref(payload),
                    )));
                }
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame
                        .map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    self.closed = Some(Closed { code, reason });
                    // The library answers the close.
                    let _ = self.socket.next().await;
                    return Ok(None);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.closed = Some(Closed { code: 0, reason: String::new() });
                    return Ok(None);
                }
            }
        }
    }
}

fn control(heard: Heard) -> Value {
    match heard {
        Heard::Control(value) => value,
        Heard::Frame(..) => Value::Null,
    }
}

/// Sends one HTTP GET; returns the complete answer with its head.
pub async fn http_get(to: SocketAddr, path: &str) -> anyhow::Result<String> {
    http(to, &format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")).await
}

/// Sends one raw HTTP request; returns the complete answer with its head.
pub async fn http(to: SocketAddr, request: &str) -> anyhow::Result<String> {
    let mut tcp = TcpStream::connect(to).await?;
    tcp.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
