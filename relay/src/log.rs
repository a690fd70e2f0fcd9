//! A stream is a log, a subscriber is a cursor. Knows numbers and bytes; no room, no member, no socket.

pub(crate) mod encode;
pub(crate) mod feed;
pub(crate) mod mailbox;
pub(crate) mod segments;
pub(crate) mod stream;
pub(crate) mod wakes;
