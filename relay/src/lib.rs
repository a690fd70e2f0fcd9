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
//! 19. `connection::intake`: how much a connection takes from the logs at a time. Pure.
//! 20. `connection::token_timers`: what a token's times require of a seat.
//! 21. `connection::deadlines`: when a connection must act without input.
//! 22. `connection::ws_io`: what tungstenite reads from and writes to.
//! 23. `connection::frames`: checks the heads of a client's frames as they arrive. Pure.
//! 24. [`session`]: a member's requests, decided and executed in its room.
//! 25. `session::streams`: requests about streams.
//! 26. `session::messages`: requests about messages, state and members.
//! 27. `session::ask`: members' requests for roles and admission, and invitations.
//! 28. `session::moderate`: acts of moderation.
//! 29. `session::admit`: a member admits many with one request.
//! 30. `session::renew`: a new token for the same seat.
//! 31. `session::requester`: the member that makes a request.
//! 32. `session::replies`: answers and refusals.
//! 33. `session::rates`: how often and how much a member may request and publish. Pure.
//! 34. `session::login`: passes the door and gets a seat.
//! 35. `session::removal`: kicks or bans a user, once that is stored.
//! 36. `session::admission`: admits waiting members, many per request.
//! 37. `session::enter`: takes a seat with what the door allowed.
//! 38. `session::subscribe`: a seat subscribes to streams.
//! 39. `session::grant_updates`: a seat handles its letters.
//! 40. `session::gather`: a seat reads its logs into an outbox.
//! 41. `session::paging`: long lists go to a seat's outbox a page at a time.
//! 42. `session::audience`: a seat's wishes for keyframes, and those of its own streams' readers.
//! 43. `session::seat`: a member's place in a room; leaving is its `Drop`.
//! 44. `session::list_pages`: the parts of long lists not yet sent to a seat.
//! 45. `session::cursors`: a seat's cursors, by number and by name.
//! 46. `session::subscriptions`: a seat's subscriptions.
//! 47. `session::own_streams`: the streams that a member publishes.
//! 48. [`shared`]: what all connections of the relay share.
//! 49. [`door`]: decides whether a token opens a room.
//! 50. `door::proof`: the proof that a client holds the key to which its token is bound. Pure.
//! 51. `door::proven`: what is known about a refused token. Pure.
//! 52. `door::tickets`: replace a one-time token for later logins.
//! 53. `door::login_rates`: limits how often one token and one address may log in.
//! 54. [`room`]: members, events, streams and state of one room.
//! 55. `room::registry`: every room by app and name.
//! 56. `room::entry`: members enter and leave.
//! 57. `room::change`: changes a member's grants.
//! 58. `room::asking`: members request a role or wait for admission.
//! 59. `room::publish`: streams begin, are found and end.
//! 60. `room::messages`: messages between members, and the room's state.
//! 61. `room::lists`: the room's lists, a page at a time.
//! 62. `room::queries`: who and what is in a room.
//! 63. `room::core`: the room itself: its registries under one lock.
//! 64. `room::roster`: the members, by user and by visibility.
//! 65. `room::interests`: which seats wait for which stream names.
//! 66. `room::inbox`: what a room sends to one member alone.
//! 67. `room::rest`: the parts of a room's lists not yet sent to one member.
//! 68. `room::streams`: the live streams, by number and by name.
//! 69. `room::events`: the room's events to its members.
//! 70. `room::views`: the room's events as members with equal visibility see them.
//! 71. `room::presence`: joins and leaves that are not announced yet. Pure.
//! 72. `room::requests`: members' requests, and who may decide them. Pure.
//! 73. `room::state`: the room's shared state. Pure.
//! 74. `room::paging`: how much of a list fits into one message. Pure.
//! 75. `room::trail`: what a room reports to the server, which records it.
//! 76. `room::member`: a member as its room knows it. Pure.
//! 77. `room::overrides`: what moderators and the app gave a user beside its token. Pure.
//! 78. `room::seat_token`: the parts of a token that count in its seat. Pure.
//! 79. [`log`]: a stream is a log, a subscriber is a cursor.
//! 80. `log::stream`: one published stream.
//! 81. `log::audience`: what a stream's publisher is told of its readers.
//! 82. `log::cursor`: a reader's place in a feed.
//! 83. `log::feed`: a log with many readers, some of which wait for more.
//! 84. `log::segments`: frames in order, bounded by bytes and age. Pure.
//! 85. `log::wakes`: readers to be woken, a few at a time.
//! 86. `log::mailbox`: the wake-up handle by which feeds, rooms and timers reach a connection.
//! 87. `log::encode`: the bytes of a server's WebSocket frame.
//! 88. [`net`]: bytes in and out.
//! 89. `net::outbox`: queued bytes for the socket, written with few system calls.
//! 90. `net::tls`: certificates, and their renewal at run time.
//! 91. `net::io`: a connection with or without TLS.
//! 92. `net::addresses`: counts connections per address.
//! 93. `net::origin`: web pages that may connect, as browsers name them. Pure.
//! 94. [`memory`]: whether the process has too little memory left for new members.
//! 95. [`metrics`]: the relay's counters.
//! 96. `metrics::delays`: a histogram of delays, by delivery.
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
