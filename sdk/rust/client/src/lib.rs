#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `client`: how to connect, and where events arrive.
//! 2. `moderation`: moderation, requests for a role, invitations.
//! 3. `room`: the handles of a room and of a stream.
//! 4. `driver`: the task that owns the connection, and reconnects.
//! 5. `connection::entry`: the login, and resuming what the memory holds.
//! 6. `connection::grants_changed`: after a change of rights: which own streams and subscriptions end, and which begin again.
//! 7. `connection`: one connection, from login to close.
//! 8. `renewal`: a new token on the open connection.
//! 9. `heard`: reads one message of the relay. Pure.
//! 10. `memory`: what a reconnect resumes. Pure.
//! 11. `own`: own streams, and what a change of rights does to them. Pure.
//! 12. `silence`: how long nothing came, and what follows. Pure.
//! 13. `backoff`: how long to wait. Pure.
//! 14. `lenient`: the grants that the relay tells. Pure.
//! 15. `socket`: TCP, TLS, WebSocket.
//! 16. `trust`: the certificates that the system trusts, for `wss`.
//! 17. `event`: what the client reports.
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
mod lenient;
mod memory;
mod moderation;
mod own;
mod proof;
mod renewal;
mod room;
mod silence;
mod socket;
mod token;
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
