//! A webinar that continues while the same process is attacked. Measures what the webinar's members notice and what
//! remains afterwards; shares no code with the relay.
//!
//! In reading order: [`stage`] (the server, and its measurements), [`webinar`] (the members that must notice nothing),
//! [`attack`] (hostile strangers and members), [`raw`] (sockets written by hand).

pub mod attack;
pub mod raw;
pub mod stage;
pub mod webinar;
