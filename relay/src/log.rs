//! A stream is a log, a subscriber is a cursor. This module knows numbers and bytes, but no room, member or socket.

pub(crate) mod encode;
pub(crate) mod feed;
pub(crate) mod mailbox;
pub(crate) mod segments;
pub(crate) mod stream;
pub(crate) mod wakes;
