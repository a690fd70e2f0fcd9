//! A published stream: its description, its feed, and what its publisher is told of the readers. It knows no member; who
//! may publish or subscribe was decided before.

use std::sync::Arc;

use stagedoor_wire::{
    limits::Limits,
    member::{Delivery, StreamInfo},
    reply,
};

use super::{
    audience::{Audience, Told},
    encode,
    feed::{Begin, Feed, HasFeed},
    mailbox::Mailbox,
    segments::{Keep, Past},
    wakes::PendingWakes,
};

pub(crate) use stagedoor_wire::event::Ended;

/// The stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its description for others.
    pub(crate) info: StreamInfo,
    /// Its frames.
    pub(crate) feed: Feed<Ended>,
    history: bool,
    keyframe_fresh_ms: u64,
    audience: Audience,
}

/// A publisher's options beyond name and kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// How long frames are kept.
    pub(crate) keep_ms: Option<u64>,
    /// Whether late subscribers of a `reliable` stream start at the oldest kept frame.
    pub(crate) history: bool,
    /// How far behind a reader of a `media` stream may be.
    pub(crate) behind_ms: Option<u64>,
}

impl HasFeed for Stream {
    type End = Ended;

    fn feed(&self) -> &Feed<Ended> {
        &self.feed
    }

    fn reader_came(&self) {
        self.audience.reader_came();
    }

    fn reader_left(&self) {
        self.audience.reader_left();
    }
}

impl Stream {
    /// A stream without frames. `mailbox` is its publisher's, `bytes_max` its share of the room's memory.
    pub(crate) fn new(
        info: StreamInfo,
        wish: Wish,
        mailbox: Arc<Mailbox>,
        epoch: u32,
        limits: &Limits,
        bytes_max: usize,
    ) -> Self {
        let age_ms_max = wish.keep_ms.unwrap_or(u64::MAX).min(limits.stream_log_age_ms_max);
        let past = match info.delivery {
            Delivery::Media => Past::Keyframe,
            Delivery::Latest => Past::Newest,
            Delivery::Reliable => Past::Nothing,
        };
        let behind_ms_max = match info.delivery {
            Delivery::Media => wish.behind_ms.unwrap_or(u64::MAX).min(limits.media_behind_ms_max),
            Delivery::Latest | Delivery::Reliable => u64::MAX,
        };
        let feed = Feed::new(epoch, Keep { bytes_max, age_ms_max, past });
        let feed = feed.behind_at_most(behind_ms_max);
        Self {
            audience: Audience::new(mailbox, info.stream, limits),
            info,
            feed,
            history: wish.history,
            keyframe_fresh_ms: limits.keyframe_fresh_ms,
        }
    }

    /// Appends a data frame, and collects the readers that wait for it. `false` if the stream has ended.
    #[inline]
    pub(crate) fn append(
        &self,
        frame: &[u8],
        keyframe: bool,
        now_ms: u64,
        wakes: &mut PendingWakes,
    ) -> bool {
        self.feed.append(encode::BINARY, frame, keyframe, now_ms, wakes).is_some()
    }

    /// Where a reader without a cursor starts.
    pub(crate) fn begin(&self) -> Begin {
        match self.info.delivery {
            Delivery::Media => Begin::Keyframe,
            Delivery::Latest => Begin::Newest,
            Delivery::Reliable if self.history => Begin::Oldest,
            Delivery::Reliable => Begin::Now,
        }
    }

    /// Whether a reader that begins now finds no fresh keyframe, and needs one.
    pub(crate) fn lacks_keyframe(&self, now_ms: u64) -> bool {
        let is_fresh =
            |(_, at_ms): (u64, u64)| now_ms.saturating_sub(at_ms) <= self.keyframe_fresh_ms;
        self.info.delivery == Delivery::Media && !self.feed.keyframe().is_some_and(is_fresh)
    }

    /// A reader needs a keyframe. Returns whether the wish is held back for now.
    pub(crate) fn wish_keyframe(&self, now_ms: u64) -> bool {
        self.audience.wish(self.feed.next(), now_ms)
    }

    /// What its publisher is to be told of its readers; nothing once it has ended.
    pub(crate) fn told(&self, now_ms: u64) -> Told {
        if self.feed.is_ended() {
            return Told::default();
        }
        self.audience.take(self.feed.keyframe().map(|(seq, _)| seq), now_ms)
    }

    /// The timer that [`Told`] asked for fires.
    pub(crate) fn timer_fires(&self, at_ms: u64) {
        self.audience.timer_fires(at_ms);
    }

    /// The answer to the publisher.
    pub(crate) fn published(&self) -> reply::Published {
        reply::Published { stream: self.info.stream, epoch: self.feed.epoch }
    }
}
