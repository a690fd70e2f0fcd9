//! A member's place in a room: its cursors, its subscriptions, its own streams. Reads the logs it has cursors
//! on into a batch, in order, and tells the member of every gap. Leaving is its `Drop`.

mod enter;
mod pages;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use stagedoor_token::{AppId, Grants, Pattern};
use stagedoor_wire::{
    close::Close,
    event::{Ended, Event},
    member::{Cursor, Delivery, Subscribed},
    name::StreamName,
    request,
};

use self::pages::Pages;
use super::subscriptions::{Names, Wanted};
use crate::{
    log::encode,
    log::feed::{Part, Place, Read},
    log::mailbox::Mail,
    log::stream::Stream,
    net::outbox::Batch,
    room::{
        Act, EVENTS, News, Occupant, RegrantError, Regranted, Room, Switch, ViewPlace,
        may_subscribe,
    },
    shared::Shared,
};

/// The seat. In this order, since what every turn looks at lies together.
#[repr(C)]
pub(crate) struct Seat {
    ready: VecDeque<u32>,
    /// What is still to be told of long lists; most have none.
    pages: Option<Box<Pages>>,
    /// By the streams' numbers; most members have one.
    cursors: SmallVec<[StreamCursor; 1]>,
    shared: Arc<Shared>,
    events: ViewPlace,
    pub(crate) room: Arc<Room>,
    pub(crate) id: u64,
    pub(crate) me: Arc<Occupant>,
    names: Names,
    pub(crate) patterns: Wanted,
    pub(crate) own: Vec<Arc<Stream>>,
    app: AppId,
    /// Why the seat is given up, once that is known.
    pub(crate) reason: &'static str,
}

/// A place in a stream's log. It is given up with this value.
struct StreamCursor {
    stream: Arc<Stream>,
    place: Place,
}

impl Drop for StreamCursor {
    fn drop(&mut self) {
        self.stream.feed.leave(&self.place);
    }
}

/// What a reading of a log left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Nothing: there will be a call when there is more.
    Nothing,
    /// More, that may be read at once.
    More,
    /// Perhaps more, that may be read when a letter has come.
    Held,
}

/// The events of this module are told to the member itself.
type Private = Event<Box<RawValue>>;

