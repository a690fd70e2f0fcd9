//! What one room, member or stranger may cost the others.

#[path = "bounds/child.rs"]
mod child;
#[path = "bounds/login.rs"]
mod login;
#[path = "bounds/memory.rs"]
mod memory;
#[path = "bounds/presence.rs"]
mod presence;
#[path = "bounds/raw.rs"]
mod raw;
#[path = "bounds/requests.rs"]
mod requests;
