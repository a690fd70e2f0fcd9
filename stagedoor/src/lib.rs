//! The one binary's parts: server, relay and bus put together, and the command line.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`cli`]: the command line, and one file for each group of commands.
//! 2. [`dev`]: what `stagedoor dev` makes and remembers for a developer.
//! 3. [`assemble`]: server, relay and bus become one running process.
//! 4. [`serving`]: one connection of HTTP requests.
//! 5. [`pace`]: what a connection is at, and how long it may take for that.
//! 6. [`operations`]: `/healthz`, `/readyz` and `/metrics` on a socket of their own.
//! 7. [`refusals`]: requests that no path answers.
//! 8. [`log`]: what is logged, and the bound of what strangers make of it.
//! 9. [`config`]: file, environment and flags become one configuration.
//! 10. [`sockets`]: what is listened on.
//! 11. [`descriptors`]: how many connections the process can have.

mod assemble;
pub mod cli;
pub mod config;
mod descriptors;
mod dev;
mod log;
mod operations;
mod pace;
mod refusals;
mod serving;
mod sockets;

pub use assemble::{Running, assemble};
pub use config::Config;
pub use sockets::At;
