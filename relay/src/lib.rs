//! The relay: one door, rooms and streams. It takes connections off the shared port, checks the token
//! each one brings, gives it a seat in a room, and passes frames from those who publish to those who
//! subscribe. It never touches a database: what it knows comes over the bus.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`relay`]: the whole: what it is made of, how it starts, and how it goes away.
//! 2. [`commands`]: the server's commands, carried out.
//! 3. [`clock`]: watches the calendar, which seats follow.
//! 4. [`port`]: from the shared port to a WebSocket.
//! 5. [`port::listener`]: accepts and counts connections; TLS.
//! 6. [`port::handshake`]: a connection's first request: an upgrade, or a request for the HTTP API.
//! 7. [`port::upgrade`]: the one decision what an upgrade comes to, first request or later.
//! 8. [`port::head`]: the head of a request for the relay's path. Pure.
//! 9. [`port::clients`]: who a connection and a request come from, and whether there is a place for them.
//! 10. [`port::forwarded`]: what trusted proxies say of their clients in heads. Pure.
//! 11. [`port::proxy_header`]: what they say in front of a connection.
//! 12. [`connection`]: one task, one socket: reads, asks, gathers, writes.
//! 13. [`connection::turn`]: what one turn of the task does.
//! 14. [`connection::login`]: the login of a connection.
//! 15. [`connection::deadlines`]: what a connection does by the clock.
//! 16. [`connection::ws_io`]: what tungstenite reads from and writes to.
//! 17. [`connection::frames`]: heads of a client's frames, judged as they pass. Pure.
//! 18. [`session`]: one member's requests, decided and carried out in its room.
//! 19. [`session::admit`]: those who wait let in, many by one request of a member.
//! 20. [`session::ask`]: what members ask for, and whom they invite.
//! 21. [`session::moderate`]: acts of moderation.
//! 22. [`session::renew`]: a new token for the same seat.
//! 23. [`session::later`]: an answer that comes when something is stored.
//! 24. [`session::login`]: the door asked, the seat taken.
//! 25. [`session::removal`]: a user kicked or banned, once that is stored.
//! 26. [`session::admission`]: those who wait let in.
//! 27. [`session::seat`]: a member's place in a room; leaving is its `Drop`.
//! 28. [`session::seat::enter`]: a seat taken with what the door allowed.
//! 29. [`session::seat::pages`]: what of long lists is still to be told to a seat.
//! 30. [`session::subscriptions`]: what a seat subscribes to.
//! 31. [`shared`]: what every connection of the relay has in common.
//! 32. [`door`]: the one decision whether a token opens a room.
//! 33. [`door::proof`]: the proof that a member holds the key to which its token is bound. Pure.
//! 34. [`door::tickets`]: what logs in again in place of a token that logs in once.
//! 35. [`door::login_rates`]: how often one token and one address may log in.
//! 36. [`room`]: members, presence, events, streams and state of one room.
//! 37. [`room::registry`]: every room by app and name.
//! 38. [`room::entry`]: coming and going.
//! 39. [`room::change`]: a member's grants change.
//! 40. [`room::queries`]: who and what is in a room.
//! 41. [`room::pages`]: the room's lists, a page at a time.
//! 42. [`room::requests`]: what members ask for.
//! 43. [`room::inbox`]: what a room has for one member alone.
//! 44. [`room::views`]: the room's events as members of equal sight see them.
//! 45. [`room::roster`]: the members of a room.
//! 46. [`room::presence`]: joins and leaves that members were not told of yet. Pure.
//! 47. [`room::interests`]: which seats wait for which stream names.
//! 48. [`room::state`]: the room's shared state. Pure.
//! 49. [`room::trail`]: what a room tells the audit trail.
//! 50. [`room::overrides`]: what a user was given in a room beside its token. Pure.
//! 51. [`room::seat_token`]: what of a token counts in its seat.
//! 52. [`log`]: a stream is a log, a subscriber is a cursor.
//! 53. [`log::stream`]: one published stream.
//! 54. [`log::feed`]: a log that many read, and which of them wait for more.
//! 55. [`log::segments`]: frames in order, bounded by bytes and age. Pure.
//! 56. [`log::mailbox`]: the wake-up handle by which rooms and streams reach a connection.
//! 57. [`log::encode`]: the bytes of a server's WebSocket frame.
//! 58. [`net`]: bytes in and out.
//! 59. [`net::outbox`]: what goes to the socket next, in few writes.
//! 60. [`net::tls`]: certificates, and their renewal while running.
//! 61. [`net::io`]: a connection with or without TLS.
//! 62. [`net::addresses`]: how many connections there are from each address.
//! 63. [`net::origin`]: web pages that may connect, as browsers name them. Pure.
//! 64. [`memory`]: whether the process has too much memory for anybody new.
//! 65. [`metrics`]: what the relay counts.
//!
//! Outside of the list, and only with the feature `bench`: `bench`, the hot paths laid open to those who
//! count their instructions.

#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod clock;
mod commands;
mod connection;
mod door;
mod log;
mod memory;
mod metrics;
mod net;
mod port;
mod relay;
mod room;
mod session;
mod shared;

pub use door::{Admission, Denied, Presented, Proven, door, proof::ProofError};
pub use net::{
    addresses::Peer,
    io::{Io, Socket},
    origin::{Origin, OriginError},
    tls::{TlsError, TlsFiles},
};
pub use port::{
    clients::{Client, Source},
    forwarded::{ClientAddress, Network, NetworkError, Proxies},
    head::is_host,
    listener::{Listening, OtherHttp},
    upgrade::Opening,
};
pub use relay::{Config, Relay};
