//! What members see of the relay, on real sockets.

#[path = "relay/asks.rs"]
mod asks;
#[path = "relay/bounds.rs"]
mod bounds;
#[path = "relay/door.rs"]
mod door;
#[path = "relay/handshakes.rs"]
mod handshakes;
#[path = "relay/lives.rs"]
mod lives;
#[path = "relay/messages.rs"]
mod messages;
#[path = "relay/presence.rs"]
mod presence;
#[path = "relay/seat.rs"]
mod seat;
#[path = "relay/stolen.rs"]
mod stolen;
#[path = "relay/streams.rs"]
mod streams;
#[path = "relay/twins.rs"]
mod twins;
#[path = "relay/waiting.rs"]
mod waiting;
