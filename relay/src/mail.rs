//! The wake-up handle by which rooms and streams reach a connection. After `log`, before `batch`. All
//! that a room ever knows of a connection is this. Nobody who writes here ever waits for who reads.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Instant,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use stagedoor_wire::close::Close;

use crate::{room::Regranted, stream::Stream};

/// A connection's mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    /// Whether there are letters about the member's grants.
    regranted: AtomicBool,
    letters: Mutex<Vec<Regranted>>,
    waker: AtomicWaker,
}

/// What lies in a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Feeds that have something new, by the number of the reader's cursor.
    pub(crate) ready: Vec<u32>,
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
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, put: impl FnOnce(&mut Mail)) {
        let mut mail = self.lock();
        let idle = mail.is_empty();
        put(&mut mail);
        drop(mail);
        if idle {
            self.waker.wake();
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

    /// The member's grants became others. To be called under the room's lock, so that letters lie in the
    /// order of what they tell.
    pub(crate) fn regranted(&self, letter: Regranted) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
        self.regranted.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Takes the letters about the member's grants, oldest first. Costs next to nothing when there are none,
    /// so that it can be asked before each request.
    pub(crate) fn letters(&self) -> Vec<Regranted> {
        if !self.regranted.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        self.regranted.store(false, Ordering::Release);
        std::mem::take(&mut *letters)
    }

    /// Orders the connection to close. An order that comes sooner replaces one that comes later.
    pub(crate) fn order(&self, order: Order) {
        self.put(|mail| {
            if mail.order.is_none_or(|old| order.at < old.at) {
                mail.order = Some(order);
            }
        });
        self.waker.wake();
    }

    /// Orders the connection to close now.
    pub(crate) fn close(&self, close: Close) {
        self.order(Order { close, at: Instant::now() });
    }

    /// Lets the connection look what there is to do.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Whom to wake; to be called before [`Mailbox::take`].
    pub(crate) fn wake_by(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Takes the order, and with `all` everything, leaving `into`'s emptied room in exchange, so that
    /// nothing is allocated anew.
    pub(crate) fn take(&self, into: &mut Mail, all: bool) -> Option<Order> {
        let mut mail = self.lock();
        let order = mail.order.take();
        if all {
            into.ready.clear();
            into.found.clear();
            into.private.clear();
            into.private_bytes = 0;
            std::mem::swap(&mut *mail, into);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_frames_over_the_bound_order_a_close() {
        let mailbox = Mailbox::default();
        let mut mail = Mail::default();
        mailbox.private(Bytes::from_static(&[0; 60]), 100);
        mailbox.private(Bytes::from_static(&[0; 60]), 100);
        let order = mailbox.take(&mut mail, true);
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
        assert_eq!(mailbox.take(&mut mail, false), Some(Order { close: Close::Kicked, at: now }));
    }
}
