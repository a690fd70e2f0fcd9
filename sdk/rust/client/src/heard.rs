//! Reads one message of the relay. Pure.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use stagedoor_wire::{
    event::Event,
    frame::FrameHeader,
    reply::{Outcome, Refusal, Reply},
};
use tokio_tungstenite::tungstenite::Message;

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The relay closed, or the connection broke (code 0).
    Closed { code: u16, reason: String },
    /// The application let go of every handle.
    LetGo,
}

/// The connection broke.
pub(crate) fn broke() -> End {
    End::Closed { code: 0, reason: String::new() }
}

/// One message of the relay.
pub(crate) enum Said {
    Reply(u64, Result<Value, Refusal>),
    Event(Box<Event<Value>>),
    Frame(FrameHeader, Bytes),
    Nothing,
}

#[derive(Deserialize)]
struct Head {
    ev: Option<String>,
}

pub(crate) fn said(message: Message) -> Result<Said, End> {
    match message {
        Message::Text(text) => {
            let head: Head = serde_json::from_str(&text).map_err(|_| broke())?;
            if head.ev.is_some() {
                // An event that this version does not know is passed over.
                return Ok(serde_json::from_str(&text)
                    .map_or(Said::Nothing, |event| Said::Event(Box::new(event))));
            }
            let reply: Reply<Value> = serde_json::from_str(&text).map_err(|_| broke())?;
            let outcome = match reply.outcome {
                Outcome::Ok(value) => Ok(value),
                Outcome::Error(refusal) => Err(refusal),
            };
            Ok(reply.re.map_or(Said::Nothing, |re| Said::Reply(re, outcome)))
        }
        Message::Binary(bytes) => {
            let (header, payload) = FrameHeader::parse(&bytes).map_err(|_| broke())?;
            Ok(Said::Frame(header, bytes.slice_ref(payload)))
        }
        Message::Close(frame) => Err(frame.map_or_else(broke, |frame| End::Closed {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        })),
        _ => Ok(Said::Nothing),
    }
}
