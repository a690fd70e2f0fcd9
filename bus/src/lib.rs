//! What server and relay exchange, so that neither depends on the other.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`local`]: the implementation for one process: the directory in memory, commands over a channel.
//! 2. [`bus`]: the trait that every implementation implements.
//! 3. [`command`]: what the server asks of the relay for a caller.
//! 4. [`event`]: what the relay reports to the server.
//! 5. [`store`]: what the relay asks the server to store before it answers.
//! 6. [`invite`]: what the relay asks the server to mint for a guest.
//! 7. [`directory`]: what the relay must know about each app to decide at the door.
//! 8. [`actor`]: who performed an act.
//! 9. [`bounds`]: how far the rights of a credential or of a line of keys reach. Pure.
//! 10. [`attempt`]: the number of a refused attempt.
//! 11. [`text`]: a bounded text in an event or a record.
//! 12. [`revocations`]: the list of revocations, as the door reads it.
//! 13. `revocations::held`: entries that are being stored: the doors enforce each while it is held.
//! 14. `revocations::table`: one table of the list, and a filter in front of it.
//! 15. `revocations::mark`: the combined effect of all entries of one target. Pure.
//! 16. [`revocation`]: a revocation, and the tokens it covers.
//! 17. [`clock`]: the clock that server and relay share.
//! 18. `siphash`: the hash that stands for a text in a list that does not keep texts.
//! 19. `error`: why a request on the bus got no answer.

pub mod actor;
pub mod attempt;
pub mod bounds;
pub mod bus;
pub mod clock;
pub mod command;
pub mod directory;
pub mod error;
pub mod event;
pub mod invite;
pub mod local;
pub mod revocation;
pub mod revocations;
mod siphash;
pub mod store;
pub mod text;

pub use actor::{Actor, ActorKind, By};
pub use attempt::{Attempt, NotAnAttempt};
pub use bounds::{Bound, Bounds};
pub use bus::{Bus, BusFuture};
pub use clock::Clock;
pub use command::{Answer, Command};
pub use directory::{App, AppKey, AppLife, Directory};
pub use error::BusError;
pub use event::Event;
pub use invite::{Guest, Invite, InviteRequest, Inviter, Inviting, NotInvited};
pub use local::{Asked, LocalBus, Receivers};
pub use revocation::{Bearer, Hit, Revocation, Target, Then};
pub use revocations::{Held, REVOCATION_KEPT_S, Revocations};
pub use store::{Change, StoreRequest, Stored, Storing};
pub use text::Text;
