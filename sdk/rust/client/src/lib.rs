//! Join a Stagedoor room: publish, subscribe, send, set, and hear what happens, over one WebSocket that
//! comes back by itself.
//!
//! ```no_run
//! use stagedoor_client::{Client, ClientEvent, Kind, Message, Publish, Token};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let (room, mut events) = Client::new("ws://127.0.0.1:7880/v1/connect", Token::fixed("…")).connect().await?;
//! let camera = room.publish(Publish::new("cam", Kind::Video)).await?;
//! camera.send_keyframe("a keyframe").await?;
//! room.subscribe(&["*"]).await?;
//! room.send(Message::to_room(&serde_json::json!({"hello": "everybody"}))).await?;
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
//! When the relay says that the token is at its end, or was revoked, the source is asked for a new one and
//! the seat goes on with it ([`ClientEvent::Renewed`]); if that fails, the relay closes and the client comes
//! back with a new token. Where tokens are bound to a key of the member's ([`ProofKey`]), every login and
//! renewal proves that it is there. A token that logs in once is followed by a ticket, with which a lost connection is
//! taken up again without the source. What the member may do at the moment is in [`Room::granted`].
//!
//! What a member loses by a mute, a demotion or a renewal and is given back later goes on by itself: its
//! own streams begin again ([`ClientEvent::OwnBegun`], unless [`Publish::end_when_denied`]), and its
//! patterns find streams again, also where a reconnect had to wait for admission.
//!
//! Events come through a bounded queue. Who does not read them holds the connection up, and the relay
//! then treats it as a slow member: read events in a task of their own, not in the one that waits for
//! answers.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `client`: how to connect, and where the events come.
//! 2. `moderation`: what a member does to others.
//! 3. `room`: the handles of a room and of a stream.
//! 4. `driver`: the task that owns the socket, and brings it back.
//! 5. `connection::entry`: into the seat: the login, and what the memory holds taken up again.
//! 6. `connection::regranted`: the member's rights have changed: what is begun again of its own streams and of its subscriptions, and what comes of it.
//! 7. `connection`: one connection, from login to close.
//! 8. `renewal`: a new token on the open connection.
//! 9. `heard`: what the relay said, read. Pure.
//! 10. `memory`: what a reconnect takes along. Pure.
//! 11. `own`: the member's own streams, and what a change of rights does to them. Pure.
//! 12. `silence`: how long nothing was heard, and what follows. Pure.
//! 13. `backoff`: how long to wait. Pure.
//! 14. `told`: the grants that the relay tells. Pure.
//! 15. `socket`: TCP, TLS, WebSocket.
//! 16. `trust`: the certificates that the system trusts.
//! 17. `event`: what the application hears.
//! 18. `token`: where tokens come from.
//! 19. `proof`: the key to which a token may be bound.
//! 20. `error`: what may go wrong.
//! 21. `credential`: what logs in: the token of the source, or the ticket of the last login. Pure.

mod backoff;
mod client;
mod connection;
mod credential;
mod driver;
mod error;
mod event;
mod heard;
mod memory;
mod moderation;
mod own;
mod proof;
mod renewal;
mod room;
mod silence;
mod socket;
mod token;
mod told;
mod trust;

pub use client::{Client, Events};
pub use error::{Cause, ConnectError, KeyError, RequestError};
pub use event::{ClientEvent, Closed, Frame, Granted, Reconnected};
pub use moderation::Invite;
pub use proof::{ProofAlgorithm, ProofKey};
pub use room::{Message, Publish, Publisher, Room};
/// The grants crate: the sections of [`Grants`] by their own names.
pub use stagedoor_grants as grants;
pub use stagedoor_grants::{Grants, Kind, Kinds, Pattern, Patterns, RoleName, Verb, Verbs};
pub use stagedoor_wire::{
    close::{Close, Next},
    event::{Asked, Ended, Event, Outcome, Why},
    member::{Delivery, Member, StreamInfo, Subscribed},
    name::{NameError, StateKey, StreamName, Topic},
    reply::{Admitted, Invited, LoggedIn, MembersPage, Pong, Refusal, Renewed, StateEntry},
    request::To,
};
pub use token::Token;
