//! What the server and the relay say to each other, and nothing else: neither knows the other.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`local`]: the implementation for one process: the directory in memory, commands over a channel.
//! 2. [`bus`]: the trait that every implementation has.
//! 3. [`command`]: what the server asks of the relay.
//! 4. [`event`]: what the relay tells the server.
//! 5. [`store`]: what the relay asks the server to store before it answers.
//! 6. [`directory`]: what the relay must know of each app to decide at the door.
//! 7. [`actor`]: the actor of an act.
//! 8. [`text`]: a text that an event or a record may hold.
//! 9. [`revocations`]: the list of what is revoked, as the door reads it.
//! 10. `revocations::held`: entries that are to be stored: the doors go by each for as long as somebody holds it.
//! 11. `revocations::table`: one table of the list, and a filter before it.
//! 12. `revocations::mark`: what all entries of one target come to, and whether that hits a token. Pure.
//! 13. [`revocation`]: what a revocation says, and of what token.
//! 14. [`clock`]: the one clock of both.
//! 15. `siphash`: what a text is known by in a list that does not keep it.
//! 16. `error`: why the bus gave no answer.

pub mod actor;
pub mod bus;
pub mod clock;
pub mod command;
pub mod directory;
pub mod error;
pub mod event;
pub mod local;
pub mod revocation;
pub mod revocations;
mod siphash;
pub mod store;
pub mod text;

pub use actor::{Actor, ActorKind, By};
pub use bus::{Bus, BusFuture};
pub use clock::Clock;
pub use command::{Answer, Command};
pub use directory::{App, AppLife, Directory};
pub use error::BusError;
pub use event::Event;
pub use local::{Asked, LocalBus, Receivers};
pub use revocation::{Bearer, Hit, Revocation, Target, Then};
pub use revocations::{Held, REVOCATION_KEPT_S, Revocations};
pub use store::{Change, StoreRequest, Stored, Storing};
pub use text::Text;
