//! A log with many readers, some of which wait for more. Appending costs one push, and one wake-up per waiting reader;
//! a busy reader is not woken again.

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
    /// How long ago a reader's next frame may have come, in milliseconds.
    behind_ms_max: u64,
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

    /// A cursor on it has begun.
    fn reader_came(&self) {}

    /// A cursor on it has ended.
    fn reader_left(&self) {}
}

/// A reader's place in a feed.
#[derive(Debug)]
pub(super) struct Place {
    slot: u32,
    /// The number of the next frame to read.
    pub(super) seq: u64,
    /// Why a `media` reader that lost its place waits for a keyframe.
    awaits: Option<Behind>,
    /// When it began, or was last put ahead because the log no longer held its place.
    since_ms: u64,
}

/// How a reader has fallen behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The log no longer holds its next frame.
    Log,
    /// Its next frame came too long ago.
    Time,
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
        /// Why.
        behind: Behind,
    },
    /// The reader waits for a keyframe, which somebody must ask for.
    Wants,
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
        Self { epoch, behind_ms_max: u64::MAX, inner: Mutex::new(inner) }
    }

    /// Readers whose next frame came longer ago skip ahead.
    pub(crate) fn behind_at_most(self, behind_ms_max: u64) -> Self {
        Self { behind_ms_max, ..self }
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

    /// The newest keyframe that is kept: its number, and when it came.
    pub(crate) fn keyframe(&self) -> Option<(u64, u64)> {
        let inner = self.lock();
        inner.log.keyframe().map(|seq| (seq, inner.log.keyframe_at_ms()))
    }

    /// When a frame came, if it is kept.
    pub(crate) fn came_ms(&self, seq: u64) -> Option<u64> {
        let inner = self.lock();
        let is_kept = (inner.log.first()..inner.log.next()).contains(&seq);
        is_kept.then(|| inner.log.came_ms(seq))
    }

    /// Sets another bound for the log's bytes.
    pub(crate) fn keep_bytes(&self, bytes_max: usize, now_ms: u64) {
        let mut inner = self.lock();
        inner.keep.bytes_max = bytes_max;
        let Inner { log, keep, .. } = &mut *inner;
        log.trim(now_ms, keep);
    }

    /// Gives a new reader its place; the second result says whether it continues at `resume`.
    pub(super) fn join(
        &self,
        (mailbox, cursor): (&Arc<Mailbox>, u32),
        begin: Begin,
        resume: Option<member::Cursor>,
        now_ms: u64,
    ) -> (Place, bool) {
        let mut inner = self.lock();
        let log = &inner.log;
        // What is about to be dropped for its age could be gone before the first read.
        let first = log.first_lasting(now_ms, &inner.keep);
        let resumed = resume
            .filter(|old| old.epoch == self.epoch && old.seq >= first && old.seq <= log.next())
            .map(|old| old.seq);
        let fresh = match begin {
            Begin::Now => log.next(),
            Begin::Oldest => first,
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
        (Place { slot, seq, awaits: None, since_ms: now_ms }, resumed.is_some())
    }

    /// Releases a place.
    pub(super) fn leave(&self, place: &Place) {
        let mut inner = self.lock();
        let mailbox = inner.readers[place.slot as usize].mailbox.take();
        inner.free.push(place.slot);
        drop(inner);
        drop(mailbox);
    }

    /// Returns the next frames, about `bytes_max` bytes. `now_ms` is the time, or 0 for a reader that was woken just now
    /// and had read everything: then the newest frame's time counts.
    #[inline]
    pub(super) fn read(
        &self,
        place: &mut Place,
        delivery: Delivery,
        (bytes_max, now_ms): (usize, u64),
        mut out: impl FnMut(Part),
    ) -> Read<E> {
        let mut inner = self.lock();
        // Frames appended after the change began are behind this lock as well.
        let mailbox = &inner.readers[place.slot as usize].mailbox;
        if mailbox.as_ref().is_some_and(|mailbox| mailbox.is_changing()) {
            return Read::Held;
        }
        let behind = match place.awaits {
            None if place.seq < inner.log.first() => Some(Behind::Log),
            None if self.behind_ms_max < u64::MAX => self.late(place, &inner.log, now_ms),
            awaits => awaits,
        };
        if let Some(behind) = behind
            && let Some(read) = self.skip(&mut inner, place, (behind, delivery), now_ms, &mut out)
        {
            return read;
        }
        place.seq = inner.log.read(place.seq, bytes_max, |bytes| out(Part::Frames(bytes)));
        inner.wait(place)
    }

    /// Whether the next frame came too long ago, and the reader has had the time to catch up since it began.
    fn late(&self, place: &Place, log: &Log, now_ms: u64) -> Option<Behind> {
        let since_ms = log.came_ms(place.seq).max(place.since_ms);
        let is_late = now_ms.max(log.newest_ms()).saturating_sub(since_ms) > self.behind_ms_max;
        is_late.then_some(Behind::Time)
    }

    /// Skips to where the delivery says. Returns a result if there is nothing to read from there.
    #[cold]
    fn skip(
        &self,
        inner: &mut Inner<E>,
        place: &mut Place,
        (behind, delivery): (Behind, Delivery),
        now_ms: u64,
        out: &mut impl FnMut(Part),
    ) -> Option<Read<E>> {
        let log = &inner.log;
        let now_ms = now_ms.max(log.newest_ms());
        let keyframe = log.keyframe().filter(|&key| key >= place.seq);
        let is_recent = now_ms.saturating_sub(log.keyframe_at_ms()) <= self.behind_ms_max;
        let to = match (delivery, behind) {
            (Delivery::Reliable, _) => return Some(Read::TooLate),
            (Delivery::Latest, _) => Some(log.next().saturating_sub(1).max(log.first())),
            (Delivery::Media, Behind::Log) => keyframe,
            (Delivery::Media, Behind::Time) => keyframe.filter(|_| is_recent),
        };
        let to = to.or(inner.ended.is_some().then(|| log.next()));
        let Some(seq) = to else {
            // One that came while the reader waited, and is too old by now, has fulfilled the wish in vain.
            if place.awaits.is_none() || keyframe.is_some() {
                out(Part::Wants);
            }
            place.awaits = Some(behind);
            return Some(inner.wait(place));
        };
        out(Part::Jump { lost: seq - place.seq, seq, behind });
        if behind == Behind::Log {
            // From there on it has the time to catch up.
            place.since_ms = now_ms;
        }
        (place.seq, place.awaits) = (seq, None);
        None
    }
}

impl<E: Clone> Feed<E> {
    /// Returns the frames before `end`, whatever the reader waits for. `false` if some of them are no longer kept.
    pub(super) fn read_out(&self, place: &mut Place, end: u64, out: impl FnMut(Bytes)) -> bool {
        let mut inner = self.lock();
        let kept = place.seq >= inner.log.first() || place.seq >= end;
        if kept {
            place.seq = inner.log.read_before(place.seq, end, out).max(place.seq);
        }
        kept
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
        if place.seq < self.log.next() && place.awaits.is_none() {
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
