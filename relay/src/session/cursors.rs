//! A seat's cursors on streams, by number and by name.

use std::sync::Arc;

use smallvec::SmallVec;
use stagedoor_token::Pattern;
use stagedoor_wire::{
    member::{self, Delivery, Subscribed},
    name::StreamName,
};

use super::subscriptions::{CursorNames, Subscriptions};
use crate::log::{cursor::Cursor, mailbox::Mailbox, stream::Stream};

/// A cursor on a stream.
pub(super) type StreamCursor = Cursor<Stream>;

/// The order in which logs are read: what is late soonest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Events.
    Events,
    /// A stream of delivery `latest`.
    Latest,
    /// A stream of delivery `reliable`.
    Reliable,
    /// A stream of delivery `media`.
    Media,
}

impl From<Delivery> for Urgency {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Latest => Self::Latest,
            Delivery::Reliable => Self::Reliable,
            Delivery::Media => Self::Media,
        }
    }
}

/// The cursors, by stream number; most members have one.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_number: SmallVec<[StreamCursor; 1]>,
    /// How many are on streams of delivery `media`.
    media: usize,
    /// How many are on streams of delivery `latest`.
    latest: usize,
    names: CursorNames,
}

impl Cursors {
    /// The cursor on the stream with this number.
    #[inline]
    pub(super) fn get(&mut self, number: u32) -> Option<&mut StreamCursor> {
        let at = self.by_number.binary_search_by_key(&number, |cursor| cursor.log().info.stream);
        at.ok().and_then(|at| self.by_number.get_mut(at))
    }

    /// Whether one of them is on a stream of delivery `media`.
    #[inline]
    pub(super) fn reads_media(&self) -> bool {
        self.media > 0
    }

    /// Whether the order matters in which they are read: some can skip what others wait behind.
    #[inline]
    pub(super) fn needs_order(&self) -> bool {
        self.media > 0 || (1..self.by_number.len()).contains(&self.latest)
    }

    /// The urgency of a log that a mailbox reports with this number.
    pub(super) fn urgency(&mut self, number: u32) -> Urgency {
        self.get(number).map_or(Urgency::Events, |cursor| cursor.log().info.delivery.into())
    }

    /// Begins to read a stream; `None` if it is already being read.
    pub(super) fn begin(
        &mut self,
        stream: Arc<Stream>,
        mailbox: &Arc<Mailbox>,
        resume: Option<member::Cursor>,
        now_ms: u64,
    ) -> Option<Subscribed> {
        let number = stream.info.stream;
        let at = self.by_number.partition_point(|cursor| cursor.log().info.stream < number);
        if self.by_number.get(at).is_some_and(|cursor| cursor.log().info.stream == number) {
            return None;
        }
        let begin = stream.begin();
        let (cursor, resumed) = Cursor::join(stream, mailbox, number, begin, resume, now_ms);
        let stream = cursor.log();
        let subscribed = Subscribed {
            info: stream.info.clone(),
            epoch: stream.feed.epoch,
            seq: cursor.seq(),
            resumed: resume.map(|_| resumed),
        };
        self.names.add(stream.info.name.clone(), number);
        match stream.info.delivery {
            Delivery::Media => self.media += 1,
            Delivery::Latest => self.latest += 1,
            Delivery::Reliable => {}
        }
        self.by_number.insert(at, cursor);
        Some(subscribed)
    }

    /// Removes a cursor, which ends when the returned value is dropped.
    pub(super) fn end(&mut self, number: u32) -> Option<StreamCursor> {
        let at = self.by_number.binary_search_by_key(&number, |cursor| cursor.log().info.stream);
        let cursor = self.by_number.remove(at.ok()?);
        match cursor.log().info.delivery {
            Delivery::Media => self.media -= 1,
            Delivery::Latest => self.latest -= 1,
            Delivery::Reliable => {}
        }
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
