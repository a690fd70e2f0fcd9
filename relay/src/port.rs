//! From the shared port to a WebSocket: connections accepted, their first request read, and an upgrade decided.

pub(crate) mod clients;
pub(crate) mod forwarded;
pub(crate) mod handshake;
pub(crate) mod head;
pub(crate) mod listener;
pub(crate) mod proxy_header;
pub(crate) mod upgrade;
