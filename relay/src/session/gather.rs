//! A seat reads the logs that it has cursors on into an outbox, in order, and reports missing frames.

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_wire::{
    close::Close,
    event::{Ended, Event},
    member::Delivery,
};

use super::{cursors::Urgency, seat::Seat};
use crate::{
    log::{
        encode,
        feed::{Behind, Part, Read},
        mailbox::Mail,
        stream::Stream,
    },
    net::outbox::Outbox,
    room::EVENTS,
    shared::Shared,
};

/// Of this many reads of a seat, one records the delay of its oldest frame, so that most need no time.
const READS_PER_SAMPLE: u8 = 64;

/// What remains after reading a log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Nothing: the mailbox reports more.
    Nothing,
    /// More, which can be read at once.
    More,
    /// Perhaps more, which can be read after a letter.
    Held,
}

/// Events for the member itself.
type Private = Event<Box<RawValue>>;

impl Seat {
    /// Reads the mailbox, and the logs past the cursors, until the outbox holds about `bytes_max`. `has_stalled` says that
    /// the socket has not accepted everything since the last time. `true` if there is more. An error is the reason why
    /// the connection must close.
    pub(crate) fn gather(
        &mut self,
        mail: &mut Mail,
        outbox: &mut Outbox,
        (bytes_max, has_stalled): (usize, bool),
    ) -> Result<bool, Close> {
        // A seat that had read everything is woken by the frame that it reads: only others need the time.
        let is_behind = has_stalled || !self.ready.is_empty();
        let now_ms = if is_behind { self.shared.clock.now_ms() } else { 0 };
        // What is urgent must not wait behind more pictures than those that the socket could not take.
        let holds_media = has_stalled && outbox.bytes() > 0 && self.cursors.reads_media();
        let more_pages = self.pages.is_some() && self.turn_page(outbox);
        if let [number] = mail.ready[..]
            && self.ready.is_empty()
            && !holds_media
            && outbox.bytes() < bytes_max
        {
            // The usual case, with nothing to remember.
            mail.ready.clear();
            if self.read(number, outbox, (bytes_max - outbox.bytes(), now_ms))? == Left::Nothing {
                return Ok(more_pages);
            }
            self.ready.push_back(number);
        }
        self.ready.extend(mail.ready.drain(..));
        if self.cursors.needs_order() && self.ready.len() > 1 {
            self.put_in_order();
        }
        let mut turns = self.ready.len();
        while turns > 0 && outbox.bytes() < bytes_max {
            turns -= 1;
            let Some(number) = self.ready.pop_front() else { break };
            if holds_media && self.cursors.urgency(number) == Urgency::Media {
                self.ready.push_back(number);
                continue;
            }
            let left = self.read(number, outbox, (bytes_max - outbox.bytes(), now_ms))?;
            if left != Left::Nothing {
                self.ready.push_back(number);
            }
            turns += usize::from(left == Left::More);
        }
        Ok(more_pages || !self.ready.is_empty())
    }

    /// Puts what is urgent first. Among equals it stays in turn.
    #[cold]
    fn put_in_order(&mut self) {
        let Self { ready, cursors, .. } = self;
        ready.make_contiguous().sort_by_key(|number| cursors.urgency(*number));
    }

    /// Whether a stream of delivery `media` is read.
    #[inline]
    pub(crate) fn reads_media(&self) -> bool {
        self.cursors.reads_media()
    }

    fn read(
        &mut self,
        number: u32,
        outbox: &mut Outbox,
        (bytes_max, now_ms): (usize, u64),
    ) -> Result<Left, Close> {
        if number == EVENTS {
            self.read_events(outbox, bytes_max)
        } else {
            self.read_stream(number, outbox, (bytes_max, now_ms))
        }
    }

    fn read_events(&mut self, outbox: &mut Outbox, bytes_max: usize) -> Result<Left, Close> {
        let before = self.events.seq();
        let read = self.events.read(Delivery::Reliable, bytes_max, 0, |part| {
            if let Part::Frames(bytes) = part {
                outbox.push(bytes);
            }
        });
        self.shared.metrics.frames_out.add(self.events.seq() - before);
        match read {
            Read::More => Ok(Left::More),
            Read::Held => Ok(Left::Held),
            Read::Drained | Read::Ended(()) => Ok(Left::Nothing),
            Read::TooLate => Err(Close::Slow),
        }
    }

    fn read_stream(
        &mut self,
        number: u32,
        outbox: &mut Outbox,
        (bytes_max, now_ms): (usize, u64),
    ) -> Result<Left, Close> {
        let Some(cursor) = self.cursors.get(number) else {
            self.tell_of_readers(number, outbox);
            return Ok(Left::Nothing);
        };
        let metrics = &self.shared.metrics;
        let (mut begin, mut wants) = (cursor.seq(), false);
        let delivery = cursor.log().info.delivery;
        let read = cursor.read(delivery, bytes_max, now_ms, |part| match part {
            Part::Jump { lost, seq, behind } => {
                metrics.jumps.add(1);
                metrics.jumps_by_time.add(u64::from(behind == Behind::Time));
                metrics.frames_lost.add(lost);
                begin = seq;
                outbox.push(encode::json(&Private::Lagged { stream: number, lost, seq }));
            }
            Part::Frames(bytes) => outbox.push(bytes),
            Part::Wants => wants = true,
        });
        metrics.frames_out.add(cursor.seq() - begin);
        let is_sample = self.reads.is_multiple_of(READS_PER_SAMPLE);
        self.reads = self.reads.wrapping_add(1);
        if is_sample && cursor.seq() > begin {
            note_delay(&self.shared, cursor.log(), begin);
        }
        if wants {
            let stream = cursor.log().clone();
            self.wish_keyframe(&stream);
            return Ok(Left::Nothing);
        }
        match read {
            Read::More => Ok(Left::More),
            Read::Held => Ok(Left::Held),
            Read::Drained => Ok(Left::Nothing),
            Read::TooLate => Err(Close::Slow),
            Read::Ended(reason) => {
                outbox.push(ended(cursor.log(), cursor.seq(), reason));
                self.cursors.end(number);
                Ok(Left::Nothing)
            }
        }
    }
}

/// Records how long ago a frame came that is written now.
#[cold]
fn note_delay(shared: &Shared, stream: &Stream, seq: u64) {
    if let Some(came_ms) = stream.feed.came_ms(seq) {
        let delay_ms = shared.clock.now_ms().saturating_sub(came_ms);
        shared.metrics.frame_delay.note(stream.info.delivery, delay_ms);
    }
}

/// The event that a subscription ended.
pub(super) fn ended(stream: &Stream, seq: u64, reason: Ended) -> Bytes {
    let (number, name) = (stream.info.stream, stream.info.name.clone());
    encode::json(&Private::Ended { stream: number, name, seq, reason })
}
