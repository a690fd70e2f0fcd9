//! A seat wants keyframes of the streams that it reads, and tells its member of the readers of its own.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use stagedoor_wire::event::Event;

use super::seat::Seat;
use crate::{
    log::{audience::Told, encode, stream::Stream},
    net::outbox::Outbox,
};

/// Events for the member itself.
type Private = Event<Box<RawValue>>;

impl Seat {
    /// The stream with this number, if the seat reads it.
    pub(super) fn reads(&mut self, number: u32) -> Option<Arc<Stream>> {
        self.cursors.get(number).map(|cursor| cursor.log().clone())
    }

    /// Wishes for a keyframe of a stream that the seat has begun to read, if there is no fresh one.
    pub(super) fn begins(&self, stream: &Stream) {
        if stream.lacks_keyframe(self.shared.clock.now_ms()) {
            self.wish_keyframe(stream);
        }
    }

    /// Wishes for a keyframe.
    #[cold]
    pub(super) fn wish_keyframe(&self, stream: &Stream) {
        if stream.wish_keyframe(self.shared.clock.now_ms()) {
            self.shared.metrics.keyframe_wishes_held.add(1);
        }
    }

    /// Tells the member what is new of the readers of its own stream with this number.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_of_readers(&self, number: u32, outbox: &mut Outbox) {
        let Some(stream) = self.own.get(number) else { return };
        let (clock, name) = (&self.shared.clock, || stream.info.name.clone());
        let now_ms = clock.now_ms();
        let Told { keyframe, watched, timer_ms } = stream.told(now_ms);
        if let Some(watched) = watched {
            outbox.push(encode::json(&Private::Watched { stream: number, name: name(), watched }));
        }
        if keyframe {
            self.shared.metrics.keyframe_wishes.add(1);
            outbox.push(encode::json(&Private::KeyframeWanted { stream: number, name: name() }));
        }
        if let Some(at_ms) = timer_ms {
            let stream = Arc::downgrade(stream);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms))).await;
                if let Some(stream) = stream.upgrade() {
                    stream.timer_fires(at_ms);
                }
            });
        }
    }
}
