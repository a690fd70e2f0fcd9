//! A seat subscribes to streams, and unsubscribes.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use stagedoor_token::Pattern;
use stagedoor_wire::{
    member::{Cursor, Subscribed},
    request,
};

use super::seat::Seat;
use crate::log::stream::Stream;

impl Seat {
    /// The number of subscriptions including these.
    pub(super) fn subscriptions_with(&self, patterns: &[Pattern]) -> usize {
        let new = patterns.iter().filter(|pattern| !self.subscriptions.contains(pattern)).count();
        self.subscriptions.len() + new
    }

    /// Adds patterns. Returns the matching streams that the grants allow, each with its position, as many as are sent
    /// at once. Earlier events, which also introduce their publishers, go to `out`.
    pub(crate) fn subscribe(
        &mut self,
        patterns: Vec<Pattern>,
        from: &[request::From],
        mut out: impl FnMut(Bytes),
    ) -> Vec<Subscribed> {
        let (live, dues) = self.room.subscribe(self.id, &self.inbox, &patterns);
        // What came meanwhile may have switched the view.
        let read = self.refresh(&mut out);
        let read = read.and_then(|()| self.read_before(dues.of(self.events.log()), &mut out));
        if let Err(close) = read {
            self.inbox.mailbox().close(close);
        }
        patterns.into_iter().for_each(|pattern| {
            self.subscriptions.add(pattern);
        });
        let mut cursors = HashMap::new();
        for from in from {
            let cursor = Cursor { epoch: from.epoch, seq: from.seq };
            cursors.entry(&from.stream).or_insert(cursor);
        }
        let with_cursor = |stream: Arc<Stream>| {
            let cursor = cursors.get(&stream.info.name).copied();
            (stream, cursor)
        };
        self.attach_some(live.into_iter().map(with_cursor))
    }

    /// Removes patterns; cursors that no pattern matches any more end.
    pub(crate) fn unsubscribe(&mut self, patterns: &[Pattern]) {
        self.room.unsubscribe(self.id, patterns);
        let removed: Vec<&Pattern> =
            patterns.iter().filter(|pattern| self.subscriptions.remove(pattern)).collect();
        for number in self.cursors.lost(&removed, &self.subscriptions) {
            self.cursors.end(number);
        }
    }
}
