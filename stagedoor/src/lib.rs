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
//! 21. `cli::me`: `me tokens|sessions`.
//! 22. `cli::team`: `app team put|list|show|remove`.
//! 23. `cli::operator`: `operator add|list|show|change|link|disable|enable|remove|tokens|sessions`.
//! 24. `cli::local`: acts on a data folder that no server uses.
//! 25. `cli::sure`: asks before an act that cannot be undone.
//! 26. `cli::token`: `token mint|verify|inspect`.
//! 27. `cli::token04`: `app token04`, and what `token mint --token04` makes.
//! 28. `cli::whoami`: `whoami`: whose credential this is, and what it may do.
//! 29. `cli::http`: a small client of the HTTP API.
//! 30. `cli::print`: prints answers for people: tables with the most important columns first, and readable times.
//! 31. `cli::key_file`: keys from files, as JWK or PEM.
//! 32. `cli::secret`: secrets that the command line takes.
//! 33. `cli::stay`: the options of `token mint` for the stay in the seat, and their claims.
//! 34. `cli::failure`: how a command failed: its exit code, and its message for people or for programs.
//! 35. `cli::time`: times and durations as people write them.
//! 36. [`dev`]: what `stagedoor dev` creates for a developer and remembers.
//! 37. [`classroom`]: the app of the classroom that `stagedoor dev` serves.
//! 38. `edge`: a relay alone, whose directory is a file.
//! 39. [`assemble`]: assembles server, relay and bus into one running process.
//! 40. `service`: serves the two sockets of a process until it stops.
//! 41. [`serving`]: one connection of HTTP requests.
//! 42. [`pace`]: the phase of a connection, and how long it may last.
//! 43. [`operations`]: `/healthz`, `/readyz` and `/metrics` on their own socket.
//! 44. `watched`: the directory file of a relay alone: loaded when it changes.
//! 45. [`refusals`]: refuses requests that reach no path.
//! 46. [`log`]: the log, with a bound on lines about refusals.
//! 47. `config::load`: loads a configuration from its file, the environment and flags.
//! 48. `config::check`: finds settings that have the right type but make no sense, alone or together. Pure.
//! 49. `config::warnings`: warns of settings that are allowed but may be unintended.
//! 50. [`config`]: combines file, environment and flags into one configuration.
//! 51. `config::sources`: combines the sources, and remembers where each setting is written.
//! 52. `config::fault`: what is wrong with a configuration, where it is written, and what to write instead.
//! 53. `config::bounds`: the minimum and maximum of every number in the configuration.
//! 54. [`sockets`]: the listening sockets.
//! 55. [`descriptors`]: how many connections the process can have.

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
mod service;
mod serving;
mod sockets;
mod watched;

pub use assemble::{Running, assemble};
pub use config::Config;
pub use sockets::At;
