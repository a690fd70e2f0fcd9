//! What is still to be sent to a seat of long lists, a page at a time: the next when the peer has taken the one
//! before. So a peer that does not read holds one page, however long the lists are.

use std::{collections::VecDeque, sync::Arc};

use stagedoor_wire::{close::Close, member};

use crate::{log::stream::Stream, net::outbox::Outbox, room::Rest};

/// Lists that may wait to be sent.
const RESTS_MAX: usize = 8;

/// A stream that a pattern of the seat's found, and the cursor that was brought for it.
pub(super) type FoundStream = (Arc<Stream>, Option<member::Cursor>);

/// What is still to be sent.
#[derive(Debug, Default)]
pub(super) struct ListPages {
    found: VecDeque<FoundStream>,
    rests: VecDeque<Box<Rest>>,
    /// How much the outbox had been given when it was given the last page.
    end: u64,
}

impl ListPages {
    /// Adds a list. An error says why the connection must close.
    pub(super) fn add_rest(&mut self, rest: Box<Rest>) -> Result<(), Close> {
        if self.rests.len() >= RESTS_MAX {
            return Err(Close::Slow);
        }
        self.rests.push_back(rest);
        Ok(())
    }

    /// Adds streams to begin to read.
    pub(super) fn add_found(&mut self, streams: impl Iterator<Item = FoundStream>) {
        self.found.extend(streams);
    }

    /// The next stream to begin to read.
    pub(super) fn next_found(&mut self) -> Option<FoundStream> {
        self.found.pop_front()
    }

    /// Whether streams are left to begin to read.
    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// The list that is sent now.
    pub(super) fn rest(&mut self) -> Option<&mut Box<Rest>> {
        self.rests.front_mut()
    }

    /// All of that list was sent.
    pub(super) fn rest_ended(&mut self) {
        self.rests.pop_front();
    }

    /// Whether the peer has taken the last page.
    pub(super) fn is_taken(&self, outbox: &Outbox) -> bool {
        outbox.taken() >= self.end
    }

    /// The outbox was given a page.
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
