//! The wake-up handle by which rooms and streams reach a connection. All that a room ever knows of a
//! connection is this. Nobody who writes here ever waits for who reads.

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

use crate::room::Letter;

/// A connection's mailbox. With the counts of who holds it, it is one line of the processor's cache: each
/// frame to each member comes by here twice.
///
/// It is also what socket and timer wake, when there is something to be read or something is due: so a task
/// that only mail woke knows that neither need be looked at.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    /// Letters, and changes of the member's grants that began, of which the reader has not taken notice.
    changes: AtomicU32,
    stirred: AtomicBool,
}

impl Default for Mailbox {
    fn default() -> Self {
        // Nobody has looked yet.
        Self { inner: Mutex::default(), changes: AtomicU32::new(0), stirred: AtomicBool::new(true) }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// Of the task that took from here last.
    waker: Option<Waker>,
    /// Made for who needs it once, and kept.
    rest: Option<Box<Rest>>,
    ready: u32,
    lies: Lies,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lies {
    #[default]
    Nothing,
    /// One feed is `ready`: so it nearly always is.
    Ready,
    /// It is in `rest`.
    Rest,
}

#[derive(Debug, Default)]
struct Rest {
    mail: Mail,
    letters: Vec<Letter>,
    letters_bytes: usize,
}

impl Inner {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// All that lies here, to lay more to it.
    fn mail(&mut self) -> &mut Mail {
        let mail = &mut self.rest.get_or_insert_default().mail;
        if self.lies == Lies::Ready {
            mail.ready.push(self.ready);
        }
        self.lies = Lies::Rest;
        mail
    }
}

/// What lies in a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Feeds that have something new, by the number of the reader's cursor.
    pub(crate) ready: SmallVec<[u32; 4]>,
    /// Somebody's order to close.
    pub(crate) order: Option<Order>,
}

/// An order to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The close.
    pub(crate) close: Close,
    /// When; until then the connection goes on.
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

    /// A feed has something new for the cursor of this number.
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

    /// The member's grants are about to become others: nothing that is appended to a log from here on may be
    /// read before the letter is. To be called under the room's lock.
    pub(crate) fn change_begins(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Whether there is, or will be at once, a letter of which the reader does not know yet.
    pub(crate) fn is_changing(&self) -> bool {
        self.changes.load(Ordering::Acquire) > 0
    }

    /// The letter of a change that began. To be called under the room's lock, so that letters lie in the order
    /// of what they tell. Over the bound the connection is closed, and the letter lies there still: until it
    /// is read, the reader is held.
    pub(crate) fn changed(&self, letter: Letter, bytes_max: usize) {
        self.lay(letter, bytes_max, true);
    }

    /// A letter that nothing announced: nothing that is appended to a log from here on is read before it. To
    /// be called under the room's lock, unless it is an answer. Over the bound the connection is closed instead.
    pub(crate) fn told(&self, letter: Letter, bytes_max: usize) {
        self.lay(letter, bytes_max, false);
    }

    fn lay(&self, letter: Letter, bytes_max: usize, was_announced: bool) {
        let mut inner = self.lock();
        let rest = inner.rest.get_or_insert_default();
        rest.letters_bytes += letter.bytes();
        let fits = rest.letters_bytes <= bytes_max;
        if fits && !was_announced {
            self.change_begins();
        }
        if fits || was_announced {
            rest.letters.push(letter);
        }
        if !fits {
            let slow = Order { close: Close::Slow, at: Instant::now() };
            inner.mail().order.get_or_insert(slow);
        }
        inner.wake();
    }

    /// Takes the letters, oldest first. Costs next to nothing when there are none, so that it can be asked
    /// before each request.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        if !self.is_changing() {
            return Vec::new();
        }
        let mut inner = self.lock();
        let Some(rest) = &mut inner.rest else { return Vec::new() };
        self.changes.fetch_sub(rest.letters.len() as u32, Ordering::Relaxed);
        rest.letters_bytes = 0;
        std::mem::take(&mut rest.letters)
    }

    /// Throws away all that lies here. To be called when the seat is given up and its room knows it no more:
    /// a letter holds the member, and the member this mailbox.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        let rest = inner.rest.take();
        inner.lies = Lies::Nothing;
        // What lay here gives up places in feeds, whose readers' mailboxes are never called under this lock.
        drop(inner);
        let letters = rest.as_ref().map_or(0, |rest| rest.letters.len());
        self.changes.fetch_sub(letters as u32, Ordering::Relaxed);
        drop(rest);
    }

    /// Orders the connection to close. An order that comes sooner replaces one that comes later.
    pub(crate) fn order(&self, order: Order) {
        let mut inner = self.lock();
        let mail = inner.mail();
        if mail.order.is_none_or(|old| order.at < old.at) {
            mail.order = Some(order);
        }
        // Also who leaves its other mail where it lies looks for an order.
        inner.wake();
    }

    /// Orders the connection to close now.
    pub(crate) fn close(&self, close: Close) {
        self.order(Order { close, at: Instant::now() });
    }

    /// Lets the connection look at its socket and at the clock.
    pub(crate) fn stir(&self) {
        self.stirred.store(true, Ordering::Release);
        self.lock().wake();
    }

    /// Whether socket or clock are to be looked at; once.
    pub(crate) fn was_stirred(&self) -> bool {
        self.stirred.load(Ordering::Relaxed) && self.stirred.swap(false, Ordering::AcqRel)
    }

    /// Takes the order, and with `all` everything, into what is emptied before. What comes later wakes
    /// `waker`.
    pub(crate) fn take(&self, into: &mut Mail, all: bool, waker: &Waker) -> Option<Order> {
        into.ready.clear();
        let mut inner = self.lock();
        let inner = &mut *inner;
        if !inner.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            inner.waker = Some(waker.clone());
            // What stirred before this found nobody to wake, or somebody else.
            if self.stirred.load(Ordering::Acquire) {
                waker.wake_by_ref();
            }
        }
        match (inner.lies, &mut inner.rest) {
            (Lies::Ready, _) if all => {
                into.ready.push(inner.ready);
                inner.lies = Lies::Nothing;
                None
            }
            (Lies::Rest, Some(rest)) => {
                let mail = &mut rest.mail;
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
        self.stir();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.stir();
    }
}

#[cfg(test)]
mod tests;
