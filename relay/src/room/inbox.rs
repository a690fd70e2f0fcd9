//! What a room sends to one member alone. Letters are ordered like what they report, and each says how far its reader
//! must have read the room's events first: so a member is never named before it is introduced, and nothing that
//! somebody did follows its leave.
//!
//! The mailbox below knows nothing of rooms. A letter holds no reference to an inbox, so an unread letter is dropped
//! with its inbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stagedoor_wire::close::Close;

use super::{
    member::Occupant,
    rest::Rest,
    views::{Dues, EventsCursor, View},
};
use crate::log::{mailbox::Mailbox, stream::Stream};

/// The weight of a letter besides its text.
const LETTER_BYTES: usize = 256;

/// A letter.
#[derive(Debug)]
pub(crate) struct Letter {
    dues: Dues,
    pub(crate) what: News,
}

/// The content of a letter.
#[derive(Debug)]
pub(crate) enum News {
    /// An event for this member.
    Event(Bytes),
    /// A stream that matches one of the member's patterns began. Holds the stream, not its number, so that a stream
    /// that ends at once is not missed.
    Found(Arc<Stream>),
    /// A list that the member may now see.
    Rest(Box<Rest>),
    /// The member's grants changed.
    GrantUpdate(GrantUpdate),
}

/// What a seat must know when its grants change.
#[derive(Debug)]
pub(crate) struct GrantUpdate {
    /// The member's present version.
    pub(crate) occupant: Arc<Occupant>,
    /// The other view, if it now sees other events.
    pub(crate) switch: Option<Switch>,
    /// The event for the member.
    pub(crate) event: Option<Bytes>,
}

/// The switch from one view of the room to another.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The first number in the old view that the member may not read.
    pub(crate) end: u64,
    /// The cursor on the new one.
    pub(crate) events: EventsCursor,
}

impl Letter {
    pub(super) fn new(dues: Dues, what: News) -> Self {
        Self { dues, what }
    }

    /// An answer. It reports no event of the room, so none must be read before it.
    pub(crate) fn answer(frame: Bytes) -> Self {
        Self::new(Dues::default(), News::Event(frame))
    }

    /// The position in the reader's view that must be read first.
    pub(crate) fn due(&self, view: &View) -> u64 {
        self.dues.of(view)
    }

    /// Its weight in the bound on a member's unread letters.
    fn bytes(&self) -> usize {
        let text = match &self.what {
            News::Event(frame) => frame.len(),
            News::Found(stream) => stream.info.meta.as_ref().map_or(0, String::len),
            News::Rest(_) => 0,
            News::GrantUpdate(update) => update.event.as_ref().map_or(0, Bytes::len),
        };
        LETTER_BYTES + text
    }
}

/// A member's letters, and the mailbox that wakes it for them.
#[derive(Debug)]
pub(crate) struct Inbox {
    mailbox: Arc<Mailbox>,
    letters: Mutex<Letters>,
}

#[derive(Debug, Default)]
struct Letters {
    letters: Vec<Letter>,
    bytes: usize,
}

impl Inbox {
    /// An empty inbox.
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox, letters: Mutex::default() }
    }

    /// The mailbox.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a letter: nothing appended to a log from here on is read before it. Call it under the room's lock.
    pub(crate) fn announce(&self) {
        self.mailbox.change_begins();
    }

    /// Adds an announced letter. Call it under the room's lock, so that letters keep the order of what they report.
    /// Over the bound the connection is closed, but the letter is kept: until it is read, the reader is blocked.
    pub(crate) fn put_announced(&self, letter: Letter, bytes_max: usize) {
        self.lay(letter, bytes_max, true);
    }

    /// Adds a letter that was not announced: nothing appended to a log from here on is read before it. Call it under
    /// the room's lock, unless it is an answer. Over the bound the connection is closed instead.
    pub(crate) fn put(&self, letter: Letter, bytes_max: usize) {
        self.lay(letter, bytes_max, false);
    }

    fn lay(&self, letter: Letter, bytes_max: usize, was_announced: bool) {
        let mut inner = self.lock();
        inner.bytes += letter.bytes();
        let fits = inner.bytes <= bytes_max;
        if fits && !was_announced {
            self.announce();
        }
        if fits || was_announced {
            inner.letters.push(letter);
        }
        drop(inner);
        if fits {
            self.mailbox.wake();
        } else {
            self.mailbox.close(Close::Slow);
        }
    }

    /// Takes the letters, oldest first. Almost free when there are none, so that it can be called before each request.
    pub(crate) fn take(&self) -> Vec<Letter> {
        if !self.mailbox.is_changing() {
            return Vec::new();
        }
        let mut inner = self.lock();
        self.mailbox.changes_end(inner.letters.len() as u32);
        inner.bytes = 0;
        std::mem::take(&mut inner.letters)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::log::mailbox::Mail;

    fn inbox() -> Inbox {
        Inbox::new(Arc::default())
    }

    #[test]
    fn letters_over_the_bound_order_a_close() {
        let inbox = inbox();
        let mut mail = Mail::default();
        let letter = || Letter::answer(Bytes::from_static(&[0; 60]));
        let bytes_max = letter().bytes() * 3 / 2;
        inbox.put(letter(), bytes_max);
        let mailbox = inbox.mailbox();
        assert!(mailbox.is_changing() && inbox.take().len() == 1 && !mailbox.is_changing());
        for _ in 0..2 {
            inbox.put(letter(), bytes_max);
        }
        let order = mailbox.take(&mut mail, true, Waker::noop());
        assert_eq!(order.map(|order| order.close), Some(Close::Slow));
        assert_eq!(inbox.take().len(), 1, "the second was dropped");
        assert!(!mailbox.is_changing());
    }

    #[test]
    fn an_announced_letter_is_kept_over_the_bound() {
        let inbox = inbox();
        inbox.announce();
        inbox.put_announced(Letter::answer(Bytes::from_static(&[0; 60])), 1);
        let order = inbox.mailbox().take(&mut Mail::default(), true, Waker::noop());
        assert_eq!(order.map(|order| order.close), Some(Close::Slow));
        assert_eq!(inbox.take().len(), 1);
    }
}
