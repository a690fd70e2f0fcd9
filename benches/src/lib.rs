//! Benchmarks of Stagedoor with a floor in the same run.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`load`]: one publisher with a window, many subscribers: raw sockets, heads parsed, bodies skipped.
//! 2. [`stagedoor`]: Stagedoor as it ships.
//! 3. [`floor`]: the least that a server can do: encoded bytes to every socket, coalesced, over epoll.
//! 4. [`server`]: a server as a child process on one core, and the CPU time that it used.
//! 5. [`frames`]: what passes on the wire.

pub mod floor;
pub mod frames;
pub mod load;
pub mod server;
pub mod stagedoor;
