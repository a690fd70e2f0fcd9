//! What server and relay exchange, so that neither depends on the other.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`file_bus`]: the implementation for a relay that reaches no server: the directory from a file.
//! 2. [`local`]: the implementation for one process: the directory in memory, commands over a channel.
//! 3. [`bus`]: the trait that every implementation implements.
//! 4. [`command`]: what the server asks of the relay for a caller.
//! 5. [`event`]: what the relay reports to the server.
//! 6. [`store`]: what the relay asks the server to store before it answers.
//! 7. [`invite`]: what the relay asks the server to mint for a guest.
//! 8. [`directory_file`]: the directory as a file. Pure.
//! 9. [`directory`]: what the relay must know about each app to decide at the door.
//! 10. [`token04`]: which Token04 an app takes, and what one says.
//! 11. [`actor`]: who performed an act.
//! 12. [`bounds`]: how far the rights of a credential or of a line of keys reach. Pure.
//! 13. [`attempt`]: the number of a refused attempt.
//! 14. [`text`]: a bounded text in an event or a record.
//! 15. [`revocations`]: the list of revocations, as the door reads it.
//! 16. `revocations::held`: entries that are being stored: the doors enforce each while it is held.
//! 17. `revocations::table`: one table of the list, and a filter in front of it.
//! 18. `revocations::mark`: the combined effect of all entries of one target. Pure.
//! 19. [`revocation`]: a revocation, and the tokens it covers.
//! 20. [`clock`]: the clock that server and relay share.
//! 21. `siphash`: the hash that stands for a text in a list that does not keep texts.
//! 22. `error`: why a request on the bus got no answer.

pub mod actor;
pub mod attempt;
pub mod bounds;
pub mod bus;
pub mod clock;
pub mod command;
pub mod directory;
pub mod directory_file;
pub mod error;
pub mod event;
pub mod file_bus;
pub mod invite;
pub mod local;
pub mod revocation;
pub mod revocations;
mod siphash;
pub mod store;
pub mod text;
pub mod token04;

pub use actor::{Actor, ActorKind, By};
pub use attempt::{Attempt, NotAnAttempt};
pub use bounds::{Bound, Bounds};
pub use bus::{Bus, BusFuture};
pub use clock::Clock;
pub use command::{Answer, Command};
pub use directory::{App, AppKey, AppLife, Directory, DoorKey};
pub use directory_file::{DIRECTORY_VERSION, DirectoryError, DirectoryFile, Loaded};
pub use error::BusError;
pub use event::Event;
pub use file_bus::FileBus;
pub use invite::{Guest, Invite, InviteRequest, Inviter, Inviting, NotInvited};
pub use local::{Asked, LocalBus, Receivers};
pub use revocation::{Bearer, Hit, Revocation, Target, Then};
pub use revocations::{Held, REVOCATION_KEPT_S, Revocations};
pub use store::{Change, StoreRequest, Stored, Storing};
pub use text::Text;
pub use token04::{Accept, NotOpened, Token04, Token04Key, Token04Secret, is_token04};