impl Seat {
    /// What the member may do.
    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.me.grants
    }

    /// Reads the member's letters, each after what the room's events told before it; `out` takes what the member
    /// is told. An error says why the connection must close.
    pub(crate) fn refresh(&mut self, mut out: impl FnMut(Bytes)) -> Result<(), Close> {
        for letter in self.me.mailbox.letters() {
            let due = letter.due(&self.events.view);
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
                    self.tell_rest(Some(rest))?;
                }
                News::Regranted(Regranted { occupant, switch, told }) => {
                    match switch {
                        Some(Switch { end, events }) => {
                            self.read_before(end, &mut out)?;
                            self.events = events;
                            // That there may be something at the new place was perhaps told before the letter
                            // was read.
                            self.ready.push_back(EVENTS);
                        }
                        None => self.read_before(due, &mut out)?,
                    }
                    out(told.unwrap_or_default());
                    self.me = occupant;
                    self.reattach(&mut out);
                }
            }
        }
        Ok(())
    }

    /// Reads the room's events before number `end`, whatever changes meanwhile.
    fn read_before(&mut self, end: u64, out: impl FnMut(Bytes)) -> Result<(), Close> {
        let ViewPlace { view, place } = &mut self.events;
        let due = end.saturating_sub(place.seq);
        if due > 0 {
            if !view.feed.read_out(place, end, out) {
                return Err(Close::Slow);
            }
            self.shared.metrics.frames_out.add(due);
        }
        Ok(())
    }

    /// Ends the cursors that the grants do not open any more, and begins those that they open now.
    fn reattach(&mut self, mut out: impl FnMut(Bytes)) {
        let lost: Vec<u32> = self
            .cursors
            .iter()
            .filter(|cursor| !may_subscribe(&self.me.grants, &cursor.stream))
            .map(|cursor| cursor.stream.info.stream)
            .collect();
        for number in lost {
            if let Some(cursor) = self.detach(number) {
                out(ended(&cursor.stream, cursor.place.seq, Ended::Denied));
            }
        }
        if self.patterns.is_empty() {
            return;
        }
        let patterns: Vec<Pattern> = self.patterns.iter().cloned().collect();
        let live = self.room.matching(&patterns);
        let streams = self.attach_some(live.into_iter().map(|stream| (stream, None)));
        if !streams.is_empty() {
            out(encode::json(&Private::Subscribed { streams }));
        }
    }

    /// Does something to the member itself, as the app's roles are now.
    pub(crate) fn regrant(&self, act: &Act) -> Result<Arc<Occupant>, RegrantError> {
        self.shared.regrant(&self.room, &self.me.member.user, self.id, act)
    }

    /// Adds patterns; the streams that match now and that the grants open, each with its place, as many as are
    /// told at a time. `out` takes what
    /// the room's events told before, of their publishers too.
    pub(crate) fn subscribe(
        &mut self,
        patterns: Vec<Pattern>,
        from: &[request::From],
        mut out: impl FnMut(Bytes),
    ) -> Vec<Subscribed> {
        let (live, dues) = self.room.subscribe(self.id, &self.me.mailbox, &patterns);
        // What came meanwhile may have led to another view.
        let read = self.refresh(&mut out);
        let read = read.and_then(|()| self.read_before(dues.of(&self.events.view), &mut out));
        if let Err(close) = read {
            self.me.mailbox.close(close);
        }
        patterns.into_iter().for_each(|pattern| {
            self.patterns.add(pattern);
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

    /// Takes patterns back; cursors that no pattern holds any more end.
    pub(crate) fn unsubscribe(&mut self, patterns: &[Pattern]) {
        self.room.unsubscribe(self.id, patterns);
        let taken: Vec<&Pattern> =
            patterns.iter().filter(|pattern| self.patterns.remove(pattern)).collect();
        let lost = |(name, _): &&(StreamName, u32)| !self.patterns.has(name);
        // Of several patterns each might cover the same streams: then all are looked at, once.
        let lost: Vec<u32> = match taken[..] {
            [] => return,
            [pattern] => self.names.covered(pattern).filter(lost).map(|(_, at)| *at).collect(),
            _ => self.names.iter().filter(lost).map(|(_, at)| *at).collect(),
        };
        for number in lost {
            self.detach(number);
        }
    }

    fn attach(&mut self, stream: Arc<Stream>, resume: Option<Cursor>) -> Option<Subscribed> {
        let number = stream.info.stream;
        let at = self.cursors.partition_point(|cursor| cursor.stream.info.stream < number);
        let there = self.cursors.get(at).is_some_and(|cursor| cursor.stream.info.stream == number);
        let wanted = self.patterns.has(&stream.info.name);
        let own = stream.info.user == self.me.member.user;
        if there || own || !wanted || !may_subscribe(&self.me.grants, &stream) {
            return None;
        }
        let (place, resumed) = stream.feed.join(&self.me.mailbox, number, stream.begin(), resume);
        let subscribed = Subscribed {
            info: stream.info.clone(),
            epoch: stream.feed.epoch,
            seq: place.seq,
            resumed: resume.map(|_| resumed),
        };
        self.names.add(stream.info.name.clone(), number);
        self.cursors.insert(at, StreamCursor { stream, place });
        Some(subscribed)
    }

    fn detach(&mut self, number: u32) -> Option<StreamCursor> {
        let at =
            self.cursors.binary_search_by_key(&number, |cursor| cursor.stream.info.stream).ok()?;
        let cursor = self.cursors.remove(at);
        self.names.remove(cursor.stream.info.name.clone(), number);
        Some(cursor)
    }

    /// Takes what lies in the mailbox and what the logs hold past the cursors, until the batch holds
    /// about `bytes_max`. `true` if there is more. An error says why the connection must close.
    pub(crate) fn gather(
        &mut self,
        mail: &mut Mail,
        batch: &mut Batch,
        bytes_max: usize,
    ) -> Result<bool, Close> {
        let more_pages = self.pages.is_some() && self.turn_page(batch);
        if let [number] = mail.ready[..]
            && self.ready.is_empty()
            && batch.bytes() < bytes_max
        {
            // So it nearly always is, and nothing need be remembered.
            mail.ready.clear();
            if self.read(number, batch, bytes_max - batch.bytes())? == Left::Nothing {
                return Ok(more_pages);
            }
            self.ready.push_back(number);
        }
        self.ready.extend(mail.ready.drain(..));
        let mut turns = self.ready.len();
        while turns > 0 && batch.bytes() < bytes_max {
            turns -= 1;
            let Some(number) = self.ready.pop_front() else { break };
            let left = self.read(number, batch, bytes_max - batch.bytes())?;
            if left != Left::Nothing {
                self.ready.push_back(number);
            }
            turns += usize::from(left == Left::More);
        }
        Ok(more_pages || !self.ready.is_empty())
    }

    fn read(&mut self, number: u32, batch: &mut Batch, bytes_max: usize) -> Result<Left, Close> {
        if number == EVENTS {
            self.read_events(batch, bytes_max)
        } else {
            self.read_stream(number, batch, bytes_max)
        }
    }

    /// A stream that began after its pattern was given is read from its first frame.
    fn attach_new(&mut self, stream: Arc<Stream>) -> Option<Subscribed> {
        let first = Cursor { epoch: stream.feed.epoch, seq: 0 };
        let subscribed = self.attach(stream, Some(first))?;
        Some(Subscribed { resumed: None, ..subscribed })
    }

    fn read_events(&mut self, batch: &mut Batch, bytes_max: usize) -> Result<Left, Close> {
        let ViewPlace { view, place } = &mut self.events;
        let before = place.seq;
        let read = view.feed.read(place, Delivery::Reliable, bytes_max, |part| {
            if let Part::Frames(bytes) = part {
                batch.push(bytes);
            }
        });
        self.shared.metrics.frames_out.add(place.seq - before);
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
        batch: &mut Batch,
        bytes_max: usize,
    ) -> Result<Left, Close> {
        let at = self.cursors.binary_search_by_key(&number, |cursor| cursor.stream.info.stream);
        let Some(cursor) = at.ok().and_then(|at| self.cursors.get_mut(at)) else {
            return Ok(Left::Nothing);
        };
        let StreamCursor { stream, place } = cursor;
        let metrics = &self.shared.metrics;
        let mut begin = place.seq;
        let read = stream.feed.read(place, stream.info.delivery, bytes_max, |part| match part {
            Part::Jump { lost, seq } => {
                metrics.jumps.add(1);
                metrics.frames_lost.add(lost);
                begin = seq;
                batch.push(encode::json(&Private::Lagged { stream: number, lost, seq }));
            }
            Part::Frames(bytes) => batch.push(bytes),
        });
        metrics.frames_out.add(place.seq - begin);
        match read {
            Read::More => Ok(Left::More),
            Read::Held => Ok(Left::Held),
            Read::Drained => Ok(Left::Nothing),
            Read::TooLate => Err(Close::Slow),
            Read::Ended(reason) => {
                batch.push(ended(stream, place.seq, reason));
                self.detach(number);
                Ok(Left::Nothing)
            }
        }
    }

    /// The member's own stream of this number. Ended ones are still known, so that frames which were
    /// under way are told from frames that were never the member's.
    pub(crate) fn own(&self, number: u32) -> Option<&Arc<Stream>> {
        self.own.iter().find(|stream| stream.info.stream == number)
    }

    /// How many streams of the member's live.
    pub(crate) fn live(&self) -> u32 {
        self.own.iter().filter(|stream| !stream.feed.is_ended()).count() as u32
    }

    /// Notes a stream of the member's; of the ended ones only the newest few stay known.
    pub(crate) fn began(&mut self, stream: Arc<Stream>) {
        const ENDED_KNOWN_MAX: usize = 16;
        self.own.push(stream);
        let ended = self.own.iter().filter(|stream| stream.feed.is_ended()).count();
        let mut surplus = ended.saturating_sub(ENDED_KNOWN_MAX);
        self.own.retain(|stream| {
            let forget = surplus > 0 && stream.feed.is_ended();
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Ends a stream of the member's at its own wish: later frames of it are the member's fault.
    pub(crate) fn unpublish(&mut self, name: &StreamName) -> bool {
        let done = self.room.unpublish(name, self.id);
        if done {
            self.own.retain(|stream| stream.info.name != *name);
        }
        done
    }
}

fn ended(stream: &Stream, seq: u64, reason: Ended) -> Bytes {
    let (number, name) = (stream.info.stream, stream.info.name.clone());
    encode::json(&Private::Ended { stream: number, name, seq, reason })
}

impl Drop for Seat {
    fn drop(&mut self) {
        let patterns: Vec<Pattern> = self.patterns.iter().cloned().collect();
        if self.room.leave(&self.me.member.user, self.id, &patterns, self.reason) {
            self.shared.forget(&self.room);
        }
        // The room knows the seat no more, so no further letter comes.
        self.me.mailbox.clear();
        self.shared.rooms.give_seat(self.app);
    }
}
