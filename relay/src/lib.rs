//! The relay: one door, rooms and streams. It takes connections off the shared port, checks the token
//! each one brings, gives it a seat in a room, and passes frames from those who publish to those who
//! subscribe. It never touches a database: what it knows comes over the bus.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`relay`]: the whole: what it is made of, how it starts, answers the server, and goes away.
//! 2. [`answer`]: the server's commands, carried out.
//! 3. [`clock`]: watches the calendar, which seats follow.
//! 4. [`listener`]: accepts; counts connections; TLS.
//! 5. [`handshake`]: the request head: an upgrade, or somebody else's request.
//! 6. [`connection`]: one task, one socket: reads, asks, gathers, writes.
//! 7. [`session`]: one member's requests, decided and carried out in its room.
//! 8. [`login`]: the door asked, the seat taken, both told.
//! 9. [`removal`]: a user kicked or banned, once that is stored.
//! 10. [`door`]: the one decision whether a token opens a room.
//! 11. [`proof`]: the proof that a member holds the key to which its token is bound. Pure.
//! 12. [`tickets`]: what logs in again in place of a token that logs in once.
//! 13. [`shared`]: what every connection of the relay has in common.
//! 14. [`seat`]: a member's place in a room: its cursors, its mail; leaving is its `Drop`.
//! 15. [`rooms`]: every room by app and name.
//! 16. [`room`]: members, presence, events, streams and state of one room.
//! 17. [`standing`]: what a user was given in a room beside its token, and what results of both. Pure.
//! 18. [`pass`]: what of a token counts in the seat that it opened.
//! 19. [`stream`]: one published stream.
//! 20. [`feed`]: a log that many read, and who of them waits for more.
//! 21. [`log`]: frames in order, bounded by bytes and age. Pure.
//! 22. [`mail`]: the wake-up handle by which rooms and streams reach a connection.
//! 23. [`batch`]: what goes to the socket next, in few writes.
//! 24. [`encode`]: the bytes of a server's WebSocket frame.
//! 25. [`tls`]: certificates, and their renewal while running.
//! 26. [`io`]: a connection with or without TLS.
//! 27. [`addresses`]: how many connections there are from each address.
//! 28. [`metrics`]: what the relay counts.
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
