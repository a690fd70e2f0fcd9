//! A seat's cursors on streams, by number and by name.

use std::sync::Arc;

use smallvec::SmallVec;
use stagedoor_token::Pattern;
use stagedoor_wire::{
    member::{self, Subscribed},
    name::StreamName,
};

use super::subscriptions::{CursorNames, Subscriptions};
use crate::log::{feed::Cursor, mailbox::Mailbox, stream::Stream};

/// A cursor on a stream.
pub(super) type StreamCursor = Cursor<Stream>;

/// The cursors, by stream number; most members have one.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_number: SmallVec<[StreamCursor; 1]>,
    names: CursorNames,
}

impl Cursors {
    /// The cursor on the stream with this number.
    #[inline]
    pub(super) fn get(&mut self, number: u32) -> Option<&mut StreamCursor> {
        let at = self.by_number.binary_search_by_key(&number, |cursor| cursor.log().info.stream);
        at.ok().and_then(|at| self.by_number.get_mut(at))
    }

    /// Begins to read a stream; `None` if it is already being read.
    pub(super) fn begin(
        &mut self,
        stream: Arc<Stream>,
        mailbox: &Arc<Mailbox>,
        resume: Option<member::Cursor>,
    ) -> Option<Subscribed> {
        let number = stream.info.stream;
        let at = self.by_number.partition_point(|cursor| cursor.log().info.stream < number);
        if self.by_number.get(at).is_some_and(|cursor| cursor.log().info.stream == number) {
            return None;
        }
        let begin = stream.begin();
        let (cursor, resumed) = Cursor::join(stream, mailbox, number, begin, resume);
        let stream = cursor.log();
        let subscribed = Subscribed {
            info: stream.info.clone(),
            epoch: stream.feed.epoch,
            seq: cursor.seq(),
            resumed: resume.map(|_| resumed),
        };
        self.names.add(stream.info.name.clone(), number);
        self.by_number.insert(at, cursor);
        Some(subscribed)
    }

    /// Removes a cursor, which ends when the returned value is dropped.
    pub(super) fn end(&mut self, number: u32) -> Option<StreamCursor> {
        let at = self.by_number.binary_search_by_key(&number, |cursor| cursor.log().info.stream);
        let cursor = self.by_number.remove(at.ok()?);
        self.names.remove(cursor.log().info.name.clone(), number);
        Some(cursor)
    }

    /// The numbers of streams that `may` excludes.
    pub(super) fn denied(&self, may: impl Fn(&Stream) -> bool) -> Vec<u32> {
        let denied = self.by_number.iter().filter(|cursor| !may(cursor.log()));
        denied.map(|cursor| cursor.log().info.stream).collect()
    }

    /// The numbers of streams that only these patterns, no longer among the subscriptions, matched.
    pub(super) fn lost(&self, removed: &[&Pattern], subscriptions: &Subscriptions) -> Vec<u32> {
        let is_lost = |(name, _): &&(StreamName, u32)| !subscriptions.has(name);
        // Several patterns might match the same streams: then all streams are checked, once.
        match removed {
            [] => Vec::new(),
            [pattern] => self.names.covered(pattern).filter(is_lost).map(|(_, at)| *at).collect(),
            _ => self.names.iter().filter(is_lost).map(|(_, at)| *at).collect(),
        }
    }
}
