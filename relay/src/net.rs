//! Bytes in and out: sockets with or without TLS, what waits to be written, and where a peer comes from.

pub(crate) mod addresses;
pub(crate) mod io;
pub(crate) mod origin;
pub(crate) mod outbox;
pub(crate) mod tls;
