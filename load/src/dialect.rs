//! How a member talks to a server: Stagedoor's own wire, the plain WebSocket broadcast that other engines are set up
//! for, and NATS lines inside a WebSocket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use stagedoor_token::{Claims, Key, RoleName, mint};
use stagedoor_wire::{CONNECT_PATH, SUBPROTOCOL, frame::FrameHeader};

use crate::{
    error::LoadError,
    frames::{BINARY, TEXT, put_client_frame},
    process::Process,
    reader::Framing,
};

/// A server under load.
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The dialect it understands.
    pub dialect: Dialect,
    /// Its process, if it is on this machine.
    pub process: Option<Process>,
    /// Cores that it may use.
    pub cores: u32,
    /// How long the server may be silent, and how long any step of the set-up may take.
    pub patience: Duration,
}

/// A dialect.
#[derive(Clone)]
pub enum Dialect {
    /// `stagedoor.v1`, with real tokens.
    Stagedoor(Minter),
    /// A WebSocket at `/room/<name>`: every binary message goes to all other members. The first text message contains
    /// the login's token and is answered with a text message.
    Plain {
        /// Mints a login's token, for servers that check one.
        minter: Option<Minter>,
    },
    /// `nats-server`'s WebSocket listener, with a subject as the room.
    Nats {
        /// The `auth_token`, if the server requires one.
        token: Option<String>,
    },
}

/// Mints tokens for members. Clones share the counter, so that no id is used twice.
#[derive(Clone)]
pub struct Minter {
    key: Key,
    count: Arc<AtomicU64>,
}

/// Lifetime of a run's tokens, in seconds.
const TTL_S: u64 = 3_600;

impl Minter {
    /// A minter with a current key.
    pub fn new(key: Key) -> Self {
        Self { key, count: Arc::default() }
    }

    /// A token with a new id.
    pub fn mint(&self, room: &str, user: &str, role: &RoleName) -> Result<String, LoadError> {
        let now_s =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
        let jti = format!("load-{}", self.count.fetch_add(1, Ordering::Relaxed));
        let claims = Claims::builder(self.key.app(), role.clone())
            .room(room)
            .user(user)
            .jti(&jti)
            .lifetime(now_s, TTL_S)
            .build();
        mint(&claims, &self.key).map_err(|error| LoadError::Option(error.to_string()))
    }
}

/// A member that connects.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) publishes: bool,
    pub(crate) hears: bool,
    /// What happens when its subscribers fall behind, if the server lets publishers choose.
    pub(crate) delivery: &'static str,
    /// The kernel's receive buffer, so that a slow reader blocks the server; `None`: the kernel's choice.
    pub(crate) receive_buffer_bytes: Option<usize>,
}

fn role(who: &Who) -> Result<RoleName, LoadError> {
    let name = if who.publishes { "host" } else { "audience" };
    name.parse().map_err(|_| LoadError::Option(format!("{name} is not a role")))
}

impl Dialect {
    /// Its name in results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stagedoor(_) => "stagedoor",
            Self::Plain { .. } => "plain",
            Self::Nats { .. } => "nats",
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        match self {
            Self::Stagedoor(_) => {
                Framing::Frame { skip: stagedoor_wire::frame::FRAME_HEADER_BYTES }
            }
            Self::Plain { .. } => Framing::Frame { skip: 0 },
            Self::Nats { .. } => Framing::Nats,
        }
    }

    /// The request head of the upgrade.
    pub(crate) fn head(&self, room: &str) -> String {
        let path = match self {
            Self::Stagedoor(_) => CONNECT_PATH.to_owned(),
            Self::Plain { .. } => format!("/room/{room}"),
            Self::Nats { .. } => "/".to_owned(),
        };
        let protocol = match self {
            Self::Stagedoor(_) => format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"),
            _ => String::new(),
        };
        format!(
            "GET {path} HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        )
    }

    /// The login message, as a client's frame.
    pub(crate) fn login(&self, who: &Who) -> Result<Vec<u8>, LoadError> {
        let (opcode, text) = match self {
            Self::Stagedoor(minter) => {
                let token = minter.mint(&who.room, &who.user, &role(who)?)?;
                (TEXT, format!(r#"{{"op":"login","id":1,"token":"{token}"}}"#))
            }
            Self::Plain { minter: None } => (TEXT, "login".into()),
            Self::Plain { minter: Some(minter) } => {
                (TEXT, minter.mint(&who.room, &who.user, &role(who)?)?)
            }
            Self::Nats { token } => {
                let token = token.as_deref().map(|token| format!(r#","auth_token":"{token}""#));
                let token = token.unwrap_or_default();
                (BINARY, format!("CONNECT {{\"verbose\":false,\"echo\":false{token}}}\r\nPING\r\n"))
            }
        };
        let mut frame = Vec::with_capacity(text.len() + 16);
        put_client_frame(&mut frame, opcode, &[text.as_bytes()]);
        Ok(frame)
    }

    /// Whether a server's message accepts the login; `None`: it says nothing about it.
    pub(crate) fn is_logged_in(&self, message: &[u8]) -> Option<bool> {
        match self {
            Self::Stagedoor(_) => {
                message.starts_with(br#"{"re":1,"#).then(|| message[8..].starts_with(b"\"ok\""))
            }
            Self::Plain { .. } => Some(message.starts_with(b"ok")),
            Self::Nats { .. } if message.windows(4).any(|four| four == b"PONG") => Some(true),
            Self::Nats { .. } => message.windows(4).any(|four| four == b"-ERR").then_some(false),
        }
    }

    /// The message that renews a seat with a new token, as a client's frame; `None` if the dialect has none.
    pub(crate) fn renew(&self, who: &Who) -> Result<Option<Vec<u8>>, LoadError> {
        let Self::Stagedoor(minter) = self else { return Ok(None) };
        let token = minter.mint(&who.room, &who.user, &role(who)?)?;
        let text = format!(r#"{{"op":"renew","id":2,"token":"{token}"}}"#);
        let mut frame = Vec::with_capacity(text.len() + 16);
        put_client_frame(&mut frame, TEXT, &[text.as_bytes()]);
        Ok(Some(frame))
    }

    /// Whether a server's message accepts the new token; `None`: it says nothing about it.
    pub(crate) fn is_renewed(&self, message: &[u8]) -> Option<bool> {
        message.starts_with(br#"{"re":2,"#).then(|| message[8..].starts_with(b"\"ok\""))
    }

    /// Appends a frame that publishes a payload with these parts.
    pub(crate) fn put_publish(
        &self,
        out: &mut Vec<u8>,
        room: &str,
        number: u32,
        payload: [&[u8]; 2],
    ) {
        let [mark, filling] = payload;
        match self {
            Self::Stagedoor(_) => {
                let header = FrameHeader { keyframe: true, stream: number }.to_bytes();
                put_client_frame(out, BINARY, &[&header, mark, filling]);
            }
            Self::Plain { .. } => put_client_frame(out, BINARY, &[mark, filling]),
            Self::Nats { .. } => {
                let line = format!("PUB {room} {}\r\n", mark.len() + filling.len());
                put_client_frame(out, BINARY, &[line.as_bytes(), mark, filling, b"\r\n"]);
            }
        }
    }
}
