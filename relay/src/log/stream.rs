//! A published stream: its description and its feed. It knows no member; who may publish or subscribe was decided
//! before.

use stagedoor_wire::{
    limits::Limits,
    member::{Delivery, StreamInfo},
    reply,
};

use super::{
    encode,
    feed::{Begin, Feed, HasFeed},
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
}

/// A publisher's options beyond name and kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// How long frames are kept.
    pub(crate) keep_ms: Option<u64>,
    /// Whether late subscribers of a `reliable` stream start at the oldest kept frame.
    pub(crate) history: bool,
}

impl HasFeed for Stream {
    type End = Ended;

    fn feed(&self) -> &Feed<Ended> {
        &self.feed
    }
}

impl Stream {
    /// A stream without frames. `bytes_max` is its share of the room's memory.
    pub(crate) fn new(
        info: StreamInfo,
        wish: Wish,
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
        let feed = Feed::new(epoch, Keep { bytes_max, age_ms_max, past });
        Self { info, feed, history: wish.history }
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

    /// The answer to the publisher.
    pub(crate) fn published(&self) -> reply::Published {
        reply::Published { stream: self.info.stream, epoch: self.feed.epoch }
    }
}
