//! Publishers, receivers and one loop over their sockets. Each receiver checks the number of every frame of
//! every publisher that it hears.

mod connect;
mod ledger;
pub(crate) mod measure;

use std::time::{Duration, Instant};

use mio::{Events, Poll};

use self::ledger::Ledger;
use crate::{
    dialect::Target,
    error::LoadError,
    frames::{MARK_BYTES, Mark},
    member::Member,
    publisher::Publisher,
    watch::{Tell, Watch},
};

/// How often a slow member reads.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(50);
const EVENTS_MAX: usize = 4_096;
/// Bytes read at once.
const READ_BYTES: usize = 1 << 18;
/// Bounds of the options, so that no run hangs.
const WINDOW_MAX: u64 = 1_000_000;
const RATE_MAX: f64 = 1_000_000.0;
const PAYLOAD_BYTES_MAX: usize = 1 << 24;

/// When the next frame is published.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// While fewer than this many of the publisher's frames are in flight.
    Window(u64),
    /// At this rate per second, whatever happens.
    Rate(f64),
}

/// A run.
pub(crate) struct Run<'a> {
    target: &'a Target,
    poll: Poll,
    members: Vec<Member>,
    publishers: Vec<Publisher>,
    /// Publishers whose window may have room.
    due: Vec<usize>,
    pace: Pace,
    filling: Vec<u8>,
    ledger: Ledger,
    idle: Duration,
    buffer: Vec<u8>,
    trickle_bytes: usize,
    trickled: Instant,
    pub(crate) watch: Watch<'a>,
}

impl<'a> Run<'a> {
    /// A run with payloads of this size, at this pace.
    pub(crate) fn new(
        target: &'a Target,
        pace: Pace,
        payload_bytes: usize,
        tell: Tell<'a>,
    ) -> Result<Self, LoadError> {
        if !(MARK_BYTES..=PAYLOAD_BYTES_MAX).contains(&payload_bytes) {
            return Err(LoadError::Option(format!(
                "a payload must have {MARK_BYTES} bytes, for its mark, to {PAYLOAD_BYTES_MAX}"
            )));
        }
        match pace {
            Pace::Window(window) if !(1..=WINDOW_MAX).contains(&window) => {
                let range = format!("a window must be from 1 to {WINDOW_MAX}");
                return Err(LoadError::Option(range));
            }
            Pace::Rate(per_s) if !(per_s > 0.0 && per_s <= RATE_MAX) => {
                let range = format!("a rate must be above 0 and at most {RATE_MAX}");
                return Err(LoadError::Option(range));
            }
            _ => {}
        }
        Ok(Self {
            target,
            poll: Poll::new()?,
            members: Vec::new(),
            publishers: Vec::new(),
            due: Vec::new(),
            pace,
            filling: vec![0; payload_bytes - MARK_BYTES],
            ledger: Ledger::new(),
            idle: Duration::ZERO,
            buffer: vec![0; READ_BYTES],
            trickle_bytes: 0,
            trickled: Instant::now(),
            watch: Watch::new(target.process, tell),
        })
    }

    /// Slow members that have neither read everything nor been closed.
    fn behind(&self) -> usize {
        let is_behind = |member: &&Member| {
            let mut publishers = self.publishers.iter().enumerate();
            member.slow
                && !member.closed
                && publishers.any(|(at, publisher)| publisher.sent > member.next(at as u32))
        };
        if self.trickle_bytes == 0 { 0 } else { self.members.iter().filter(is_behind).count() }
    }

    fn until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let (mut heard_at, mut heard) = (Instant::now(), self.ledger.deliveries);
        loop {
            let now = Instant::now();
            if now >= end || done(self) {
                return Ok(());
            }
            self.publish(now)?;
            // The generator does not sleep: waking it would cost the server CPU time, most of all a fast one.
            self.attend(&mut events)?;
            if events.is_empty() {
                self.idle += now.elapsed();
            }
            self.trickle(now)?;
            self.watch.look(now, self.ledger.deliveries);
            if self.ledger.deliveries > heard {
                (heard_at, heard) = (now, self.ledger.deliveries);
            } else if now - heard_at > self.target.patience {
                return Err(LoadError::Silence(self.target.patience));
            }
        }
    }

    /// Reads what has arrived.
    fn attend(&mut self, events: &mut Events) -> Result<(), LoadError> {
        self.poll.poll(events, Some(Duration::ZERO))?;
        self.hear(events)
    }

    fn hear(&mut self, events: &Events) -> Result<(), LoadError> {
        for event in events {
            let at = event.token().0;
            if event.is_readable() {
                self.receive(at, READ_BYTES)?;
            }
            self.members[at].flush()?;
        }
        Ok(())
    }

    fn publish(&mut self, now: Instant) -> Result<(), LoadError> {
        match self.pace {
            Pace::Window(window) => {
                while let Some(at) = self.due.pop() {
                    while self.publishers[at].sent < self.publishers[at].done + window {
                        self.put(at, 0);
                    }
                    self.members[self.publishers[at].member].flush()?;
                }
            }
            Pace::Rate(per_s) => {
                for at in 0..self.publishers.len() {
                    loop {
                        let due_s = self.publishers[at].sent as f64 / per_s;
                        if due_s > (now - self.ledger.clock).as_secs_f64() {
                            break;
                        }
                        self.put(at, (due_s * 1e9) as u64);
                    }
                    self.members[self.publishers[at].member].flush()?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, at: usize, due_ns: u64) {
        let publisher = &mut self.publishers[at];
        let mark = Mark { sender: at as u32, seq: publisher.sent, due_ns }.to_bytes();
        publisher.sent += 1;
        self.ledger.owed += u64::from(publisher.receivers);
        let out = &mut self.members[publisher.member].out;
        let payload = [&mark[..], &self.filling[..]];
        self.target.dialect.put_publish(out, &publisher.room, publisher.number, payload);
    }

    /// Starts the clock of [`Pace::Rate`].
    pub(crate) fn begin(&mut self) {
        self.ledger.clock = Instant::now();
    }

    fn receive(&mut self, at: usize, bytes_max: usize) -> Result<(), LoadError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = bytes_max;
        let result = loop {
            let room = left.min(buffer.len());
            match self.members[at].read(&mut buffer[..room]) {
                Ok(Some(n)) => {
                    self.read(at, &buffer[..n]);
                    left = if bytes_max == READ_BYTES { left } else { left - n };
                    if n < room || left == 0 {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        let member = &self.members[at];
        if member.closed && !member.slow {
            return Err(LoadError::Server(format!("closed a member with code {}", member.code)));
        }
        result
    }

    /// Records what a member heard.
    fn read(&mut self, at: usize, bytes: &[u8]) {
        let framing = self.target.dialect.framing();
        let mut reader = std::mem::take(&mut self.members[at].reader);
        let Self { members, publishers, due, ledger, .. } = self;
        let now_us = ledger.now_us();
        reader.take(framing, bytes, |heard| {
            let due_again = ledger.hear(at, &mut members[at], publishers, heard, now_us);
            due.extend(due_again);
        });
        self.members[at].reader = reader;
    }

    fn trickle(&mut self, now: Instant) -> Result<(), LoadError> {
        if self.trickle_bytes == 0 || now - self.trickled < TRICKLE_INTERVAL {
            return Ok(());
        }
        self.trickled = now;
        for at in 0..self.members.len() {
            if self.members[at].slow && !self.members[at].closed {
                self.receive(at, self.trickle_bytes)?;
            }
        }
        Ok(())
    }
}
