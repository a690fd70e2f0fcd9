//! From the shared port to a WebSocket: accepts connections, reads their first request, and decides about an upgrade.

pub(crate) mod clients;
pub(crate) mod forwarded;
pub(crate) mod handshake;
pub(crate) mod head;
pub(crate) mod listener;
pub(crate) mod proxy_header;
pub(crate) mod upgrade;
