//! The parts of long lists not yet sent to a seat. A page follows when the peer has read the previous one, so a peer
//! that does not read holds one page, however long the lists are.

use std::{collections::VecDeque, sync::Arc};

use stagedoor_wire::{close::Close, member};

use crate::{log::stream::Stream, net::outbox::Outbox, room::Rest};

/// Lists that may be queued.
const RESTS_MAX: usize = 8;

/// A stream that matched one of the seat's patterns, and the cursor presented for it.
pub(super) type FoundStream = (Arc<Stream>, Option<member::Cursor>);

/// What is still to be sent.
#[derive(Debug, Default)]
pub(super) struct ListPages {
    found: VecDeque<FoundStream>,
    rests: VecDeque<Box<Rest>>,
    /// How many bytes the outbox had been given by the last page.
    end: u64,
}

impl ListPages {
    /// Adds a list. An error is the reason why the connection must close.
    pub(super) fn add_rest(&mut self, rest: Box<Rest>) -> Result<(), Close> {
        if self.rests.len() >= RESTS_MAX {
            return Err(Close::Slow);
        }
        self.rests.push_back(rest);
        Ok(())
    }

    /// Adds streams to be read.
    pub(super) fn add_found(&mut self, streams: impl Iterator<Item = FoundStream>) {
        self.found.extend(streams);
    }

    /// The next stream to be read.
    pub(super) fn next_found(&mut self) -> Option<FoundStream> {
        self.found.pop_front()
    }

    /// Whether streams to be read are left.
    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// The list being sent.
    pub(super) fn rest(&mut self) -> Option<&mut Box<Rest>> {
        self.rests.front_mut()
    }

    /// That list was sent completely.
    pub(super) fn rest_ended(&mut self) {
        self.rests.pop_front();
    }

    /// Whether the peer has read the last page.
    pub(super) fn is_taken(&self, outbox: &Outbox) -> bool {
        outbox.taken() >= self.end
    }

    /// A page was added to the outbox.
    pub(super) fn given(&mut self, outbox: &Outbox) {
        self.end = outbox.given();
    }

    /// Adds what was found while a page was made.
    pub(super) fn append(&mut self, newer: Self) {
        self.found.extend(newer.found);
        self.rests.extend(newer.rests);
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.rests.is_empty()
    }
}
