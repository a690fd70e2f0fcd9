#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `request::parse`: parses one text message into a request.
//! 2. [`request`]: the requests of a member (`op`).
//! 3. `request::from`: where reading a stream continues.
//! 4. `request::fields`: reads fields of requests.
//! 5. `request::refused`: why a text message is not a request.
//! 6. `request::act`: what a `moderate` request asks for.
//! 7. [`reply`]: the relay's answers (`re`).
//! 8. [`event`]: events, which the relay sends unasked (`ev`).
//! 9. `request::to`: the receivers of a message.
//! 10. [`frame`]: the header of data frames.
//! 11. [`member`]: how members and streams are described to others.
//! 12. [`close`]: close codes, each with what to do next.
//! 13. [`code`]: the stable codes of refused requests.
//! 14. [`name`]: names of streams, state keys and topics.
//! 15. [`depth`]: how deeply JSON is nested.
//! 16. [`rate`]: rates with bursts.
//! 17. [`limits`]: every limit by name, with its default.

pub mod close;
pub mod code;
pub mod depth;
pub mod event;
pub mod frame;
pub mod limits;
pub mod member;
pub mod name;
pub mod rate;
pub mod reply;
pub mod request;

/// The WebSocket subprotocol that names this version of the wire.
pub const SUBPROTOCOL: &str = "stagedoor.v1";

/// The path, on the shared port, at which a client connects.
pub const CONNECT_PATH: &str = "/v1/connect";
