//! Logins, many at a time: connect, upgrade, log in, get a seat, renew if wanted, close. Every step must happen in
//! order and in time.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    dialect::{Target, Who},
    error::LoadError,
    frames::{self, CLOSE, put_client_frame},
    member::Member,
    outcome::{Faults, Latency, Outcome, times},
    watch::{Tell, Watch},
};

/// Logins in progress, each with a connection of this one process.
const AT_ONCE_MAX: usize = 20_000;

/// The options of a storm.
pub(crate) struct Storm {
    /// Logins in progress at once.
    pub(crate) at_once: usize,
    /// Rooms to spread them over.
    pub(crate) rooms: usize,
    /// How long it lasts.
    pub(crate) time: Duration,
    /// Whether each member renews its token before it closes.
    pub(crate) renews: bool,
    /// Members that stay in the room meanwhile, and read its events.
    pub(crate) sitters: Vec<Member>,
}

enum Step {
    /// The connection is not established yet.
    Connecting,
    /// The request head is written, its answer awaited.
    Upgrading,
    /// The login is written, its answer awaited.
    LoggingIn,
    /// It has a seat; a new token is written, its answer awaited.
    Renewing,
    /// The close is written, the server's end awaited.
    Closing,
}

struct Visit {
    tcp: TcpStream,
    step: Step,
    who: Who,
    begun: Instant,
    /// When the new token was written.
    renewing: Instant,
    input: Vec<u8>,
}

/// The state of a visit.
enum Came {
    /// Not finished.
    On,
    /// Finished as it should be.
    Over,
}

struct Blowing<'a> {
    target: &'a Target,
    storm: Storm,
    poll: Poll,
    visits: Vec<Option<Visit>>,
    count: usize,
    logins: u64,
    times: Histogram<u64>,
    renewals: Histogram<u64>,
    faults: Faults,
}

/// Runs the storm; returns its result.
pub(crate) fn blow(
    target: &Target,
    storm: Storm,
    scenario: String,
    tell: Tell<'_>,
) -> Result<Outcome, LoadError> {
    if !(1..=AT_ONCE_MAX).contains(&storm.at_once) || storm.rooms == 0 {
        let range = format!("choose from 1 to {AT_ONCE_MAX} logins at once, and at least one room");
        return Err(LoadError::Option(range));
    }
    let mut blowing = Blowing {
        target,
        visits: (0..storm.at_once).map(|_| None).collect(),
        storm,
        poll: Poll::new()?,
        count: 0,
        logins: 0,
        times: times()?,
        renewals: times()?,
        faults: Faults::default(),
    };
    let mut watch = Watch::new(target.process, tell);
    let begun = Instant::now();
    let end = begun + blowing.storm.time;
    watch.phase("logging in", end, 0);
    let cpu_s = watch.cpu_s();
    let idle = blowing.until(end, &mut watch)?;
    let wall_s = begun.elapsed().as_secs_f64();
    let mut outcome = Outcome {
        scenario,
        dialect: target.dialect.name(),
        unit: "logins",
        count: blowing.logins,
        wall_s,
        server_cpu_s: watch.cpu_s() - cpu_s,
        server_cores: target.cores,
        generator_busy: 1.0 - idle.as_secs_f64() / wall_s,
        latency: Latency::of(&blowing.times),
        faults: blowing.faults,
        samples: watch.samples,
        ..Outcome::default()
    };
    if blowing.storm.renews {
        outcome.figures.push(("renewals", blowing.renewals.len() as f64));
        for (name, quantile) in [("renewal_p50_us", 0.5), ("renewal_p99_us", 0.99)] {
            outcome.figures.push((name, blowing.renewals.value_at_quantile(quantile) as f64));
        }
    }
    if outcome.count == 0 {
        return Err(LoadError::Server("seated nobody".into()));
    }
    outcome.judge();
    Ok(outcome)
}

