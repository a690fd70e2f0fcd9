//! Bytes in and out: sockets with or without TLS, queued output, and peers' addresses.

pub(crate) mod addresses;
pub(crate) mod io;
pub(crate) mod origin;
pub(crate) mod outbox;
pub(crate) mod tls;
