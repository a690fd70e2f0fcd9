//! The parts of the binary: server, relay and bus put together, and the command line.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`cli`]: the command line, one file per group of commands.
//! 2. `cli::app`: `app create|change|token04|list|show|delete|audit|keys|api-keys`.
//! 3. `cli::keys`: `app keys list|create|rotate|bound|retire|end|jwks`.
//! 4. `cli::audit`: `audit`: the whole trail, for the operator; and the filters that `app audit` shares.
//! 5. `cli::audit::export`: `audit export`.
//! 6. `cli::audit::verify`: `audit verify`: the trail of a data folder, or an export.
//! 7. `cli::backup`: `backup` and `restore`.
//! 8. `cli::bench`: `bench`: the load tester.
//! 9. `cli::bench::own`: the load tester's own server: this same program, with a temporary data folder, on its own core
//!    if possible.
//! 10. `cli::bench::show`: the load tester's output: a line while it runs, and the result.
//! 11. `cli::issuer`: `issuer put|show|try|remove`.
//! 12. `cli::leak`: `leak report`.
//! 13. `cli::directory`: `directory export`.
//! 14. `cli::revoke`: `revoke list|add|lift`.
//! 15. `cli::role`: `role list|show|set|delete|import|export|versions|restore`.
//! 16. `cli::room`: `room list|show|kick|ban|role|mute|unmute|admit|decline|close|message`.
//! 17. `cli::master_key`: `master-key make|init|rotate|retire|reseal|status`.
//! 18. `cli::root`: `root reset`.
//! 19. `cli::serve`: `dev` and `serve`.
//! 20. `cli::settings`: `config check|print`.
//! 21. `cli::sure`: asks before an act that cannot be undone.
//! 22. `cli::token`: `token mint|verify|inspect`.
//! 23. `cli::token04`: `app token04`, and what `token mint --token04` makes.
//! 24. `cli::whoami`: `whoami`: whose credential this is, and what it may do.
//! 25. `cli::http`: a small client of the HTTP API.
//! 26. `cli::print`: prints answers for people: tables with the most important columns first, and readable times.
//! 27. `cli::key_file`: keys from files, as JWK or PEM.
//! 28. `cli::secret`: secrets that the command line takes.
//! 29. `cli::stay`: the options of `token mint` for the stay in the seat, and their claims.
//! 30. `cli::failure`: how a command failed: its exit code, and its message for people or for programs.
//! 31. `cli::time`: times and durations as people write them.
//! 32. [`dev`]: what `stagedoor dev` creates for a developer and remembers.
//! 33. [`classroom`]: the app of the classroom that `stagedoor dev` serves.
//! 34. `edge`: a relay alone, whose directory is a file.
//! 35. [`assemble`]: assembles server, relay and bus into one running process.
//! 36. [`serving`]: one connection of HTTP requests.
//! 37. [`pace`]: the phase of a connection, and how long it may last.
//! 38. [`operations`]: `/healthz`, `/readyz` and `/metrics` on their own socket.
//! 39. `watched`: the directory file of a relay alone: loaded when it changes.
//! 40. [`refusals`]: refuses requests that reach no path.
//! 41. [`log`]: the log, with a bound on lines about refusals.
//! 42. `config::load`: loads a configuration from its file, the environment and flags.
//! 43. `config::check`: finds settings that have the right type but make no sense, alone or together. Pure.
//! 44. `config::warnings`: warns of settings that are allowed but may be unintended.
//! 45. [`config`]: combines file, environment and flags into one configuration.
//! 46. `config::sources`: combines the sources, and remembers where each setting is written.
//! 47. `config::fault`: what is wrong with a configuration, where it is written, and what to write instead.
//! 48. `config::bounds`: the minimum and maximum of every number in the configuration.
//! 49. [`sockets`]: the listening sockets.
//! 50. [`descriptors`]: how many connections the process can have.

mod assemble;
mod classroom;
pub mod cli;
pub mod config;
mod descriptors;
mod dev;
mod edge;
mod log;
mod operations;
mod pace;
mod refusals;
mod serving;
mod sockets;
mod watched;

pub use assemble::{Running, assemble};
pub use config::Config;
pub use sockets::At;
