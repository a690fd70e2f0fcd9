//! What a room has for one member alone. Letters lie in the order of what they tell, and each says how far
//! its reader must have read the room's events before: so nobody is named to a member that it was not told
//! of, and what somebody did is never told after it left.

use std::sync::Arc;

use bytes::Bytes;
use stagedoor_wire::member::Cursor;

use super::{Inner, Regranted, Rest, View};
use crate::log::stream::Stream;

/// What a letter weighs besides its text.
const LETTER_BYTES: usize = 256;

/// A letter.
#[derive(Debug)]
pub(crate) struct Letter {
    dues: Dues,
    pub(crate) what: News,
}

/// What is told.
#[derive(Debug)]
pub(crate) enum News {
    /// An event of the member's own.
    Event(Bytes),
    /// A stream began that a pattern of the member's matches.
    Found(Arc<Stream>),
    /// A list of which the member may know now.
    Rest(Box<Rest>),
    /// The member's grants became others.
    Regranted(Regranted),
}

/// How far each view of the room had come at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Dues(Arc<[Cursor]>);

impl Dues {
    /// The number in a view before which all was told. Of a view that there was not yet: nothing.
    pub(crate) fn of(&self, view: &View) -> u64 {
        let epoch = view.feed.epoch;
        self.0.iter().find(|due| due.epoch == epoch).map_or(0, |due| due.seq)
    }
}

impl Letter {
    pub(super) fn new(dues: Dues, what: News) -> Self {
        Self { dues, what }
    }

    /// An answer. It tells nothing of the room's story, so nothing is to be read before it.
    pub(crate) fn answer(frame: Bytes) -> Self {
        Self::new(Dues(Arc::default()), News::Event(frame))
    }

    /// Before which number of the reader's view all is to be read first.
    pub(crate) fn due(&self, view: &View) -> u64 {
        self.dues.of(view)
    }

    /// What it weighs among what waits for one member.
    pub(crate) fn bytes(&self) -> usize {
        let text = match &self.what {
            News::Event(frame) => frame.len(),
            News::Found(stream) => stream.info.meta.as_ref().map_or(0, String::len),
            News::Rest(_) => 0,
            News::Regranted(regranted) => regranted.told.as_ref().map_or(0, Bytes::len),
        };
        LETTER_BYTES + text
    }
}

impl Inner {
    /// How far all views have come.
    pub(super) fn dues(&self) -> Dues {
        let dues = self.views.all().map(|view| {
            let feed = &view.feed;
            Cursor { epoch: feed.epoch, seq: feed.next() }
        });
        Dues(dues.collect())
    }

    /// Sees to it that everybody was told of a user, before they are told of what it does. Those that waited
    /// longest are told of with it, so that many who act at once are few messages.
    pub(super) fn introduce(&mut self, user: &str, now_ms: u64) {
        if self.presence.waits_for(user) {
            self.tell_batch(Some(user), now_ms);
        }
    }
}
