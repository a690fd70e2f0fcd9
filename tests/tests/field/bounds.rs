//! What one room, member or stranger may cost the others.

#[path = "bounds/raw.rs"]
mod raw;
#[path = "bounds/requests.rs"]
mod requests;
