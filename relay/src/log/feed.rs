//! A log with many readers, some of which wait for more. Appending costs one push, and one wake-up per waiting reader;
//! a busy reader is not woken again. A cursor is a reader's place, released by its `Drop`.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use stagedoor_wire::member::{self, Delivery};

use super::{
    mailbox::Mailbox,
    segments::{Keep, Log},
    wakes::PendingWakes,
};

thread_local! {
    /// Space for readers to be woken, so that an append does not allocate.
    static SPARE_WAKES: RefCell<PendingWakes> = const { RefCell::new(PendingWakes::new()) };
}

/// The feed; `E` is the reason for its end.
#[derive(Debug)]
pub(crate) struct Feed<E> {
    /// The log's random epoch, by which a cursor of another log is recognised.
    pub(crate) epoch: u32,
    inner: Mutex<Inner<E>>,
}

#[derive(Debug)]
struct Inner<E> {
    log: Log,
    keep: Keep,
    readers: Vec<Reader>,
    free: Vec<u32>,
    waiting: Vec<u32>,
    ended: Option<E>,
}

#[derive(Debug)]
struct Reader {
    mailbox: Option<Arc<Mailbox>>,
    cursor: u32,
    /// Whether its place is in `waiting`; stays set when the reader is gone, so that no place is ever in there twice.
    queued: bool,
}

/// Something that has a feed.
pub(crate) trait HasFeed {
    /// The reason for the feed's end.
    type End: Clone;

    /// The feed.
    fn feed(&self) -> &Feed<Self::End>;
}

/// A reader's place in the feed of `L`. Dropping it releases the place.
#[derive(Debug)]
pub(crate) struct Cursor<L: HasFeed> {
    log: Arc<L>,
    place: Place,
}

#[derive(Debug)]
struct Place {
    slot: u32,
    /// The number of the next frame to read.
    seq: u64,
    /// A `media` reader that lost its place and waits for a keyframe.
    awaiting: bool,
}

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<E> {
    /// Everything was read; the reader is woken when there is more.
    Drained,
    /// The bound was reached; there is more.
    More,
    /// Everything was read, and nothing will follow.
    Ended(E),
    /// The place was too old for a delivery without loss.
    TooLate,
    /// The reader's grants are changing: it may continue once it knows how.
    Held,
}

/// What a read returns, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Frames were skipped.
    Jump {
        /// How many.
        lost: u64,
        /// The number of the next frame.
        seq: u64,
    },
    /// Whole frames, encoded.
    Frames(Bytes),
}

