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
//! 5. [`handshake`]: a connection's first request: an upgrade, or somebody else's.
//! 6. [`upgrade`]: the one decision what an upgrade comes to, first request or later.
//! 7. [`connection`]: one task, one socket: reads, asks, gathers, writes.
//! 8. [`session`]: one member's requests, decided and carried out in its room.
//! 9. [`login`]: the door asked, the seat taken, both told.
//! 10. [`removal`]: a user kicked or banned, once that is stored.
//! 11. [`admission`]: those who wait let in, many by one request.
//! 12. [`door`]: the one decision whether a token opens a room.
//! 13. [`proof`]: the proof that a member holds the key to which its token is bound. Pure.
//! 14. [`tickets`]: what logs in again in place of a token that logs in once.
//! 15. [`login_rates`]: how often one token and one address may log in.
//! 16. [`shared`]: what every connection of the relay has in common.
//! 17. [`seat`]: a member's place in a room: its cursors, its mail; leaving is its `Drop`.
//! 18. [`rooms`]: every room by app and name.
//! 19. [`room`]: members, presence, events, streams and state of one room.
//! 20. [`standing`]: what a user was given in a room beside its token, and what results of both. Pure.
//! 21. [`pass`]: what of a token counts in the seat that it opened.
//! 22. [`stream`]: one published stream.
//! 23. [`feed`]: a log that many read, and who of them waits for more.
//! 24. [`log`]: frames in order, bounded by bytes and age. Pure.
//! 25. [`mail`]: the wake-up handle by which rooms and streams reach a connection.
//! 26. [`batch`]: what goes to the socket next, in few writes.
//! 27. [`head`]: the head of a request for the relay's path. Pure.
//! 28. [`encode`]: the bytes of a server's WebSocket frame.
//! 29. [`tls`]: certificates, and their renewal while running.
//! 30. [`io`]: a connection with or without TLS.
//! 31. [`memory`]: whether the process has too much memory for anybody new.
//! 32. [`clients`]: whose connection and whose request it is, and whether there is a place for it.
//! 33. [`forwarded`]: what trusted proxies say of their clients in heads. Pure.
//! 34. [`proxy_header`]: what they say in front of a connection.
//! 35. [`addresses`]: how many connections there are from each address.
//! 36. [`origin`]: web pages that may connect, as browsers name them. Pure.
//! 37. [`metrics`]: what the relay counts.
//!
//! Outside of the list, and only with the feature `bench`: `bench`, the hot paths laid open to those who
//! count their instructions.

mod addresses;
mod admission;
mod answer;
mod batch;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod clients;
mod clock;
mod connection;
mod door;
mod encode;
mod feed;
mod forwarded;
mod handshake;
mod head;
mod io;
mod listener;
mod log;
mod login;
mod login_rates;
mod mail;
mod memory;
mod metrics;
mod origin;
mod pass;
mod proof;
mod proxy_header;
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
mod upgrade;

pub use addresses::Peer;
pub use clients::{Client, Source};
pub use door::{Admission, Denied, Presented, Proven, door};
pub use forwarded::{ClientAddress, Network, NetworkError, Proxies};
pub use head::is_host;
pub use io::{Io, Socket};
pub use listener::{Listening, OtherHttp};
pub use origin::{Origin, OriginError};
pub use proof::ProofError;
pub use relay::{Config, Relay};
pub use tls::{TlsError, TlsFiles};
pub use upgrade::Opening;
