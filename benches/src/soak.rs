//! A webinar that goes on while the same process is attacked. It measures what the webinar's members notice and
//! what stays behind; it never shares code with the relay.
//!
//! In reading order: [`stage`] (the server, and what it holds), [`webinar`] (the members that must notice
//! nothing), [`attack`] (the strangers and the members that mean harm), [`raw`] (sockets spoken to by hand).

pub mod attack;
pub mod raw;
pub mod stage;
pub mod webinar;
