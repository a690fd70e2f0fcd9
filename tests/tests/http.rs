//! The HTTP API over real sockets.

#[path = "http/apps.rs"]
mod apps;
#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/callers.rs"]
mod callers;
#[path = "http/codes.rs"]
mod codes;
#[path = "http/contract.rs"]
mod contract;
#[path = "http/issuers.rs"]
mod issuers;
#[path = "http/oauth.rs"]
mod oauth;
#[path = "http/revocations.rs"]
mod revocations;
#[path = "http/rights.rs"]
mod rights;
#[path = "http/roles.rs"]
mod roles;
#[path = "http/rooms.rs"]
mod rooms;
#[path = "http/seats.rs"]
mod seats;
#[path = "http/survival.rs"]
mod survival;
#[path = "http/tokens.rs"]
mod tokens;
#[path = "http/waiting.rs"]
mod waiting;
#[path = "http/web.rs"]
mod web;
