//! What one room, member or stranger may cost the others.

#[path = "bounds/presence.rs"]
mod presence;
#[path = "bounds/raw.rs"]
mod raw;
#[path = "bounds/requests.rs"]
mod requests;
