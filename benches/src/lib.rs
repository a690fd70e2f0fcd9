//! Compares Stagedoor in one run with a floor and with the engines that a user would choose instead.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`compare`]: runs scenarios against servers, round by round.
//! 2. [`report`]: the results as a page.
//! 3. [`plan`]: what is measured, and the figures to reach.
//! 4. [`curve`]: the cost of Stagedoor with ten of something, and with thousands.
//! 5. `curve::visitor`: a member on a blocking socket.
//! 6. [`peers`]: the servers, each on its own core.
//! 7. [`chart`]: the results as a bar chart.
//! 8. [`lines`]: the curves as a line chart.
//! 9. [`tunnel`]: adds TLS to a generator without it, and counts records.
//! 10. [`results`]: saved measurements; medians and ratios.
//! 11. [`machine`]: where, when, and with which versions.
//! 12. [`broadcast`]: a relay the way it is usually written on `tokio::broadcast`.
//! 13. [`floor`]: the minimum of a server.
//! 14. `floor::log`: the frames published in a room of the floor, encoded for the receivers.
//! 15. [`check`]: the minimum of a login.
//! 16. [`soak`]: a webinar that continues while the same process is attacked.
//! 17. `soak::attack`: the attack: half-open, never-reading, flooding and broken-off clients, hostile names and
//!     numbers.
//! 18. `soak::raw`: sockets written by hand, from other loopback addresses than the webinar's.
//! 19. `soak::stage`: the attacked server: started with its defaults, measured, stopped.
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
