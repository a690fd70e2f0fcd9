//! The load tester: members on raw sockets, one thread, every frame checked. It is what `stagedoor bench`
//! runs and what the benchmarks compare servers with, so it speaks more than one dialect. It never shares
//! code with the relay: a fault of the relay's must not be one of its judge's.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`scenario`]: what is done to a server, one file for each scenario.
//! 2. `scenario::churn`: `churn`: members come, renew their tokens and go in one room, as fast as they can.
//! 3. `scenario::fanout`: `fanout`: one publisher, many subscribers, a fixed number of frames in flight.
//! 4. `scenario::idle`: `idle`: members that do nothing: what each costs the server in memory, and whether it is given back.
//! 5. `scenario::join_storm`: `join-storm`: connect, log in with a real token, be seated, close; as fast as it goes.
//! 6. `scenario::latency`: `latency`: frames at a fixed rate, whatever comes of them.
//! 7. `scenario::rooms`: `rooms`: many small rooms in which every member publishes to all others.
//! 8. `scenario::slow_readers`: `slow-readers`: some members read at a trickle.
//! 9. `scenario::crowd`: what scenarios have in common: one publisher and its subscribers, and how long is not measured. Pure.
//! 10. `run::connect`: members of a run connect, and some of them become slow.
//! 11. `run::measure`: a run is measured, and comes to its outcome.
//! 12. [`run`]: publishers, receivers and one loop over their sockets.
//! 13. `run::ledger`: what a run counts: what was delivered, what is still owed, how late it came, and what was wrong.
//! 14. [`storm`]: logins, many at a time, one after another.
//! 15. [`publisher`]: one publisher of a run, and which of its frames are under way.
//! 16. [`member`]: one member: its socket, and what it should hear next.
//! 17. [`report`]: outcomes as a page with charts.
//! 18. `report::chart`: a chart of lines as SVG. Pure.
//! 19. [`outcome`]: what a run came to.
//! 20. [`watch`]: a run's progress, and the server's processor time and memory on the way.
//! 21. [`server`]: a Stagedoor that is started to be loaded.
//! 22. `join`: a member takes its place in a room, by blocking calls.
//! 23. [`link`]: one connection while it is set up, by blocking calls.
//! 24. [`dialect`]: how a member speaks to a server.
//! 25. [`reader`]: a server's bytes become deliveries.
//! 26. [`frames`]: what passes on the wire, made by hand.
//! 27. [`process`]: another process' processor time and memory.
//! 28. [`error`]: why a run has no outcome.

pub mod dialect;
pub mod error;
pub mod frames;
mod join;
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
