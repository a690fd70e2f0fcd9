//! Stagedoor side by side with a floor and with the engines that a user would pick instead, in one run.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`compare`]: scenarios against servers, round by round.
//! 2. [`plan`]: what is measured, and the figures to reach.
//! 3. [`curve`]: what Stagedoor costs while there are ten of something, and thousands.
//! 4. [`peers`]: the servers, each on its core.
//! 5. [`report`]: the results as a page.
//! 6. [`chart`]: the results as a chart of bars.
//! 7. [`lines`]: the curves as a chart of lines.
//! 8. [`tunnel`]: TLS for a generator that speaks none, and a count of records.
//! 9. [`results`]: what was measured, kept; medians and ratios.
//! 10. [`machine`]: where, when, and with which versions.
//! 11. [`broadcast`]: a relay as it is written on `tokio::broadcast`.
//! 12. [`floor`]: the least that a server can do.
//! 13. [`check`]: the least that a login can be.
//! 14. [`soak`]: a webinar that goes on while the same process is attacked.

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
