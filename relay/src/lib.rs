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
//! 5. `port::listener`: accepts and counts connections; TLS.
//! 6. `port::handshake`: a connection's first request: an upgrade, or a request for the HTTP API.
//! 7. `port::upgrade`: the one decision what an upgrade comes to, first request or later.
//! 8. `port::head`: the head of a request for the relay's path. Pure.
//! 9. `port::clients`: who a connection and a request come from, and whether there is a place for them.
//! 10. `port::forwarded`: what trusted proxies say of their clients in heads. Pure.
//! 11. `port::proxy_header`: what they say in front of a connection.
//! 12. [`connection`]: one task, one socket: reads, asks, gathers, writes.
//! 13. `connection::reading`: what comes over the socket.
//! 14. `connection::writing`: what goes to the socket.
//! 15. `connection::timing`: what a connection does by the clock.
//! 16. `connection::task`: a connection as its task has it, from phase to phase.
//! 17. `connection::login`: a connection without a seat.
//! 18. `connection::turn`: the wake rules of a connection's task. Pure.
//! 19. `connection::token_timers`: what a token's times ask of a seat.
//! 20. `connection::deadlines`: when a connection must act without anything coming.
//! 21. `connection::ws_io`: what tungstenite reads from and writes to.
//! 22. `connection::frames`: heads of a client's frames, judged as they pass. Pure.
//! 23. [`session`]: one member's requests, decided and carried out in its room.
//! 24. `session::streams`: requests about streams.
//! 25. `session::messages`: requests about members and what they share.
//! 26. `session::ask`: what members ask for, and whom they invite.
//! 27. `session::moderate`: acts of moderation.
//! 28. `session::admit`: many who wait let in by one request of a member.
//! 29. `session::renew`: a new token for the same seat.
//! 30. `session::requester`: the member as it makes requests.
//! 31. `session::replies`: answers and refusals.
//! 32. `session::rates`: how often and how much a member asks and publishes. Pure.
//! 33. `session::login`: the door asked, the seat taken.
//! 34. `session::removal`: a user kicked or banned, once that is stored.
//! 35. `session::admission`: those who wait let in, many by one request.
//! 36. `session::enter`: a seat is taken with what the door allowed.
//! 37. `session::subscribe`: a seat subscribes to streams.
//! 38. `session::grant_updates`: a seat takes notice of its letters.
//! 39. `session::gather`: a seat reads its logs into an outbox.
//! 40. `session::paging`: long lists go to a seat's outbox a page at a time.
//! 41. `session::seat`: a member's place in a room; leaving is its `Drop`.
//! 42. `session::list_pages`: what of long lists is still to be sent to a seat.
//! 43. `session::cursors`: a seat's cursors, by number and by name.
//! 44. `session::subscriptions`: what a seat subscribes to.
//! 45. `session::own_streams`: the streams that a member publishes.
//! 46. [`shared`]: what every connection of the relay has in common.
//! 47. [`door`]: the one decision whether a token opens a room.
//! 48. `door::proof`: the proof that a member holds the key to which its token is bound. Pure.
//! 49. `door::tickets`: what logs in again in place of a token that logs in once.
//! 50. `door::login_rates`: how often one token and one address may log in.
//! 51. [`room`]: members, events, streams and state of one room.
//! 52. `room::registry`: every room by app and name.
//! 53. `room::entry`: coming and going.
//! 54. `room::change`: a member's grants change.
//! 55. `room::asking`: members ask for a role or wait for admission.
//! 56. `room::publish`: streams begin, are found and end.
//! 57. `room::messages`: messages between members, and the room's state.
//! 58. `room::lists`: the room's lists, a page at a time.
//! 59. `room::queries`: who and what is in a room.
//! 60. `room::core`: the room itself: its registries under one lock.
//! 61. `room::roster`: the members, by user and by who may see them.
//! 62. `room::interests`: which seats wait for which stream names.
//! 63. `room::inbox`: what a room has for one member alone.
//! 64. `room::rest`: what of a room's lists is still to be sent to one member.
//! 65. `room::streams`: the live streams, by number and by name.
//! 66. `room::events`: what a room says to its members.
//! 67. `room::views`: the room's events as members of equal sight see them.
//! 68. `room::presence`: joins and leaves that wait to be said. Pure.
//! 69. `room::requests`: what members ask for, and who decides it. Pure.
//! 70. `room::state`: the room's shared state. Pure.
//! 71. `room::paging`: how much of a list goes into one message. Pure.
//! 72. `room::trail`: what a room reports to the server, which records it.
//! 73. `room::member`: a member as its room knows it. Pure.
//! 74. `room::overrides`: what a user was given in a room beside its token. Pure.
//! 75. `room::seat_token`: what of a token counts in its seat. Pure.
//! 76. [`log`]: a stream is a log, a subscriber is a cursor.
//! 77. `log::stream`: one published stream.
//! 78. `log::feed`: a log that many read, and which of them wait for more.
//! 79. `log::segments`: frames in order, bounded by bytes and age. Pure.
//! 80. `log::wakes`: readers to be woken, some at a time.
//! 81. `log::mailbox`: the wake-up handle by which feeds, rooms and timers reach a connection.
//! 82. `log::encode`: the bytes of a server's WebSocket frame.
//! 83. [`net`]: bytes in and out.
//! 84. `net::outbox`: what goes to the socket next, in few writes.
//! 85. `net::tls`: certificates, and their renewal while running.
//! 86. `net::io`: a connection with or without TLS.
//! 87. `net::addresses`: how many connections there are from each address.
//! 88. `net::origin`: web pages that may connect, as browsers name them. Pure.
//! 89. [`memory`]: whether the process has too much memory for new members.
//! 90. [`metrics`]: what the relay counts.
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

pub use door::{Admission, Denied, Presented, ProofError, Proven, door};
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
