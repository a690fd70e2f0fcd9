//! Join a Stagedoor room: publish, subscribe, send, set, and hear what happens, over one WebSocket that
//! comes back by itself.
//!
//! ```no_run
//! use stagedoor_client::{Client, ClientEvent, Kind, Publish, To, Token};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let (room, mut events) = Client::new("ws://127.0.0.1:7880/v1/connect", Token::fixed("…")).connect().await?;
//! let camera = room.publish(Publish::new("cam", Kind::Video)).await?;
//! camera.send("a keyframe", true).await?;
//! room.subscribe(&["*"]).await?;
//! room.send(To::Room, None, &serde_json::json!({"hello": "everybody"})).await?;
//! while let Some(event) = events.next().await {
//!     if let ClientEvent::Frame(frame) = event {
//!         println!("{} #{}: {} bytes", frame.stream.name, frame.seq, frame.payload.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A lost connection is taken up again as the close table of `spec/wire.md` says: at once, later with
//! growing pauses, with a new token from the [`Token`] source, or not at all. Subscriptions, the reading
//! position of each stream, the room's events and the member's own streams are taken along; what could
//! not be had again is told ([`Event::Lagged`], [`Reconnected`]).
//!
//! Events come through a bounded queue. Who does not read them holds the connection up, and the relay
//! then treats it as a slow member: read events in a task of their own, not in the one that waits for
//! answers.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`client`]: how to connect, and the handles of a room and of a stream.
//! 2. [`driver`]: the task that owns the socket, and brings it back.
//! 3. [`connection`]: one connection, from login to close.
//! 4. [`memory`]: what a reconnect takes along. Pure.
//! 5. [`backoff`]: how long to wait. Pure.
//! 6. [`socket`]: TCP, TLS, WebSocket.
//! 7. [`event`]: what the application hears.
//! 8. [`token`]: where tokens come from.
//! 9. [`error`]: what may go wrong.

mod backoff;
mod client;
mod connection;
mod driver;
mod error;
mod event;
mod memory;
mod socket;
mod token;

pub use client::{Client, Events, Publish, Publisher, Room};
pub use error::{AskError, ConnectError};
pub use event::{ClientEvent, Closed, Frame, Reconnected};
pub use stagedoor_wire::{
    close::{Close, Next},
    event::{Ended, Event},
    member::{Delivery, Kind, Member, StreamInfo, Subscribed},
    name::{NameError, StateKey, StreamName, Topic},
    reply::{LoggedIn, MembersPage, Refusal, StateEntry},
    request::To,
};
pub use token::Token;
