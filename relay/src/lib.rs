//! The relay: one door, rooms and streams. It takes connections off the shared port, checks the token
//! each one brings, gives it a seat in a room, and passes frames from those who publish to those who
//! subscribe. It never touches a database: what it knows comes over the bus.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`relay`]: the whole: what it is made of, how it starts, answers the server, and goes away.
//! 2. [`answer`]: the server's commands, carried out.
//! 1. [`clock`]: watches the calendar, which seats follow.
//! 2. [`listener`]: accepts; counts connections; TLS.
//! 3. [`handshake`]: the request head: an upgrade, or somebody else's request.
//! 4. [`connection`]: one task, one socket: reads, asks, gathers, writes.
//! 5. [`session`]: one member's requests, decided and carried out in its room.
//! 6. [`login`]: the door asked, the seat taken, both told.
//! 7. [`removal`]: a user kicked or banned, once that is stored.
//! 8. [`door`]: the one decision whether a token opens a room.
//! 9. [`proof`]: the proof that a member holds the key to which its token is bound. Pure.
//! 10. [`tickets`]: what logs in again in place of a token that logs in once.
//! 11. [`shared`]: what every connection of the relay has in common.
//! 12. [`seat`]: a member's place in a room: its cursors, its mail; leaving is its `Drop`.
//! 13. [`rooms`]: every room by app and name.
//! 14. [`room`]: members, presence, events, streams and state of one room.
//! 15. [`standing`]: what a user was given in a room beside its token, and what results of both. Pure.
//! 16. [`pass`]: what of a token counts in the seat that it opened.
//! 17. [`stream`]: one published stream.
//! 18. [`feed`]: a log that many read, and who of them waits for more.
//! 19. [`log`]: frames in order, bounded by bytes and age. Pure.
//! 20. [`mail`]: the wake-up handle by which rooms and streams reach a connection.
//! 21. [`batch`]: what goes to the socket next, in few writes.
//! 22. [`encode`]: the bytes of a server's WebSocket frame.
//! 23. [`tls`]: certificates, and their renewal while running.
//! 24. [`io`]: a connection with or without TLS.
//! 25. [`memory`]: whether the process has too much memory for anybody new.
//! 26. [`addresses`]: how many connections there are from each address.
//! 27. [`metrics`]: what the relay counts.
//!
//! Outside of the list, and only with the feature `bench`: `bench`, the hot paths laid open to those who
//! count their instructions.

mod addresses;
mod answer;
mod batch;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod clock;
mod connection;
mod door;
mod encode;
mod feed;
mod handshake;
mod io;
mod listener;
mod log;
mod login;
mod mail;
mod memory;
mod metrics;
mod pass;
mod proof;
mod relay;
mod removal;
mod room;
mod rooms;
mod seat;
mod session;
mod shared;
mod standing;
mod stream;
mod tickets;
mod tls;

pub use door::{Admission, Denied, Presented, Proven, door};
pub use io::Io;
pub use listener::OtherHttp;
pub use proof::ProofError;
pub use relay::{Config, Relay};
pub use tls::{TlsError, TlsFiles};
