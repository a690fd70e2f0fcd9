//! What a member is told is so: stored before it is answered, by the calendar, and freed when it ends.

#[path = "truth/calendar.rs"]
mod calendar;
#[path = "truth/child.rs"]
mod child;
#[path = "truth/costs.rs"]
mod costs;
#[path = "truth/pings.rs"]
mod pings;
#[path = "truth/proofs.rs"]
mod proofs;
#[path = "truth/stored.rs"]
mod stored;
#[path = "truth/waiting.rs"]
mod waiting;
