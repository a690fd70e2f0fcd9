#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `request::parse`: parses one text message into a request.
//! 2. [`request`]: the requests of a member (`op`).
//! 3. `request::ops`: from the list of operations, the requests and their `op` as types.
//! 4. `request::from`: where reading a stream continues.
//! 5. `request::fields`: reads fields of requests.
//! 6. `request::refused`: why a text message is not a request.
//! 7. `request::act`: what a `moderate` request asks for.
//! 8. [`reply`]: the relay's answers (`re`).
//! 9. [`event`]: events, which the relay sends unasked (`ev`).
//! 10. `request::to`: the receivers of a message.
//! 11. [`frame`]: the header of data frames.
//! 12. [`member`]: how members and streams are described to others.
//! 13. [`close`]: close codes, each with what to do next.
//! 14. [`code`]: the stable codes of refused requests.
//! 15. [`name`]: names of streams, state keys and topics.
//! 16. [`depth`]: how deeply JSON is nested.
//! 17. [`rate`]: rates with bursts.
//! 18. [`limits`]: every limit by name, with its default.

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