impl<E: Clone> Feed<E> {
    /// An empty feed.
    pub(crate) fn new(epoch: u32, keep: Keep) -> Self {
        let inner = Inner {
            log: Log::new(),
            keep,
            readers: Vec::new(),
            free: Vec::new(),
            waiting: Vec::new(),
            ended: None,
        };
        Self { epoch, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a frame and collects the waiting readers, to be woken after the lock is released, because they start
    /// reading at once, on other threads too. `None` if the feed has ended.
    pub(crate) fn append(
        &self,
        first_byte: u8,
        payload: &[u8],
        keyframe: bool,
        now_ms: u64,
        wakes: &mut PendingWakes,
    ) -> Option<u64> {
        let mut inner = self.lock();
        if inner.ended.is_some() {
            return None;
        }
        let Inner { log, keep, .. } = &mut *inner;
        let seq = log.append(first_byte, payload, keyframe, now_ms, keep);
        inner.release(wakes);
        Some(seq)
    }

    /// Appends a frame and wakes the waiting readers.
    pub(crate) fn append_and_wake(&self, first_byte: u8, payload: &[u8], now_ms: u64) {
        let mut wakes = SPARE_WAKES.take();
        self.append(first_byte, payload, false, now_ms, &mut wakes);
        wakes.wake_all();
        SPARE_WAKES.set(wakes);
    }

    /// Ends the feed, once; readers see the end after the last frame.
    pub(crate) fn end(&self, why: E) -> bool {
        let mut inner = self.lock();
        if inner.ended.is_some() {
            return false;
        }
        inner.ended = Some(why);
        let mut wakes = SPARE_WAKES.take();
        inner.release(&mut wakes);
        drop(inner);
        wakes.wake_all();
        SPARE_WAKES.set(wakes);
        true
    }

    /// Whether it has ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended.is_some()
    }

    /// The number of the next frame.
    pub(crate) fn next(&self) -> u64 {
        self.lock().log.next()
    }

    /// Sets another bound for the log's bytes.
    pub(crate) fn keep_bytes(&self, bytes_max: usize, now_ms: u64) {
        let mut inner = self.lock();
        inner.keep.bytes_max = bytes_max;
        let Inner { log, keep, .. } = &mut *inner;
        log.trim(now_ms, keep);
    }

    fn join(
        &self,
        mailbox: &Arc<Mailbox>,
        cursor: u32,
        begin: Begin,
        resume: Option<member::Cursor>,
    ) -> (Place, bool) {
        let mut inner = self.lock();
        let log = &inner.log;
        let resumed = resume
            .filter(|old| {
                old.epoch == self.epoch && old.seq >= log.first() && old.seq <= log.next()
            })
            .map(|old| old.seq);
        let fresh = match begin {
            Begin::Now => log.next(),
            Begin::Oldest => log.first(),
            Begin::Newest => log.first().max(log.next().saturating_sub(1)),
            Begin::Keyframe => log.keyframe().unwrap_or(log.next()),
        };
        let seq = resumed.unwrap_or(fresh);
        let reader = Reader { mailbox: Some(mailbox.clone()), cursor, queued: false };
        let slot = match inner.free.pop() {
            Some(slot) => {
                let place = &mut inner.readers[slot as usize];
                *place = Reader { queued: place.queued, ..reader };
                slot
            }
            None => {
                inner.readers.push(reader);
                inner.readers.len() as u32 - 1
            }
        };
        mailbox.ready(cursor);
        (Place { slot, seq, awaiting: false }, resumed.is_some())
    }

    /// Releases a place.
    fn leave(&self, place: &Place) {
        let mut inner = self.lock();
        let mailbox = inner.readers[place.slot as usize].mailbox.take();
        inner.free.push(place.slot);
        drop(inner);
        drop(mailbox);
    }

    #[inline]
    fn read(
        &self,
        place: &mut Place,
        delivery: Delivery,
        bytes_max: usize,
        mut out: impl FnMut(Part),
    ) -> Read<E> {
        let mut inner = self.lock();
        // Frames appended after the change began are behind this lock as well.
        let mailbox = &inner.readers[place.slot as usize].mailbox;
        if mailbox.as_ref().is_some_and(|mailbox| mailbox.is_changing()) {
            return Read::Held;
        }
        let log = &mut inner.log;
        if place.seq < log.first() || place.awaiting {
            let to = match delivery {
                Delivery::Reliable => return Read::TooLate,
                Delivery::Latest => Some(log.next().saturating_sub(1).max(log.first())),
                Delivery::Media => log.keyframe().filter(|&key| key >= place.seq),
            };
            let to = to.or(inner.ended.is_some().then(|| inner.log.next()));
            match to {
                Some(seq) => {
                    out(Part::Jump { lost: seq - place.seq, seq });
                    *place = Place { seq, awaiting: false, slot: place.slot };
                }
                None => {
                    place.awaiting = true;
                    return inner.wait(place);
                }
            }
        }
        place.seq = inner.log.read(place.seq, bytes_max, |bytes| out(Part::Frames(bytes)));
        inner.wait(place)
    }
}

impl<E: Clone> Feed<E> {
    fn read_out(&self, place: &mut Place, end: u64, out: impl FnMut(Bytes)) -> bool {
        let mut inner = self.lock();
        let kept = place.seq >= inner.log.first() || place.seq >= end;
        if kept {
            place.seq = inner.log.read_before(place.seq, end, out).max(place.seq);
        }
        kept
    }
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
    ) -> (Self, bool) {
        let (place, resumed) = log.feed().join(mailbox, number, begin, resume);
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

    /// Returns the next frames, about `bytes_max` bytes.
    #[inline]
    pub(crate) fn read(
        &mut self,
        delivery: Delivery,
        bytes_max: usize,
        out: impl FnMut(Part),
    ) -> Read<L::End> {
        self.log.feed().read(&mut self.place, delivery, bytes_max, out)
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
    }
}

/// Where a reader without a cursor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// At the next frame.
    Now,
    /// At the oldest kept frame.
    Oldest,
    /// At the newest frame.
    Newest,
    /// At the newest keyframe; at the next frame if there is none.
    Keyframe,
}

impl<E: Clone> Inner<E> {
    /// Waiting readers no longer wait.
    fn release(&mut self, wakes: &mut PendingWakes) {
        let Self { waiting, readers, .. } = self;
        wakes.reserve(waiting.len());
        for slot in waiting.drain(..) {
            let reader = &mut readers[slot as usize];
            reader.queued = false;
            if let Some(mailbox) = &reader.mailbox {
                wakes.push(mailbox.clone(), reader.cursor);
            }
        }
    }

    fn wait(&mut self, place: &Place) -> Read<E> {
        if place.seq < self.log.next() && !place.awaiting {
            return Read::More;
        }
        if let Some(why) = &self.ended {
            return Read::Ended(why.clone());
        }
        let reader = &mut self.readers[place.slot as usize];
        if !reader.queued {
            reader.queued = true;
            self.waiting.push(place.slot);
        }
        Read::Drained
    }
}

#[cfg(test)]
mod tests;
