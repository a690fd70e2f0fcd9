//! Publishers, receivers and one loop over their sockets. After `scenario`, before `storm`. Each receiver
//! checks the number of every frame of every publisher that it hears.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::{
    dialect::{Target, Who},
    error::LoadError,
    frames::{MARK_BYTES, Mark},
    link::Link,
    member::Member,
    outcome::{Faults, Latency, Outcome, times},
    publisher::Publisher,
    watch::{Tell, Watch},
};

/// How long the last frames may take once nothing new is published.
const DRAIN: Duration = Duration::from_secs(5);
/// How often a member that reads slowly reads.
const TRICKLE_INTERVAL: Duration = Duration::from_millis(50);
/// How many connect before those that are there are listened to.
const CONNECTS_AT_A_TIME: usize = 64;
const EVENTS_MAX: usize = 4_096;
/// Open files that a program has beside its connections.
const FILES_BESIDE: usize = 64;
/// What is read at once.
const READ_BYTES: usize = 1 << 18;
/// Bounds of the options, so that no run goes on for ever in one place.
const WINDOW_MAX: u64 = 1_000_000;
const RATE_MAX: f64 = 1_000_000.0;
const PAYLOAD_BYTES_MAX: usize = 1 << 24;

/// When the next frame is published.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// When fewer than so many frames of the publisher are under way.
    Window(u64),
    /// So many a second, whatever comes of them.
    Rate(f64),
}

/// Says before a run, not in the middle of it, that the system allows too few open files.
fn open_files_suffice(connections: usize) -> Result<(), LoadError> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    match soft {
        Some(soft) if soft < connections + FILES_BESIDE => Err(LoadError::Option(format!(
            "{connections} connections need as many open files, and the limit is {soft}: raise it by \
             `ulimit -n` for this program and for the server"
        ))),
        _ => Ok(()),
    }
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
    clock: Instant,
    times: Option<Histogram<u64>>,
    deliveries: u64,
    /// Frames that members which read at full speed should have and have not.
    owed: u64,
    faults: Faults,
    idle: Duration,
    buffer: Vec<u8>,
    trickle_bytes: usize,
    trickled: Instant,
    pub(crate) watch: Watch<'a>,
}

/// What is measured between two moments.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) deliveries: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) busy: f64,
}

impl<'a> Run<'a> {
    /// A run of payloads of this size, at this pace.
    pub(crate) fn new(
        target: &'a Target,
        pace: Pace,
        payload_bytes: usize,
        tell: Tell<'a>,
    ) -> Result<Self, LoadError> {
        if !(MARK_BYTES..=PAYLOAD_BYTES_MAX).contains(&payload_bytes) {
            return Err(LoadError::Option(format!(
                "a payload has {MARK_BYTES} bytes, for its mark, to {PAYLOAD_BYTES_MAX}"
            )));
        }
        match pace {
            Pace::Window(window) if !(1..=WINDOW_MAX).contains(&window) => {
                let range = format!("a window is from 1 to {WINDOW_MAX}");
                return Err(LoadError::Option(range));
            }
            Pace::Rate(per_s) if !(per_s > 0.0 && per_s <= RATE_MAX) => {
                let range = format!("a rate is above 0, and at most {RATE_MAX}");
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
            clock: Instant::now(),
            times: None,
            deliveries: 0,
            owed: 0,
            faults: Faults::default(),
            idle: Duration::ZERO,
            buffer: vec![0; READ_BYTES],
            trickle_bytes: 0,
            trickled: Instant::now(),
            watch: Watch::new(target.process, tell),
        })
    }

