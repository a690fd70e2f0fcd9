//! The one binary's parts: server, relay and bus put together, and the command line.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`cli`]: the command line, and one file for each group of commands.
//! 2. `cli::app`: `app create|change|list|show|delete|audit|keys|api-keys`.
//! 3. `cli::audit`: `audit`: the whole trail, for the operator; and which records of it, also for `app audit`.
//! 4. `cli::backup`: `backup` and `restore`.
//! 5. `cli::bench`: `bench`: the load tester.
//! 6. `cli::bench::own`: a server of the load tester's own: this same program, with a data folder that goes with it, on a core of its own where that can be had.
//! 7. `cli::bench::show`: what the load tester shows: a line while it runs, and what it came to.
//! 8. `cli::revoke`: `revoke list|add|lift`.
//! 9. `cli::role`: `role list|show|set|delete|import|export|versions|restore`.
//! 10. `cli::room`: `room list|show|kick|ban|role|mute|unmute|admit|decline|close|message`.
//! 11. `cli::root`: `root reset`.
//! 12. `cli::serve`: `dev` and `serve`.
//! 13. `cli::settings`: `config check|print`.
//! 14. `cli::sure`: what cannot be undone is asked about first.
//! 15. `cli::token`: `token mint|verify|inspect`.
//! 16. `cli::http`: a small client of the HTTP API.
//! 17. `cli::print`: answers as people read them: tables, with what matters first and times as times.
//! 18. `cli::secret`: secrets that the command line takes.
//! 19. `cli::stay`: what `token mint` may say of the stay in the seat: words of the command line become claims.
//! 20. `cli::failure`: what a command came to, if not well: its exit code, and its text for people or for programs.
//! 21. `cli::time`: times and durations as people write them.
//! 22. [`dev`]: what `stagedoor dev` makes and remembers for a developer.
//! 23. [`assemble`]: server, relay and bus become one running process.
//! 24. [`serving`]: one connection of HTTP requests.
//! 25. [`pace`]: what a connection is at, and how long it may take for that.
//! 26. [`operations`]: `/healthz`, `/readyz` and `/metrics` on a socket of their own.
//! 27. [`refusals`]: requests that no path answers.
//! 28. [`log`]: what is logged, and the bound of what strangers make of it.
//! 29. `config::load`: a configuration from its file, the environment and flags.
//! 30. `config::check`: settings that are of their types and make no sense, alone or together. Pure.
//! 31. `config::warnings`: what is allowed and may not be meant: open to strangers, or a variable that sets nothing.
//! 32. [`config`]: file, environment and flags become one configuration.
//! 33. `config::sources`: file, environment and flags put together, the later stronger, and where each setting is written.
//! 34. `config::fault`: what is wrong with a configuration, where it is written, and what to write instead.
//! 35. `config::bounds`: the least and the most of every number of the configuration.
//! 36. [`sockets`]: what is listened on.
//! 37. [`descriptors`]: how many connections the process can have.

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
