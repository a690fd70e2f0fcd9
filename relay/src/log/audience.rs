//! What a stream's publisher is told of its readers: whether anybody reads, and that somebody needs a keyframe. Readers
//! leave their wishes here and wake the publisher, which takes them when it has its turn; neither waits for the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stagedoor_wire::limits::Limits;

use super::mailbox::Mailbox;

/// The readers of one stream, as its publisher knows them.
#[derive(Debug)]
pub(crate) struct Audience {
    /// The publisher's.
    mailbox: Arc<Mailbox>,
    /// The stream's number, by which the mailbox reports it.
    number: u32,
    interval_ms: u64,
    linger_ms: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    readers: u32,
    /// Whether the publisher was told that somebody reads.
    is_told: bool,
    /// Whether somebody has come since it was told that nobody reads.
    has_come: bool,
    /// Since when nobody reads, once the publisher has seen it.
    empty_ms: Option<u64>,
    /// The number of the next frame at the first wish that was not passed on.
    wish: Option<u64>,
    passed_ms: Option<u64>,
    /// Whether the publisher's mailbox reports the stream already.
    is_ready: bool,
    /// When a timer wakes the publisher, if one is set.
    timer_ms: Option<u64>,
}

/// What the publisher is to be told now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether a keyframe is wanted.
    pub(crate) keyframe: bool,
    /// Whether somebody reads, if that is news.
    pub(crate) watched: Option<bool>,
    /// When there may be more to tell. The caller sets a timer, which ends in [`Audience::timer_fires`].
    pub(crate) timer_ms: Option<u64>,
}

impl Audience {
    /// Nobody reads yet. `number` is the stream's.
    pub(crate) fn new(mailbox: Arc<Mailbox>, number: u32, limits: &Limits) -> Self {
        Self {
            mailbox,
            number,
            interval_ms: limits.keyframe_interval_ms,
            linger_ms: limits.watched_linger_ms,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the publisher, unless it is about to look.
    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        if !std::mem::replace(&mut inner.is_ready, true) {
            drop(inner);
            self.mailbox.ready(self.number);
        }
    }

    /// A reader has come.
    pub(crate) fn reader_came(&self) {
        let mut inner = self.lock();
        inner.readers += 1;
        inner.empty_ms = None;
        if !inner.is_told && !std::mem::replace(&mut inner.has_come, true) {
            self.wake(inner);
        }
    }

    /// A reader has left.
    pub(crate) fn reader_left(&self) {
        let mut inner = self.lock();
        inner.readers -= 1;
        if inner.readers == 0 {
            self.wake(inner);
        }
    }

    /// A reader needs a keyframe; `next` is the number of the stream's next frame. Returns whether the wish is held
    /// back, because it came too soon after another.
    pub(crate) fn wish(&self, next: u64, now_ms: u64) -> bool {
        let mut inner = self.lock();
        if inner.wish.is_some() {
            return true;
        }
        inner.wish = Some(next);
        let is_held = inner.passes_ms(self.interval_ms) > now_ms;
        self.wake(inner);
        is_held
    }

    /// What the publisher is to be told at `now_ms`; `keyframe` is the number of the newest keyframe that is kept.
    pub(crate) fn take(&self, keyframe: Option<u64>, now_ms: u64) -> Told {
        let mut inner = self.lock();
        inner.is_ready = false;
        let mut told = Told::default();
        let watched_ms = inner.take_watched(self.linger_ms, now_ms, &mut told);
        let wish_ms = inner.take_wish(self.interval_ms, keyframe, now_ms, &mut told);
        let due = watched_ms.into_iter().chain(wish_ms).min();
        told.timer_ms = due.filter(|due| inner.timer_ms.is_none_or(|timer| *due < timer));
        inner.timer_ms = told.timer_ms.or(inner.timer_ms);
        told
    }

    /// The timer that was set for this time fires.
    pub(crate) fn timer_fires(&self, at_ms: u64) {
        let mut inner = self.lock();
        inner.timer_ms.take_if(|timer| *timer == at_ms);
        self.wake(inner);
    }
}

impl Inner {
    /// When a wish may be passed on.
    fn passes_ms(&self, interval_ms: u64) -> u64 {
        self.passed_ms.map_or(0, |passed| passed + interval_ms)
    }

    /// Returns when to look again.
    fn take_watched(&mut self, linger_ms: u64, now_ms: u64, told: &mut Told) -> Option<u64> {
        if std::mem::take(&mut self.has_come) {
            self.is_told = true;
            told.watched = Some(true);
        }
        if self.readers > 0 || !self.is_told {
            return None;
        }
        let ends_ms = *self.empty_ms.get_or_insert(now_ms) + linger_ms;
        // Each time it tells one thing.
        if now_ms < ends_ms || told.watched.is_some() {
            return Some(ends_ms);
        }
        self.is_told = false;
        told.watched = Some(false);
        None
    }

    /// Returns when to look again.
    fn take_wish(
        &mut self,
        interval_ms: u64,
        keyframe: Option<u64>,
        now_ms: u64,
        told: &mut Told,
    ) -> Option<u64> {
        let since = self.wish?;
        if keyframe.is_some_and(|keyframe| keyframe >= since) {
            self.wish = None;
            return None;
        }
        let due_ms = self.passes_ms(interval_ms);
        if now_ms < due_ms {
            return Some(due_ms);
        }
        self.wish = None;
        self.passed_ms = Some(now_ms);
        told.keyframe = true;
        None
    }
}

#[cfg(test)]
mod tests;
