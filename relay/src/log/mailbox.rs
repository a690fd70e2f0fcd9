//! The wake-up handle by which feeds, rooms and timers reach a connection. It knows numbers, but no room and no stream;
//! writing to it never waits for its reader.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Wake, Waker},
    time::Instant,
};

use smallvec::SmallVec;
use stagedoor_wire::close::Close;

/// A connection's mailbox. With its reference counts it fits into one cache line, because every frame to every member
/// touches it twice.
///
/// Socket and timer also wake through it, and say so: a task that was only woken for mail need not poll either of them.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    /// Changes that the reader must learn of before it reads on.
    changes: AtomicU32,
    io_ready: AtomicBool,
}

impl Default for Mailbox {
    fn default() -> Self {
        // Set, because nothing was polled yet.
        Self {
            inner: Mutex::default(),
            changes: AtomicU32::new(0),
            io_ready: AtomicBool::new(true),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// The waker of the task that last read the mail.
    waker: Option<Waker>,
    /// Created when first needed, and kept.
    rest: Option<Box<Mail>>,
    ready: u32,
    lies: Lies,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lies {
    #[default]
    Nothing,
    /// A single feed is ready, which is the usual case.
    Ready,
    /// Several, in `rest`.
    Rest,
}

impl Inner {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// The full list, to add more.
    fn mail(&mut self) -> &mut Mail {
        let mail = self.rest.get_or_insert_default();
        if self.lies == Lies::Ready {
            mail.ready.push(self.ready);
        }
        self.lies = Lies::Rest;
        mail
    }
}

/// The contents of a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Feeds with something new, by the number of the reader's cursor.
    pub(crate) ready: SmallVec<[u32; 4]>,
    /// An order to close.
    pub(crate) order: Option<Order>,
}

/// An order to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The close.
    pub(crate) close: Close,
    /// When; until then the connection continues.
    pub(crate) at: Instant,
}

impl Mail {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.order.is_none()
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a feed has something new for this cursor.
    pub(crate) fn ready(&self, cursor: u32) {
        let mut inner = self.lock();
        if inner.lies == Lies::Nothing {
            inner.lies = Lies::Ready;
            inner.ready = cursor;
            inner.wake();
        } else {
            inner.mail().ready.push(cursor);
        }
    }

    /// Announces a change of the member: nothing appended to a log from here on may be read before the reader knows
    /// what changed. Call it under the room's lock.
    pub(crate) fn change_begins(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The reader has learned of `count` changes.
    pub(crate) fn changes_end(&self, count: u32) {
        self.changes.fetch_sub(count, Ordering::Relaxed);
    }

    /// Whether there is, or is about to be, a change that the reader has not learned of.
    pub(crate) fn is_changing(&self) -> bool {
        self.changes.load(Ordering::Acquire) > 0
    }

    /// Wakes the reader for something outside the mailbox.
    pub(crate) fn wake(&self) {
        self.lock().wake();
    }

    /// Orders the connection to close. An earlier deadline replaces a later one.
    pub(crate) fn order(&self, order: Order) {
        let mut inner = self.lock();
        let mail = inner.mail();
        if mail.order.is_none_or(|old| order.at < old.at) {
            mail.order = Some(order);
        }
        // A reader that leaves its other mail still checks for an order.
        inner.wake();
    }

    /// Orders the connection to close now.
    pub(crate) fn close(&self, close: Close) {
        self.order(Order { close, at: Instant::now() });
    }

    /// Makes the connection poll its socket and check its deadlines.
    pub(crate) fn mark_io_ready(&self) {
        self.io_ready.store(true, Ordering::Release);
        self.lock().wake();
    }

    /// Whether to poll the socket and check deadlines; resets the flag.
    pub(crate) fn take_io_ready(&self) -> bool {
        self.io_ready.load(Ordering::Relaxed) && self.io_ready.swap(false, Ordering::AcqRel)
    }

    /// Takes the order, and with `all` everything else, into a cleared buffer. Later mail wakes `waker`.
    pub(crate) fn take(&self, into: &mut Mail, all: bool, waker: &Waker) -> Option<Order> {
        into.ready.clear();
        let mut inner = self.lock();
        let inner = &mut *inner;
        if !inner.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            inner.waker = Some(waker.clone());
            // If the flag was set before this, no task was woken, or another one.
            if self.io_ready.load(Ordering::Acquire) {
                waker.wake_by_ref();
            }
        }
        match (inner.lies, &mut inner.rest) {
            (Lies::Ready, _) if all => {
                into.ready.push(inner.ready);
                inner.lies = Lies::Nothing;
                None
            }
            (Lies::Rest, Some(mail)) => {
                if all {
                    into.ready.extend(mail.ready.drain(..));
                }
                let order = mail.order.take();
                if mail.is_empty() {
                    inner.lies = Lies::Nothing;
                }
                order
            }
            _ => None,
        }
    }
}

impl Wake for Mailbox {
    fn wake(self: Arc<Self>) {
        self.mark_io_ready();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mark_io_ready();
    }
}

#[cfg(test)]
mod tests;
