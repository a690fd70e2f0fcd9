//! The wire between a member and the relay, as `spec/wire.md` rules it: what may be said, in what
//! shape, how large, and what each refusal and each close means. Pure: no socket, no clock.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `request::parse`: one text message becomes a request, or the reason why it is none.
//! 2. [`request`]: what a member asks (`op`).
//! 3. `request::from`: where reading goes on.
//! 4. `request::fields`: how fields of requests are read: lists of a bounded length, and `null` as absent.
//! 5. `request::refused`: a text message that is no request, and why.
//! 6. `request::act`: what a `moderate` request asks for.
//! 7. [`reply`]: what the relay answers (`re`).
//! 8. [`event`]: what the relay says unasked (`ev`).
//! 9. `request::to`: the receivers of a message.
//! 10. [`frame`]: the six bytes before the payload of every data frame.
//! 11. [`member`]: how a member and a stream are described to others.
//! 12. [`close`]: the one table of close codes, each with what to do next.
//! 13. [`code`]: the stable code of every refused request.
//! 14. [`name`]: names of streams, state keys and topics, valid by construction.
//! 15. [`depth`]: how deep JSON goes.
//! 16. [`rate`]: what a rate means.
//! 17. [`limits`]: every limit by name, with its default.
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
