//! A seat reads the logs that it has cursors on into an outbox, in order, and reports missing frames.

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_wire::{
    close::Close,
    event::{Ended, Event},
    member::Delivery,
};

use super::seat::Seat;
use crate::{
    log::{
        encode,
        feed::{Part, Read},
        mailbox::Mail,
        stream::Stream,
    },
    net::outbox::Outbox,
    room::EVENTS,
};

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
    /// Reads the mailbox, and the logs past the cursors, until the outbox holds about `bytes_max`. `true` if there is
    /// more. An error is the reason why the connection must close.
    pub(crate) fn gather(
        &mut self,
        mail: &mut Mail,
        outbox: &mut Outbox,
        bytes_max: usize,
    ) -> Result<bool, Close> {
        let more_pages = self.pages.is_some() && self.turn_page(outbox);
        if let [number] = mail.ready[..]
            && self.ready.is_empty()
            && outbox.bytes() < bytes_max
        {
            // The usual case, with nothing to remember.
            mail.ready.clear();
            if self.read(number, outbox, bytes_max - outbox.bytes())? == Left::Nothing {
                return Ok(more_pages);
            }
            self.ready.push_back(number);
        }
        self.ready.extend(mail.ready.drain(..));
        let mut turns = self.ready.len();
        while turns > 0 && outbox.bytes() < bytes_max {
            turns -= 1;
            let Some(number) = self.ready.pop_front() else { break };
            let left = self.read(number, outbox, bytes_max - outbox.bytes())?;
            if left != Left::Nothing {
                self.ready.push_back(number);
            }
            turns += usize::from(left == Left::More);
        }
        Ok(more_pages || !self.ready.is_empty())
    }

    fn read(&mut self, number: u32, outbox: &mut Outbox, bytes_max: usize) -> Result<Left, Close> {
        if number == EVENTS {
            self.read_events(outbox, bytes_max)
        } else {
            self.read_stream(number, outbox, bytes_max)
        }
    }

    fn read_events(&mut self, outbox: &mut Outbox, bytes_max: usize) -> Result<Left, Close> {
        let before = self.events.seq();
        let read = self.events.read(Delivery::Reliable, bytes_max, |part| {
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
        bytes_max: usize,
    ) -> Result<Left, Close> {
        let Some(cursor) = self.cursors.get(number) else { return Ok(Left::Nothing) };
        let metrics = &self.shared.metrics;
        let mut begin = cursor.seq();
        let delivery = cursor.log().info.delivery;
        let read = cursor.read(delivery, bytes_max, |part| match part {
            Part::Jump { lost, seq } => {
                metrics.jumps.add(1);
                metrics.frames_lost.add(lost);
                begin = seq;
                outbox.push(encode::json(&Private::Lagged { stream: number, lost, seq }));
            }
            Part::Frames(bytes) => outbox.push(bytes),
        });
        metrics.frames_out.add(cursor.seq() - begin);
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

/// The event that a subscription ended.
pub(super) fn ended(stream: &Stream, seq: u64, reason: Ended) -> Bytes {
    let (number, name) = (stream.info.stream, stream.info.name.clone());
    encode::json(&Private::Ended { stream: number, name, seq, reason })
}
