//! The wire between a member and the relay, as `spec/wire.md` rules it: what may be said, in what
//! shape, how large, and what each refusal and each close means. Pure: no socket, no clock.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`request`]: what a member asks (`op`).
//! 2. [`reply`]: what the relay answers (`re`).
//! 3. [`event`]: what the relay says unasked (`ev`).
//! 4. [`frame`]: the six bytes before the payload of every data frame.
//! 5. [`member`]: how a member and a stream are described to others.
//! 6. [`close`]: the one table of close codes, each with what to do next.
//! 7. [`code`]: the stable code of every refused request.
//! 8. [`name`]: names of streams, state keys and topics, valid by construction.
//! 9. [`depth`]: how deep JSON goes.
//! 10. [`rate`]: what a rate means.
//! 11. [`limits`]: every limit by name, with its default.
//!
//! Tokens are opaque here; `stagedoor-token` knows them.

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
