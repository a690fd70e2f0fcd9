//! The load tester: members on raw sockets, one thread, every frame checked. It is what `stagedoor bench`
//! runs and what the benchmarks compare servers with, so it speaks more than one dialect. It never shares
//! code with the relay: a fault of the relay's must not be one of its judge's.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`scenario`]: what is done to a server, one file for each scenario.
//! 2. [`run`]: publishers, receivers and one loop over their sockets.
//! 3. [`storm`]: logins, many at a time, one after another.
//! 4. [`publisher`]: who publishes, and which of its frames are under way.
//! 5. [`member`]: one member: its socket, and what it should hear next.
//! 6. [`report`]: outcomes as a page with charts.
//! 7. [`outcome`]: what a run came to.
//! 8. [`watch`]: a run's progress, and the server's processor time and memory on the way.
//! 9. [`server`]: a Stagedoor that is started to be loaded.
//! 10. [`link`]: one connection while it is set up, by blocking calls.
//! 11. [`dialect`]: how a member speaks to a server.
//! 12. [`reader`]: a server's bytes become deliveries.
//! 13. [`frames`]: what passes on the wire, made by hand.
//! 14. [`process`]: another process' processor time and memory.
//! 15. [`error`]: why a run has no outcome.

pub mod dialect;
pub mod error;
pub mod frames;
mod link;
mod member;
pub mod outcome;
pub mod process;
mod publisher;
mod reader;
pub mod report;
mod run;
pub mod scenario;
pub mod server;
mod storm;
pub mod watch;

pub use dialect::{Dialect, Minter, Target};
pub use error::LoadError;
pub use outcome::{Bottleneck, Faults, Latency, Outcome};
pub use process::Process;
pub use watch::Progress;
