//! Stagedoor side by side with a floor and with the engines that a user would pick instead, in one run.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`compare`]: scenarios against servers, round by round.
//! 2. [`report`]: the results as a page.
//! 3. [`plan`]: what is measured, and the figures to reach.
//! 4. [`curve`]: what Stagedoor costs while there are ten of something, and thousands.
//! 5. `curve::visitor`: a member on a blocking socket.
//! 6. [`peers`]: the servers, each on its core.
//! 7. [`chart`]: the results as a chart of bars.
//! 8. [`lines`]: the curves as a chart of lines.
//! 9. [`tunnel`]: gives TLS to a generator that has none, and counts records.
//! 10. [`results`]: what was measured, kept; medians and ratios.
//! 11. [`machine`]: where, when, and with which versions.
//! 12. [`broadcast`]: a relay as it is written on `tokio::broadcast`.
//! 13. [`floor`]: the least that a server can do.
//! 14. `floor::log`: what was published in a room of the floor, encoded for the receivers.
//! 15. [`check`]: the least that a login can be.
//! 16. [`soak`]: a webinar that goes on while the same process is attacked.
//! 17. `soak::attack`: the attack: half-open, never-reading, flooding and broken-off clients, hostile names and numbers.
//! 18. `soak::raw`: sockets spoken to by hand, from addresses of the loopback other than the webinar's.
//! 19. `soak::stage`: the server that is attacked: started with its defaults, asked what it holds, stopped.
//! 20. `soak::webinar`: the webinar: one publisher, an audience, every frame numbered and timed.

pub mod broadcast;
pub mod chart;
pub mod check;
pub mod compare;
pub mod curve;
pub mod floor;
pub mod lines;
pub mod machine;
pub mod peers;
pub mod plan;
pub mod report;
pub mod results;
pub mod soak;
pub mod tunnel;
