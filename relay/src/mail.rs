//! The wake-up handle by which rooms and streams reach a connection. After `log`, before `batch`. All
//! that a room ever knows of a connection is this. Nobody who writes here ever waits for who reads.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Instant,
};

use bytes::Bytes;
use smallvec::SmallVec;
use stagedoor_wire::close::Close;

use crate::{room::Regranted, stream::Stream};

/// A connection's mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    inner: Mutex<Inner>,
    /// Changes of the member's grants that began, and those of whose letters the reader has taken notice.
    changes: AtomicU64,
    noticed: AtomicU64,
    letters: Mutex<Vec<Regranted>>,
}

#[derive(Debug, Default)]
struct Inner {
    mail: Mail,
    /// Of the task that took from here last.
    waker: Option<Waker>,
}

impl Inner {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// What lies in a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Feeds that have something new, by the number of the reader's cursor.
    pub(crate) ready: SmallVec<[u32; 4]>,
    /// Streams that began and that a pattern of the reader's matches.
    pub(crate) found: Vec<Arc<Stream>>,
    /// Frames for this connection alone.
    pub(crate) private: Vec<Bytes>,
    private_bytes: usize,
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
        self.ready.is_empty()
            && self.found.is_empty()
            && self.private.is_empty()
            && self.order.is_none()
    }
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever put into the empty mailbox woke its reader; until that has taken, nobody else need.
    fn put(&self, put: impl FnOnce(&mut Mail)) {
        let mut inner = self.lock();
        let idle = inner.mail.is_empty();
        put(&mut inner.mail);
        if idle {
            inner.wake();
        }
    }

    /// A feed has something new for the cursor of this number.
    pub(crate) fn ready(&self, cursor: u32) {
        self.put(|mail| mail.ready.push(cursor));
    }

    /// A stream began that a pattern of the reader's matches.
    pub(crate) fn found(&self, stream: Arc<Stream>) {
        self.put(|mail| mail.found.push(stream));
    }

    /// A frame for this connection alone. Over the bound the connection is closed instead.
    pub(crate) fn private(&self, frame: Bytes, bytes_max: usize) {
        self.put(|mail| {
            mail.private_bytes += frame.len();
            if mail.private_bytes > bytes_max {
                mail.order.get_or_insert(Order { close: Close::Slow, at: Instant::now() });
            } else {
                mail.private.push(frame);
            }
        });
    }

    /// The member's grants are about to become others: nothing that is appended to a log from here on may be
    /// read before the letter is. To be called under the room's lock.
    pub(crate) fn change_begins(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Whether a change began of which the reader does not know yet.
    pub(crate) fn is_changing(&self) -> bool {
        self.changes.load(Ordering::Acquire) != self.noticed.load(Ordering::Relaxed)
    }

    /// The member's grants became others. To be called under the room's lock, so that letters lie in the
    /// order of what they tell.
    pub(crate) fn regranted(&self, letter: Regranted) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        self.wake();
    }

    /// Takes the letters about the member's grants, oldest first. Costs next to nothing when there are none,
    /// so that it can be asked before each request.
    pub(crate) fn letters(&self) -> Vec<Regranted> {
        if !self.is_changing() {
            return Vec::new();
        }
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        self.noticed.fetch_add(letters.len() as u64, Ordering::Relaxed);
        std::mem::take(&mut *letters)
    }

    /// Orders the connection to close. An order that comes sooner replaces one that comes later.
    pub(crate) fn order(&self, order: Order) {
        let mut inner = self.lock();
        if inner.mail.order.is_none_or(|old| order.at < old.at) {
            inner.mail.order = Some(order);
        }
        // Also who leaves its other mail where it lies looks for an order.
        inner.wake();
    }

    /// Orders the connection to close now.
    pub(crate) fn close(&self, close: Close) {
        self.order(Order { close, at: Instant::now() });
    }

    /// Lets the connection look what there is to do.
    pub(crate) fn wake(&self) {
        self.lock().wake();
    }

    /// Takes the order, and with `all` everything, into what is emptied before. What comes later wakes
    /// `waker`.
    pub(crate) fn take(&self, into: &mut Mail, all: bool, waker: &Waker) -> Option<Order> {
        into.ready.clear();
        into.found.clear();
        into.private.clear();
        let mut inner = self.lock();
        if !inner.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            inner.waker = Some(waker.clone());
        }
        let mail = &mut inner.mail;
        if all {
            into.ready.extend(mail.ready.drain(..));
            into.found.append(&mut mail.found);
            into.private.append(&mut mail.private);
            mail.private_bytes = 0;
        }
        mail.order.take()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_reader_is_woken_once_until_it_has_taken_and_by_every_order() {
        let (mailbox, mut mail) = (Mailbox::default(), Mail::default());
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(woken.clone());
        mailbox.take(&mut mail, true, &waker);
        let now = || woken.0.swap(0, Ordering::Relaxed);
        mailbox.ready(1);
        mailbox.ready(2);
        assert_eq!(now(), 1);
        mailbox.close(Close::Kicked);
        assert_eq!(now(), 1);
        // The order alone is taken: the rest waits for who takes all, without being told again.
        assert!(mailbox.take(&mut mail, false, &waker).is_some());
        mailbox.ready(3);
        assert_eq!(now(), 0);
        mailbox.take(&mut mail, true, &waker);
        assert_eq!(mail.ready.as_slice(), [1, 2, 3]);
        mailbox.ready(4);
        assert_eq!(now(), 1);
    }

    #[test]
    fn private_frames_over_the_bound_order_a_close() {
        let mailbox = Mailbox::default();
        let mut mail = Mail::default();
        mailbox.private(Bytes::from_static(&[0; 60]), 100);
        mailbox.private(Bytes::from_static(&[0; 60]), 100);
        let order = mailbox.take(&mut mail, true, Waker::noop());
        assert_eq!(mail.private.len(), 1);
        assert_eq!(order.map(|order| order.close), Some(Close::Slow));
    }

    #[test]
    fn the_sooner_order_wins() {
        let mailbox = Mailbox::default();
        let now = Instant::now();
        let later = now + std::time::Duration::from_secs(9);
        mailbox.order(Order { close: Close::Closing, at: later });
        mailbox.order(Order { close: Close::Kicked, at: now });
        mailbox.order(Order { close: Close::Closing, at: later });
        let mut mail = Mail::default();
        assert_eq!(
            mailbox.take(&mut mail, false, Waker::noop()),
            Some(Order { close: Close::Kicked, at: now })
        );
    }
}
