//! A cursor: a reader's place in a feed, released by its `Drop`.

use std::sync::Arc;

use bytes::Bytes;
use stagedoor_wire::member::{self, Delivery};

use super::{
    feed::{Begin, HasFeed, Part, Place, Read},
    mailbox::Mailbox,
};

/// A reader's place in the feed of `L`. Dropping it releases the place.
#[derive(Debug)]
pub(crate) struct Cursor<L: HasFeed> {
    log: Arc<L>,
    place: Place,
}

impl<L: HasFeed> Cursor<L> {
    /// Creates a cursor. `resume` is the place of an earlier connection; the second result says whether reading
    /// continues exactly there. The mailbox is notified at once that cursor `number` has something to read.
    pub(crate) fn join(
        log: Arc<L>,
        mailbox: &Arc<Mailbox>,
        number: u32,
        begin: Begin,
        resume: Option<member::Cursor>,
        now_ms: u64,
    ) -> (Self, bool) {
        let (place, resumed) = log.feed().join((mailbox, number), begin, resume, now_ms);
        log.reader_came();
        (Self { log, place }, resumed)
    }

    /// The log it reads.
    pub(crate) fn log(&self) -> &Arc<L> {
        &self.log
    }

    /// The number of the next frame to read.
    pub(crate) fn seq(&self) -> u64 {
        self.place.seq
    }

    /// Returns the next frames, about `bytes_max` bytes; see [`Feed::read`](super::feed::Feed::read) for `now_ms`.
    #[inline]
    pub(crate) fn read(
        &mut self,
        delivery: Delivery,
        bytes_max: usize,
        now_ms: u64,
        out: impl FnMut(Part),
    ) -> Read<L::End> {
        self.log.feed().read(&mut self.place, delivery, (bytes_max, now_ms), out)
    }

    /// Returns the frames before `end`, even while the reader's grants are changing. `false` if some of them are no
    /// longer kept.
    pub(crate) fn read_out(&mut self, end: u64, out: impl FnMut(Bytes)) -> bool {
        self.log.feed().read_out(&mut self.place, end, out)
    }
}

impl<L: HasFeed> Drop for Cursor<L> {
    fn drop(&mut self) {
        self.log.feed().leave(&self.place);
        self.log.reader_left();
    }
}