impl Blowing<'_> {
    /// Runs until `end`; returns how long there was nothing to do.
    fn until(&mut self, end: Instant, watch: &mut Watch<'_>) -> Result<Duration, LoadError> {
        let mut events = Events::with_capacity(1_024);
        let mut idle = Duration::ZERO;
        for at in 0..self.visits.len() {
            self.visit(at)?;
        }
        for (at, sitter) in self.storm.sitters.iter_mut().enumerate() {
            let token = Token(self.visits.len() + at);
            self.poll.registry().register(&mut sitter.tcp, token, Interest::READABLE)?;
        }
        let mut buffer = vec![0; 65_536];
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(idle);
            }
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
            if events.is_empty() {
                idle += now.elapsed();
                self.give_up(now)?;
            }
            for event in &events {
                let at = event.token().0;
                if let Some(sitter) = at.checked_sub(self.visits.len()) {
                    self.sit(sitter, &mut buffer)?;
                    continue;
                }
                match self.go_on(at) {
                    Ok(Came::On) => {}
                    Ok(Came::Over) => self.visit(at)?,
                    Err(_) => {
                        self.faults.closed += 1;
                        self.visit(at)?;
                    }
                }
            }
            watch.look(now, self.logins);
        }
    }

    /// Reads a staying member's messages, and answers pings.
    fn sit(&mut self, at: usize, buffer: &mut [u8]) -> Result<(), LoadError> {
        let (sitter, framing) = (&mut self.storm.sitters[at], self.target.dialect.framing());
        while let Some(n) = sitter.read(buffer)? {
            let mut reader = std::mem::take(&mut sitter.reader);
            reader.take(framing, &buffer[..n], |heard| {
                // Nobody publishes there; only pings and faults count.
                sitter.hear(heard, &mut self.faults);
            });
            sitter.reader = reader;
        }
        if sitter.closed {
            let code = sitter.code;
            return Err(LoadError::Server(format!("closed a member that stays, with code {code}")));
        }
        sitter.flush()
    }

    fn give_up(&mut self, now: Instant) -> Result<(), LoadError> {
        for at in 0..self.visits.len() {
            let late = |visit: &Visit| now - visit.begun > self.target.patience;
            if self.visits[at].as_ref().is_some_and(late) {
                self.faults.lost += 1;
                self.visit(at)?;
            }
        }
        Ok(())
    }

    /// Begins the next login in this slot.
    fn visit(&mut self, at: usize) -> Result<(), LoadError> {
        self.visits[at] = None;
        let who = Who {
            room: format!("storm-{}", self.count % self.storm.rooms),
            user: format!("u{}", self.count),
            publishes: false,
            hears: false,
            delivery: "reliable",
            receive_buffer_bytes: None,
        };
        self.count += 1;
        let refused = |error| LoadError::Connect { at: self.count, of: self.count, error };
        let mut tcp = TcpStream::connect(self.target.address).map_err(refused)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut tcp, Token(at), interest)?;
        self.visits[at] = Some(Visit {
            tcp,
            step: Step::Connecting,
            who,
            begun: Instant::now(),
            renewing: Instant::now(),
            input: Vec::new(),
        });
        Ok(())
    }

    fn go_on(&mut self, at: usize) -> Result<Came, LoadError> {
        let Some(visit) = &mut self.visits[at] else { return Ok(Came::On) };
        let dialect = &self.target.dialect;
        if matches!(visit.step, Step::Connecting) {
            match visit.tcp.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    return visit.tcp.take_error()?.map_or(Ok(Came::On), |error| Err(error.into()));
                }
                Err(error) => return Err(error.into()),
            }
            visit.tcp.set_nodelay(true)?;
            // It is short, and a new socket accepts it whole.
            visit.tcp.write_all(dialect.head(&visit.who.room).as_bytes())?;
            visit.step = Step::Upgrading;
        }
        let over = visit.fill()?;
        if matches!(visit.step, Step::Upgrading) {
            let Some(end) = visit.input.windows(4).position(|four| four == b"\r\n\r\n") else {
                return if over { Err(visit.lost()) } else { Ok(Came::On) };
            };
            if !visit.input.starts_with(b"HTTP/1.1 101") {
                return Err(visit.lost());
            }
            visit.input.drain(..end + 4);
            visit.tcp.write_all(&dialect.login(&visit.who)?)?;
            visit.step = Step::LoggingIn;
        }
        if matches!(visit.step, Step::LoggingIn) {
            match visit.answer(|message| dialect.is_logged_in(message)) {
                Some(true) => {
                    self.logins += 1;
                    self.times.saturating_record(visit.begun.elapsed().as_micros() as u64);
                    let renewal = if self.storm.renews { dialect.renew(&visit.who)? } else { None };
                    match renewal {
                        Some(renewal) => {
                            visit.renewing = Instant::now();
                            visit.tcp.write_all(&renewal)?;
                            visit.step = Step::Renewing;
                        }
                        None => visit.close()?,
                    }
                }
                Some(false) => return Err(visit.lost()),
                None => return if over { Err(visit.lost()) } else { Ok(Came::On) },
            }
        }
        if matches!(visit.step, Step::Renewing) {
            match visit.answer(|message| dialect.is_renewed(message)) {
                Some(true) => {
                    self.renewals.saturating_record(visit.renewing.elapsed().as_micros() as u64);
                    visit.close()?;
                }
                Some(false) => return Err(visit.lost()),
                None => return if over { Err(visit.lost()) } else { Ok(Came::On) },
            }
        }
        Ok(if over { Came::Over } else { Came::On })
    }
}

impl Visit {
    fn close(&mut self) -> Result<(), LoadError> {
        let mut close = Vec::new();
        put_client_frame(&mut close, CLOSE, &[&1_000_u16.to_be_bytes()]);
        self.tcp.write_all(&close)?;
        self.step = Step::Closing;
        Ok(())
    }

    /// Reads what has arrived; returns whether the server is done.
    fn fill(&mut self) -> Result<bool, LoadError> {
        let mut buffer = [0; 8_192];
        loop {
            match self.tcp.read(&mut buffer) {
                Ok(0) => return Ok(true),
                // Until nothing is left, because the end of the connection may come without another event.
                Ok(n) => self.input.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                // A reset after the close is an end as well.
                Err(_) if matches!(self.step, Step::Closing) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The login's answer among the messages that arrived.
    fn answer(&mut self, said: impl Fn(&[u8]) -> Option<bool>) -> Option<bool> {
        while let Some((size, len)) = frames::head(&self.input)
            && self.input.len() >= size.saturating_add(len)
        {
            let closed = self.input[0] & 0x0f == CLOSE;
            let message: Vec<u8> = self.input.drain(..size + len).skip(size).collect();
            if closed {
                return Some(false);
            }
            if let Some(answer) = said(&message) {
                return Some(answer);
            }
        }
        None
    }

    fn lost(&self) -> LoadError {
        LoadError::Server(format!("gave {} no seat", self.who.user))
    }
}
