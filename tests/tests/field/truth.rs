//! What a member is told is true: stored before it is answered, by the wall clock, and released when it ends.

#[path = "truth/chain.rs"]
mod chain;
#[path = "truth/child.rs"]
mod child;
#[path = "truth/costs.rs"]
mod costs;
#[path = "truth/invites.rs"]
mod invites;
#[path = "truth/lines.rs"]
mod lines;
#[path = "truth/pings.rs"]
mod pings;
#[path = "truth/proofs.rs"]
mod proofs;
#[path = "truth/stored.rs"]
mod stored;
#[path = "truth/waiting.rs"]
mod waiting;
#[path = "truth/wall_clock.rs"]
mod wall_clock;
