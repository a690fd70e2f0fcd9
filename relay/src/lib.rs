//! The relay: one door, rooms and streams. It accepts connections on the shared port, checks each one's token, gives it
//! a seat in a room, and forwards frames from publishers to subscribers. It never touches a database: what it knows
//! comes over the bus.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`relay`]: the relay as a whole: its parts, how it starts, and how it shuts down.
//! 2. [`commands`]: executes the server's commands.
//! 3. [`clock`]: watches the wall clock, which seats follow.
//! 4. [`port`]: from the shared port to a WebSocket.
//! 5. `port::listener`: accepts and counts connections; TLS.
//! 6. `port::handshake`: a connection's first request: an upgrade, or a request for the HTTP API.
//! 7. `port::upgrade`: decides about an upgrade, as the first request or later.
//! 8. `port::head`: the head of a request for the relay's path. Pure.
//! 9. `port::clients`: the client of a connection or a request, and whether there is room for it.
//! 10. `port::forwarded`: clients that trusted proxies name in request heads. Pure.
//! 11. `port::proxy_header`: clients that trusted proxies name in front of a connection.
//! 12. [`connection`]: one task owns one socket: reads, passes requests on, gathers, writes.
//! 13. `connection::reading`: reads from the socket.
//! 14. `connection::writing`: writes to the socket.
//! 15. `connection::timing`: handles a connection's deadlines.
//! 16. `connection::task`: a connection as its task sees it, and its phases.
//! 17. `connection::login`: the phase before a seat.
//! 18. `connection::turn`: the wake rules of a connection's task. Pure.
//! 19. `connection::token_timers`: what a token's times require of a seat.
//! 20. `connection::deadlines`: when a connection must act without input.
//! 21. `connection::ws_io`: what tungstenite reads from and writes to.
//! 22. `connection::frames`: checks the heads of a client's frames as they arrive. Pure.
//! 23. [`session`]: a member's requests, decided and executed in its room.
//! 24. `session::streams`: requests about streams.
//! 25. `session::messages`: requests about messages, state and members.
//! 26. `session::ask`: members' requests for roles and admission, and invitations.
//! 27. `session::moderate`: acts of moderation.
//! 28. `session::admit`: a member admits many with one request.
//! 29. `session::renew`: a new token for the same seat.
//! 30. `session::requester`: the member that makes a request.
//! 31. `session::replies`: answers and refusals.
//! 32. `session::rates`: how often and how much a member may request and publish. Pure.
//! 33. `session::login`: passes the door and gets a seat.
//! 34. `session::removal`: kicks or bans a user, once that is stored.
//! 35. `session::admission`: admits waiting members, many per request.
//! 36. `session::enter`: takes a seat with what the door allowed.
//! 37. `session::subscribe`: a seat subscribes to streams.
//! 38. `session::grant_updates`: a seat handles its letters.
//! 39. `session::gather`: a seat reads its logs into an outbox.
//! 40. `session::paging`: long lists go to a seat's outbox a page at a time.
//! 41. `session::seat`: a member's place in a room; leaving is its `Drop`.
//! 42. `session::list_pages`: the parts of long lists not yet sent to a seat.
//! 43. `session::cursors`: a seat's cursors, by number and by name.
//! 44. `session::subscriptions`: a seat's subscriptions.
//! 45. `session::own_streams`: the streams that a member publishes.
//! 46. [`shared`]: what all connections of the relay share.
//! 47. [`door`]: decides whether a token opens a room.
//! 48. `door::proof`: the proof that a client holds the key to which its token is bound. Pure.
//! 49. `door::tickets`: replace a one-time token for later logins.
//! 50. `door::login_rates`: limits how often one token and one address may log in.
//! 51. [`room`]: members, events, streams and state of one room.
//! 52. `room::registry`: every room by app and name.
//! 53. `room::entry`: members enter and leave.
//! 54. `room::change`: changes a member's grants.
//! 55. `room::asking`: members request a role or wait for admission.
//! 56. `room::publish`: streams begin, are found and end.
//! 57. `room::messages`: messages between members, and the room's state.
//! 58. `room::lists`: the room's lists, a page at a time.
//! 59. `room::queries`: who and what is in a room.
//! 60. `room::core`: the room itself: its registries under one lock.
//! 61. `room::roster`: the members, by user and by visibility.
//! 62. `room::interests`: which seats wait for which stream names.
//! 63. `room::inbox`: what a room sends to one member alone.
//! 64. `room::rest`: the parts of a room's lists not yet sent to one member.
//! 65. `room::streams`: the live streams, by number and by name.
//! 66. `room::events`: the room's events to its members.
//! 67. `room::views`: the room's events as members with equal visibility see them.
//! 68. `room::presence`: joins and leaves that are not announced yet. Pure.
//! 69. `room::requests`: members' requests, and who may decide them. Pure.
//! 70. `room::state`: the room's shared state. Pure.
//! 71. `room::paging`: how much of a list fits into one message. Pure.
//! 72. `room::trail`: what a room reports to the server, which records it.
//! 73. `room::member`: a member as its room knows it. Pure.
//! 74. `room::overrides`: what moderators and the app gave a user beside its token. Pure.
//! 75. `room::seat_token`: the parts of a token that count in its seat. Pure.
//! 76. [`log`]: a stream is a log, a subscriber is a cursor.
//! 77. `log::stream`: one published stream.
//! 78. `log::feed`: a log with many readers, some of which wait for more.
//! 79. `log::segments`: frames in order, bounded by bytes and age. Pure.
//! 80. `log::wakes`: readers to be woken, a few at a time.
//! 81. `log::mailbox`: the wake-up handle by which feeds, rooms and timers reach a connection.
//! 82. `log::encode`: the bytes of a server's WebSocket frame.
//! 83. [`net`]: bytes in and out.
//! 84. `net::outbox`: queued bytes for the socket, written with few system calls.
//! 85. `net::tls`: certificates, and their renewal at run time.
//! 86. `net::io`: a connection with or without TLS.
//! 87. `net::addresses`: counts connections per address.
//! 88. `net::origin`: web pages that may connect, as browsers name them. Pure.
//! 89. [`memory`]: whether the process has too little memory left for new members.
//! 90. [`metrics`]: the relay's counters.
//!
//! Not on the list, and only with the feature `bench`: `bench`, the hot paths exposed to the instruction counter.

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
