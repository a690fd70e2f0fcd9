//! What a room has for one member alone. Letters lie in the order of what they say, and each says how far its
//! reader must have read the room's events before it: so a member is never named before it was introduced, and
//! nothing that somebody did comes after its leave.
//!
//! The mailbox below it knows nothing of rooms. Nothing in a letter holds an inbox, so a letter that is never
//! read goes with its inbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use stagedoor_wire::close::Close;

use super::{
    member::Occupant,
    rest::Rest,
    views::{Dues, EventsCursor, View},
};
use crate::log::{mailbox::Mailbox, stream::Stream};

/// What a letter weighs besides its text.
const LETTER_BYTES: usize = 256;

/// A letter.
#[derive(Debug)]
pub(crate) struct Letter {
    dues: Dues,
    pub(crate) what: News,
}

/// What a letter says.
#[derive(Debug)]
pub(crate) enum News {
    /// An event of the member's own.
    Event(Bytes),
    /// A stream began that a pattern of the member's matches. It is the stream and not its number, so that one
    /// that begins and ends at once is not missed.
    Found(Arc<Stream>),
    /// A list of which the member may know now.
    Rest(Box<Rest>),
    /// The member's grants changed.
    GrantUpdate(GrantUpdate),
}

/// What a seat must know when its grants changed.
#[derive(Debug)]
pub(crate) struct GrantUpdate {
    /// The member as it is now.
    pub(crate) occupant: Arc<Occupant>,
    /// Another view, when it sees other things.
    pub(crate) switch: Option<Switch>,
    /// What the member itself hears of it.
    pub(crate) event: Option<Bytes>,
}

/// From one view of the room to another.
#[derive(Debug)]
pub(crate) struct Switch {
    /// The first number in the old view that is not the member's any more.
    pub(crate) end: u64,
    /// The cursor on the new one.
    pub(crate) events: EventsCursor,
}

impl Letter {
    pub(super) fn new(dues: Dues, what: News) -> Self {
        Self { dues, what }
    }

    /// An answer. It says nothing of the room's events, so none need be read before it.
    pub(crate) fn answer(frame: Bytes) -> Self {
        Self::new(Dues::default(), News::Event(frame))
    }

    /// Before which number of the reader's view everything is to be read first.
    pub(crate) fn due(&self, view: &View) -> u64 {
        self.dues.of(view)
    }

    /// What it weighs among what waits for one member.
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

/// A member's letters, and the mailbox by which it is woken for them.
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

    /// Announces a letter: nothing that is appended to a log from here on is read before it. To be called under
    /// the room's lock.
    pub(crate) fn announce(&self) {
        self.mailbox.change_begins();
    }

    /// Puts the letter that was announced. To be called under the room's lock, so that letters lie in the order
    /// of what they say. Over the bound the connection is closed, and the letter lies there still: until it is
    /// read, the reader is held.
    pub(crate) fn put_announced(&self, letter: Letter, bytes_max: usize) {
        self.lay(letter, bytes_max, true);
    }

    /// Puts a letter that nothing announced: nothing that is appended to a log from here on is read before it.
    /// To be called under the room's lock, unless it is an answer. Over the bound the connection is closed
    /// instead.
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

    /// Takes the letters, oldest first. Costs next to nothing when there are none, so that it can be asked before
    /// each request.
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
        assert_eq!(inbox.take().len(), 1, "the second was not kept");
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