    /// Connects members, each of a group of those who hear each other.
    pub(crate) fn connect(
        &mut self,
        all: &[Who],
        group_of: impl Fn(usize) -> u32,
    ) -> Result<(), LoadError> {
        open_files_suffice(all.len())?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        for (at, who) in all.iter().enumerate() {
            let which = |error| match error {
                LoadError::Io { error } => LoadError::Connect { at: at + 1, of: all.len(), error },
                other => other,
            };
            let mut link = Link::open(self.target, at, who).map_err(which)?;
            let number = self.target.dialect.join(&mut link, who).map_err(which)?;
            let place = self.members.len();
            let mut member = Member::new(link, group_of(at), who.hears)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut member.tcp, Token(place), interest)?;
            self.members.push(member);
            // What came with the last answer of the set-up.
            let ahead = std::mem::take(&mut self.members[place].ahead);
            self.take(place, &ahead);
            if who.publishes {
                self.due.push(self.publishers.len());
                self.publishers.push(Publisher {
                    member: place,
                    group: group_of(at),
                    number,
                    room: who.room.clone(),
                    receivers: 0,
                    sent: 0,
                    done: 0,
                    have: match self.pace {
                        Pace::Window(window) => vec![0; window as usize],
                        Pace::Rate(_) => Vec::new(),
                    },
                });
            }
            self.watch.connecting(at + 1, all.len());
            if at % CONNECTS_AT_A_TIME == 0 {
                self.attend(&mut events)?;
            }
        }
        for publisher in &mut self.publishers {
            let others = self.members.iter().enumerate().filter(|(at, member)| {
                *at != publisher.member && member.group == publisher.group && member.hears
            });
            publisher.receivers = others.count() as u32;
        }
        Ok(())
    }

    /// From now on the first so many members of those who hear read so many bytes a second, and hold no
    /// window.
    pub(crate) fn slow_down(&mut self, count: usize, bytes_per_s: usize) -> Result<(), LoadError> {
        self.trickle_bytes = (bytes_per_s as f64 * TRICKLE_INTERVAL.as_secs_f64()).ceil() as usize;
        let slow = self.members.iter_mut().filter(|member| member.hears).take(count);
        for member in slow {
            member.slow = true;
            let publishers = self.publishers.iter().enumerate();
            let under_way = publishers.map(|(at, of)| of.sent - member.next(at as u32));
            self.owed -= under_way.sum::<u64>();
            self.poll.registry().deregister(&mut member.tcp)?;
            for publisher in &mut self.publishers {
                publisher.receivers -= 1;
            }
        }
        // The others may have all that is under way; then nothing more would come to say so.
        for (at, publisher) in self.publishers.iter_mut().enumerate() {
            if !publisher.have.is_empty() && publisher.is_due() {
                self.due.push(at);
            }
        }
        Ok(())
    }

    /// Notes times from now on.
    pub(crate) fn note_times(&mut self) -> Result<(), LoadError> {
        self.times = Some(times()?);
        Ok(())
    }

    /// Publishes for a while, and measures.
    pub(crate) fn measure(
        &mut self,
        phase: &'static str,
        time: Duration,
    ) -> Result<Measured, LoadError> {
        let begun = Instant::now();
        self.watch.phase(phase, begun + time, self.deliveries);
        let (before, cpu_s) = (self.deliveries, self.watch.cpu_s());
        self.idle = Duration::ZERO;
        self.until(begun + time, |_| false)?;
        let (wall, cpu_s) = (begun.elapsed(), self.watch.cpu_s() - cpu_s);
        Ok(Measured {
            deliveries: self.deliveries - before,
            wall_s: wall.as_secs_f64(),
            cpu_s,
            busy: 1.0 - self.idle.as_secs_f64() / wall.as_secs_f64(),
        })
    }

    /// Does nothing but listen for a while.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(20)))?;
            self.hear(&events)?;
        }
        Ok(())
    }

    /// Publishes nothing more, waits for what is under way, and tells what it all came to. Slow members
    /// read to the end, so that each hears what it lost.
    pub(crate) fn finish(
        mut self,
        scenario: String,
        measured: Measured,
    ) -> Result<Outcome, LoadError> {
        self.due.clear();
        self.pace = Pace::Window(0);
        self.trickle_bytes = self.trickle_bytes.min(1) * READ_BYTES;
        let samples = std::mem::take(&mut self.watch.samples);
        let end = Instant::now() + DRAIN;
        match self.until(end, |run| run.owed == 0 && run.behind() == 0) {
            // What does not come any more is lost.
            Ok(()) | Err(LoadError::Silence(_)) => {}
            Err(error) => return Err(error),
        }
        self.faults.lost += self.owed;
        if measured.deliveries == 0 {
            return Err(LoadError::Silence(Duration::from_secs_f64(measured.wall_s)));
        }
        let mut outcome = Outcome {
            scenario,
            dialect: self.target.dialect.name(),
            unit: "deliveries",
            count: measured.deliveries,
            wall_s: measured.wall_s,
            server_cpu_s: measured.cpu_s,
            server_cores: self.target.cores,
            generator_busy: measured.busy,
            latency: self.times.as_ref().and_then(Latency::of),
            faults: self.faults,
            figures: self.slow_figures(),
            samples,
            ..Outcome::default()
        };
        outcome.judge();
        Ok(outcome)
    }

    /// What became of the members that read slowly; each was told what it lost, or closed, or is behind.
    fn slow_figures(&self) -> Vec<(&'static str, f64)> {
        let slow: Vec<&Member> = self.members.iter().filter(|member| member.slow).collect();
        if slow.is_empty() {
            return Vec::new();
        }
        let count =
            |of: fn(&Member) -> bool| slow.iter().filter(|member| of(member)).count() as f64;
        let told: u64 = slow.iter().map(|member| member.told_lost).sum();
        vec![
            ("slow", slow.len() as f64),
            ("slow_told", count(|member| member.told_lost > 0)),
            (
                "slow_closed",
                count(|member| member.code == stagedoor_wire::close::Close::Slow.code()),
            ),
            ("slow_behind", self.behind() as f64),
            ("frames_told_lost", told as f64),
        ]
    }

    /// Slow members that have neither read to the end nor were closed.
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
        let (mut heard_at, mut heard) = (Instant::now(), self.deliveries);
        loop {
            let now = Instant::now();
            if now >= end || done(self) {
                return Ok(());
            }
            self.publish(now)?;
            // The generator does not sleep: waking it would cost the server, and the fast ones least.
            self.attend(&mut events)?;
            if events.is_empty() {
                self.idle += now.elapsed();
            }
            self.trickle(now)?;
            self.watch.look(now, self.deliveries);
            if self.deliveries > heard {
                (heard_at, heard) = (now, self.deliveries);
            } else if now - heard_at > self.target.patience {
                return Err(LoadError::Silence(self.target.patience));
            }
        }
    }

    /// Takes what is there.
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
                        if due_s > (now - self.clock).as_secs_f64() {
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
        self.owed += u64::from(publisher.receivers);
        let out = &mut self.members[publisher.member].out;
        let payload = [&mark[..], &self.filling[..]];
        self.target.dialect.put_publish(out, &publisher.room, publisher.number, payload);
    }

    /// Begins the clock of [`Pace::Rate`].
    pub(crate) fn begin(&mut self) {
        self.clock = Instant::now();
    }

    fn receive(&mut self, at: usize, bytes_max: usize) -> Result<(), LoadError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut left = bytes_max;
        let result = loop {
            let room = left.min(buffer.len());
            match self.members[at].read(&mut buffer[..room]) {
                Ok(Some(n)) => {
                    self.take(at, &buffer[..n]);
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

    fn take(&mut self, at: usize, bytes: &[u8]) {
        let Self { members, publishers, due, times, deliveries, owed, faults, clock, .. } = self;
        let framing = self.target.dialect.framing();
        let (group, counts) = (members[at].group, !members[at].slow);
        let now_us = times.as_ref().map(|_| clock.elapsed().as_micros() as u64);
        let member = &mut members[at];
        let mut reader = std::mem::take(&mut member.reader);
        reader.take(framing, bytes, |heard| {
            let Some(mark) = member.hear(heard, faults) else { return };
            let Some(publisher) = publishers.get_mut(mark.sender as usize) else {
                faults.foreign += 1;
                return;
            };
            let is_sent = mark.seq < publisher.sent;
            if publisher.member == at || publisher.group != group || !member.hears || !is_sent {
                faults.foreign += 1;
                return;
            }
            let moved = member.check(mark, faults);
            if moved == 0 {
                return;
            }
            if counts {
                *deliveries += 1;
                *owed = owed.saturating_sub(moved);
            }
            if let (Some(times), Some(now_us)) = (times.as_mut(), now_us) {
                times.saturating_record(now_us.saturating_sub(mark.due_ns / 1_000).max(1));
            }
            if counts && !publisher.have.is_empty() {
                // Those that it lost do not come any more, and hold no window.
                (mark.seq + 1 - moved..=mark.seq).for_each(|seq| publisher.count(seq));
                if publisher.is_due() {
                    due.push(mark.sender as usize);
                }
            }
        });
        member.reader = reader;
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
