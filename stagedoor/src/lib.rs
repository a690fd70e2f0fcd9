//! The parts of the binary: server, relay and bus put together, and the command line.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`cli`]: the command line, one file per group of commands.
//! 2. `cli::app`: `app create|change|list|show|delete|audit|keys|api-keys`.
//! 3. `cli::audit`: `audit`: the whole trail, for the operator; and the filters that `app audit` shares.
//! 4. `cli::backup`: `backup` and `restore`.
//! 5. `cli::bench`: `bench`: the load tester.
//! 6. `cli::bench::own`: the load tester's own server: this same program, with a temporary data folder, on its own core
//!    if possible.
//! 7. `cli::bench::show`: the load tester's output: a line while it runs, and the result.
//! 8. `cli::revoke`: `revoke list|add|lift`.
//! 9. `cli::role`: `role list|show|set|delete|import|export|versions|restore`.
//! 10. `cli::room`: `room list|show|kick|ban|role|mute|unmute|admit|decline|close|message`.
//! 11. `cli::master_key`: `master-key make|init|rotate|retire|reseal|status`.
//! 12. `cli::root`: `root reset`.
//! 13. `cli::serve`: `dev` and `serve`.
//! 14. `cli::settings`: `config check|print`.
//! 15. `cli::sure`: asks before an act that cannot be undone.
//! 16. `cli::token`: `token mint|verify|inspect`.
//! 17. `cli::whoami`: `whoami`: whose credential this is, and what it may do.
//! 18. `cli::http`: a small client of the HTTP API.
//! 19. `cli::print`: prints answers for people: tables with the most important columns first, and readable times.
//! 20. `cli::secret`: secrets that the command line takes.
//! 21. `cli::stay`: the options of `token mint` for the stay in the seat, and their claims.
//! 22. `cli::failure`: how a command failed: its exit code, and its message for people or for programs.
//! 23. `cli::time`: times and durations as people write them.
//! 24. [`dev`]: what `stagedoor dev` creates for a developer and remembers.
//! 25. [`classroom`]: the app of the classroom that `stagedoor dev` serves.
//! 26. [`assemble`]: assembles server, relay and bus into one running process.
//! 27. [`serving`]: one connection of HTTP requests.
//! 28. [`pace`]: the phase of a connection, and how long it may last.
//! 29. [`operations`]: `/healthz`, `/readyz` and `/metrics` on their own socket.
//! 30. [`refusals`]: refuses requests that reach no path.
//! 31. [`log`]: the log, with a bound on lines about refusals.
//! 32. `config::load`: loads a configuration from its file, the environment and flags.
//! 33. `config::check`: finds settings that have the right type but make no sense, alone or together. Pure.
//! 34. `config::warnings`: warns of settings that are allowed but may be unintended.
//! 35. [`config`]: combines file, environment and flags into one configuration.
//! 36. `config::sources`: combines the sources, and remembers where each setting is written.
//! 37. `config::fault`: what is wrong with a configuration, where it is written, and what to write instead.
//! 38. `config::bounds`: the minimum and maximum of every number in the configuration.
//! 39. [`sockets`]: the listening sockets.
//! 40. [`descriptors`]: how many connections the process can have.

mod assemble;
mod classroom;
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
