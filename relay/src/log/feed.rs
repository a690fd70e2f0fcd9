//! A log that many read, and who of them waits for more. Appending costs one push and one wake-up for each
//! reader that waits; a reader that is busy is not told twice.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use stagedoor_wire::member::{Cursor, Delivery};

use crate::{
    log::mailbox::Mailbox,
    log::segments::{Keep, Log},
};

/// Readers that are told in one go: few enough for the runtime's own queue of a thread, and for what is touched
/// by telling them to be near still when they have their turns.
const TOLD_AT_ONCE: usize = 128;

thread_local! {
    /// Room for those who are told, so that nothing is allocated anew.
    static TOLD: RefCell<Untold> = const { RefCell::new(Untold(VecDeque::new())) };
}

/// The feed; `E` says why it ended.
#[derive(Debug)]
pub(crate) struct Feed<E> {
    /// The log's epoch, random: a cursor of another log is recognised by it.
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
    /// Whether its place is in `waiting`; that stays true of a place when its reader is gone, so that no
    /// place is ever there twice.
    queued: bool,
}

/// A reader's place in a feed.
#[derive(Debug)]
pub(crate) struct Place {
    slot: u32,
    /// The number of the next frame to read.
    pub(crate) seq: u64,
    /// A `media` reader that lost its place and waits for a keyframe.
    awaiting: bool,
}

/// What one reading came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<E> {
    /// All was taken; the reader will be told when there is more.
    Drained,
    /// The bound was reached; there is more.
    More,
    /// All was taken, and there will never be more.
    Ended(E),
    /// The place was too old for a log whose delivery allows no loss.
    TooLate,
    /// The reader's grants are becoming others: it may read on when it knows how.
    Held,
}

/// What a reading hands out, in order.
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

    /// Appends a frame and notes who waits: to be told with the lock let go, since whoever is told begins to
    /// read at once, on other threads too. `None` when the feed has ended.
    pub(crate) fn append(
        &self,
        first_byte: u8,
        payload: &[u8],
        keyframe: bool,
        now_ms: u64,
        untold: &mut Untold,
    ) -> Option<u64> {
        let mut inner = self.lock();
        if inner.ended.is_some() {
            return None;
        }
        let Inner { log, keep, .. } = &mut *inner;
        let seq = log.append(first_byte, payload, keyframe, now_ms, keep);
        inner.release(untold);
        Some(seq)
    }

    /// Appends a frame and tells all who wait.
    pub(crate) fn tell(&self, first_byte: u8, payload: &[u8], now_ms: u64) {
        let mut untold = TOLD.take();
        self.append(first_byte, payload, false, now_ms, &mut untold);
        untold.tell_all();
        TOLD.set(untold);
    }

    /// Ends the feed, once; readers are told when they have read all.
    pub(crate) fn end(&self, why: E) -> bool {
        let mut inner = self.lock();
        if inner.ended.is_some() {
            return false;
        }
        inner.ended = Some(why);
        let mut untold = TOLD.take();
        inner.release(&mut untold);
        drop(inner);
        untold.tell_all();
        TOLD.set(untold);
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

    /// Bounds the log anew.
    pub(crate) fn keep_bytes(&self, bytes_max: usize, now_ms: u64) {
        let mut inner = self.lock();
        inner.keep.bytes_max = bytes_max;
        let Inner { log, keep, .. } = &mut *inner;
        log.trim(now_ms, keep);
    }

    /// Takes a place. `resume` is a place of an earlier connection; the second part says whether reading
    /// goes on exactly there. The reader is told of what lies there already.
    pub(crate) fn join(
        &self,
        mailbox: &Arc<Mailbox>,
        cursor: u32,
        begin: Begin,
        resume: Option<Cursor>,
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

    /// Gives a place up.
    pub(crate) fn leave(&self, place: &Place) {
        let mut inner = self.lock();
        let mailbox = inner.readers[place.slot as usize].mailbox.take();
        inner.free.push(place.slot);
        // What else lies in the mailbox may hold a place of this feed: it goes with the lock let go.
        drop(inner);
        drop(mailbox);
    }

    /// Hands out what comes next for a place, about `bytes_max` of it.
    pub(crate) fn read(
        &self,
        place: &mut Place,
        delivery: Delivery,
        bytes_max: usize,
        mut out: impl FnMut(Part),
    ) -> Read<E> {
        let mut inner = self.lock();
        // What was appended after the change began is behind this lock as well.
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
    /// Hands out what is due to a place before `end`, also while the reader's grants are becoming others.
    /// `false` if some of it is not kept any more.
    pub(crate) fn read_out(&self, place: &mut Place, end: u64, out: impl FnMut(Bytes)) -> bool {
        let mut inner = self.lock();
        let kept = place.seq >= inner.log.first() || place.seq >= end;
        if kept {
            place.seq = inner.log.read_before(place.seq, end, out).max(place.seq);
        }
        kept
    }
}

/// Readers that wait no more and are still to be told; at the latest when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Untold(VecDeque<(Arc<Mailbox>, u32)>);

impl Untold {
    /// Tells some; whether there are more.
    pub(crate) fn tell_some(&mut self) -> bool {
        for _ in 0..TOLD_AT_ONCE {
            let Some((mailbox, cursor)) = self.0.pop_front() else { break };
            mailbox.ready(cursor);
        }
        if self.0.is_empty() && self.0.capacity() > TOLD_AT_ONCE {
            self.0 = VecDeque::new();
        }
        !self.0.is_empty()
    }

    /// Tells all.
    pub(crate) fn tell_all(&mut self) {
        while let Some((mailbox, cursor)) = self.0.pop_front() {
            mailbox.ready(cursor);
        }
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.tell_all();
    }
}

/// Where a reader that brings no cursor begins.
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
    /// Who waited, waits no more.
    fn release(&mut self, untold: &mut Untold) {
        let Self { waiting, readers, .. } = self;
        untold.0.reserve(waiting.len());
        for slot in waiting.drain(..) {
            let reader = &mut readers[slot as usize];
            reader.queued = false;
            if let Some(mailbox) = &reader.mailbox {
                untold.0.push_back((mailbox.clone(), reader.cursor));
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
