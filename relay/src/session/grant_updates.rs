//! A seat handles its letters: events for its member, streams that its subscriptions matched, and changes of its
//! grants.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_token::Pattern;
use stagedoor_wire::{
    close::Close,
    event::{Ended, Event},
    member::{Cursor, Subscribed},
};

use super::{gather::ended, seat::Seat};
use crate::{
    log::{encode, stream::Stream},
    room::{EVENTS, GrantUpdate, News, Switch, may_subscribe},
};

/// Events for the member itself.
type Private = Event<Box<RawValue>>;

impl Seat {
    /// Handles the member's letters, each after the events that precede it; frames for the member go to `out`. An error
    /// is the reason why the connection must close.
    pub(crate) fn refresh(&mut self, mut out: impl FnMut(Bytes)) -> Result<(), Close> {
        for letter in self.inbox.take() {
            let due = letter.due(self.events.log());
            match letter.what {
                News::Event(frame) => {
                    self.read_before(due, &mut out)?;
                    out(frame);
                }
                News::Found(stream) => {
                    self.read_before(due, &mut out)?;
                    if let Some(found) = self.attach_new(stream) {
                        out(encode::json(&Private::Subscribed { streams: vec![found] }));
                    }
                }
                News::Rest(rest) => {
                    self.read_before(due, &mut out)?;
                    self.send_rest(rest)?;
                }
                News::GrantUpdate(GrantUpdate { occupant, switch, event }) => {
                    match switch {
                        Some(Switch { end, events }) => {
                            self.read_before(end, &mut out)?;
                            self.events = events;
                            // The mailbox may have reported new events at the new cursor before this letter was read.
                            self.ready.push_back(EVENTS);
                        }
                        None => self.read_before(due, &mut out)?,
                    }
                    out(event.unwrap_or_default());
                    self.me = occupant;
                    self.reattach(&mut out);
                }
            }
        }
        Ok(())
    }

    /// Ends the cursors that the grants no longer allow, and begins those that they now allow.
    fn reattach(&mut self, mut out: impl FnMut(Bytes)) {
        let grants = self.me.grants.clone();
        for number in self.cursors.denied(|stream| may_subscribe(&grants, stream)) {
            if let Some(cursor) = self.cursors.end(number) {
                out(ended(cursor.log(), cursor.seq(), Ended::Denied));
            }
        }
        if self.subscriptions.is_empty() {
            return;
        }
        let patterns: Vec<Pattern> = self.subscriptions.iter().cloned().collect();
        let live = self.room.matching(&patterns);
        let streams = self.attach_some(live.into_iter().map(|stream| (stream, None)));
        if !streams.is_empty() {
            out(encode::json(&Private::Subscribed { streams }));
        }
    }

    /// A stream that began after its pattern was subscribed to is read from its first frame.
    fn attach_new(&mut self, stream: Arc<Stream>) -> Option<Subscribed> {
        let first = Cursor { epoch: stream.feed.epoch, seq: 0 };
        let subscribed = self.attach(stream, Some(first))?;
        Some(Subscribed { resumed: None, ..subscribed })
    }
}
