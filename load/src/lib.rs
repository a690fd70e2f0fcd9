//! The load tester: members on raw sockets, in one thread, checking every frame. `stagedoor bench` runs it, and the
//! benchmarks compare servers with it, so it knows several dialects. It shares no code with the relay, so that a bug in
//! the relay cannot hide in its checker.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`scenario`]: what is done to a server, one file per scenario.
//! 2. `scenario::churn`: `churn`: members join, renew their tokens and leave one room, as fast as they can.
//! 3. `scenario::fanout`: `fanout`: one publisher, many subscribers, a fixed number of frames in flight.
//! 4. `scenario::idle`: `idle`: members that do nothing: the memory that each takes, and whether it is freed.
//! 5. `scenario::join_storm`: `join-storm`: connect, log in with a real token, get a seat, close; as fast as possible.
//! 6. `scenario::latency`: `latency`: frames at a fixed rate.
//! 7. `scenario::rooms`: `rooms`: many small rooms in which every member publishes to all others.
//! 8. `scenario::slow_line`: `latency --link`: picture and sound over a slow line.
//! 9. `scenario::slow_readers`: `slow-readers`: some members read very slowly.
//! 10. `scenario::crowd`: what scenarios share: one publisher and its subscribers, and the warm-up. Pure.
//! 11. `run::connect`: members of a run connect, and some of them slow down.
//! 12. `run::measure`: measures a run, and computes its result.
//! 13. [`run`]: publishers, receivers and one loop over their sockets.
//! 14. `run::ledger`: what a run counts: deliveries, frames still owed, latencies, and faults.
//! 15. [`storm`]: logins, many at a time, one after another.
//! 16. [`publisher`]: one publisher of a run, and its frames in flight.
//! 17. [`member`]: one member: its socket, and the frames it expects next.
//! 18. `viewer`: a member that reads a picture and a sound, and counts what does not come.
//! 19. `camera`: a member that publishes a picture and a sound.
//! 20. `line`: a slow line between the server and a reader.
//! 21. [`report`]: results as a page with charts.
//! 22. `report::chart`: a line chart as SVG. Pure.
//! 23. [`outcome`]: the result of a run.
//! 24. [`watch`]: a run's progress, and the server's CPU time and memory along the way.
//! 25. [`server`]: a Stagedoor started for a load test.
//! 26. `join`: a member joins a room, with blocking calls.
//! 27. [`link`]: a connection during set-up, with blocking calls.
//! 28. [`dialect`]: how a member talks to a server.
//! 29. [`reader`]: parses a server's bytes into deliveries.
//! 30. [`frames`]: the bytes on the wire, encoded and decoded by hand.
//! 31. [`process`]: another process's CPU time and memory.
//! 32. [`error`]: why a run has no result.

mod camera;
pub mod dialect;
pub mod error;
pub mod frames;
mod join;
mod line;
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
mod viewer;
pub mod watch;

pub use dialect::{Dialect, Minter, Target};
pub use error::LoadError;
pub use outcome::{Bottleneck, Faults, Latency, Outcome};
pub use process::Process;
pub use watch::Progress;
