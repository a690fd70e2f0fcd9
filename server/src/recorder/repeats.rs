//! Counts one source's repeats instead of writing each. Pure: the time is an argument. Each event is in exactly one
//! record: its own, or the count that is written when its window ends.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use stagedoor_bus::{Attempt, Text};
use tokio::time::Instant;

use crate::{config::Config, record::Record};

/// How a source's events are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A refusal: all refusals of the same source are repeats, whatever was asked.
    Refusal,
    /// An act: only an identical one is a repeat.
    Act,
    /// An event that is always written.
    Single,
}

/// The most numbers of attempts that the count of a source's refusals names: the newest.
const ATTEMPTS_NAMED_MAX: usize = 24;

/// The events of a source within its window.
#[derive(Debug)]
struct Tally {
    written: u32,
    /// The last event counted, which carries the count of all.
    counted: Option<Box<Record>>,
    /// When the first of them happened, Unix milliseconds.
    first_ms: i64,
    /// The numbers of the attempts that were counted, the newest.
    attempts: VecDeque<Attempt>,
}

/// The windows that are open.
#[derive(Debug)]
pub(crate) struct Repeats {
    window: Duration,
    acts_written: u32,
    sources_max: usize,
    hashes: RandomState,
    refusals: HashMap<u64, Tally>,
    acts: HashMap<u64, Tally>,
    /// Refusals from sources beyond the bound, by kind and code.
    others: HashMap<(Arc<str>, Arc<str>), Tally>,
    /// Windows, in the order in which they end.
    ends: VecDeque<(Instant, Window)>,
}

#[derive(Clone, Debug)]
enum Window {
    Refusal(u64),
    Act(u64),
    Others(Arc<str>, Arc<str>),
}

impl Repeats {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            window: Duration::from_secs(config.audit_repeat_window_s),
            acts_written: config.audit_repeats_written.max(1),
            sources_max: config.audit_sources_max,
            hashes: RandomState::new(),
            refusals: HashMap::new(),
            acts: HashMap::new(),
            others: HashMap::new(),
            ends: VecDeque::new(),
        }
    }

    /// Adds an event; returns it if it must be written now.
    pub(crate) fn add(&mut self, record: Record, class: Class, now: Instant) -> Option<Record> {
        if self.window.is_zero() {
            return Some(record);
        }
        match class {
            Class::Single => Some(record),
            Class::Refusal => self.refused(record, now),
            Class::Act => self.done(record, now),
        }
    }

    fn refused(&mut self, record: Record, now: Instant) -> Option<Record> {
        let source = source_of_refusal(&record, self.hashes.build_hasher());
        let free = self.refusals.len() < self.sources_max;
        if let Some(tally) = self.refusals.get_mut(&source) {
            tally.name(attempt_of(&record));
            tally.count(record.of_its_source(Class::Refusal));
            return None;
        }
        if free {
            self.refusals.insert(source, Tally::of_one_written(&record));
            self.ends.push_back((now + self.window, Window::Refusal(source)));
            return Some(record);
        }
        let name = (record.kind.clone(), record.code.clone());
        let tally = self.others.entry(name.clone()).or_insert_with(|| {
            self.ends.push_back((now + self.window, Window::Others(name.0, name.1)));
            Tally { written: 0, ..Tally::of_one_written(&record) }
        });
        tally.count(record.of_others());
        None
    }

    fn done(&mut self, record: Record, now: Instant) -> Option<Record> {
        let source = source_of_act(&record, self.hashes.build_hasher());
        match self.acts.get_mut(&source) {
            Some(tally) if tally.written < self.acts_written => {
                tally.written += 1;
                Some(record)
            }
            Some(tally) => {
                tally.count(record.of_its_source(Class::Act));
                None
            }
            None => {
                // An event beyond the bound is written: its rate is bounded at its origin.
                if self.acts.len() < self.sources_max {
                    self.acts.insert(source, Tally::of_one_written(&record));
                    self.ends.push_back((now + self.window, Window::Act(source)));
                }
                Some(record)
            }
        }
    }

    /// When the next window ends.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.front().map(|(end, _)| *end)
    }

    /// The counts of the windows that have ended.
    pub(crate) fn ended(&mut self, now: Instant) -> Vec<Record> {
        let mut records = Vec::new();
        while self.ends.front().is_some_and(|(end, _)| *end <= now) {
            let window = self.ends.pop_front().map(|(_, window)| window);
            records.extend(window.and_then(|window| self.end(&window)));
        }
        records
    }

    /// The counts of all windows, which end now.
    pub(crate) fn end_all(&mut self) -> Vec<Record> {
        let ends = std::mem::take(&mut self.ends);
        ends.iter().filter_map(|(_, window)| self.end(window)).collect()
    }

    fn end(&mut self, window: &Window) -> Option<Record> {
        let tally = match window {
            Window::Refusal(source) => self.refusals.remove(source),
            Window::Act(source) => self.acts.remove(source),
            Window::Others(kind, code) => self.others.remove(&(kind.clone(), code.clone())),
        }?;
        let record = *tally.counted?;
        let Record { kind, code, count, .. } = &record;
        let (peer, window_s) = (record.peer.as_deref(), self.window.as_secs());
        let peer = peer.unwrap_or("several addresses");
        tracing::debug!("{kind} {code}: {count} times from {peer} in {window_s} s");
        let record = record.detail(&format!("first_ms={}", tally.first_ms));
        if tally.attempts.is_empty() {
            return Some(record);
        }
        let attempts: Vec<String> = tally.attempts.iter().map(ToString::to_string).collect();
        Some(record.detail(&format!("attempts={}", attempts.join(","))))
    }
}

impl Tally {
    fn of_one_written(record: &Record) -> Self {
        let attempts = VecDeque::new();
        Self { written: 1, counted: None, first_ms: record.at_ms, attempts }
    }

    fn name(&mut self, attempt: Option<Attempt>) {
        if self.attempts.len() >= ATTEMPTS_NAMED_MAX {
            self.attempts.pop_front();
        }
        self.attempts.extend(attempt);
    }

    fn count(&mut self, record: Record) {
        match &mut self.counted {
            Some(counted) => {
                counted.count = counted.count.saturating_add(record.count);
                counted.at_ms = record.at_ms;
                // One user may present many tokens.
                if counted.jti != record.jti {
                    counted.jti = None;
                }
            }
            None => {
                self.first_ms = record.at_ms;
                self.counted = Some(Box::new(record));
            }
        }
    }
}

/// Only the address: each connection has another port.
fn address(peer: &str) -> &str {
    match peer.rsplit_once(':') {
        Some((address, _)) if !address.contains(':') => address,
        Some((address, _)) if address.starts_with('[') => address.trim_matches(['[', ']']),
        _ => peer,
    }
}

/// The number of a refused attempt, with which the detail begins.
fn attempt_of(record: &Record) -> Option<Attempt> {
    let detail = record.detail.as_deref()?.strip_prefix("attempt=")?;
    detail.split(' ').next()?.parse().ok()
}

/// The refused API operation, which tells sources apart. There are few.
fn operation(record: &Record) -> Option<&str> {
    let detail = record.detail.as_deref().filter(|_| *record.kind == *"caller")?;
    detail.split(" app=").next()
}

impl Record {
    /// A record for many events of one source: only what they have in common.
    fn of_its_source(self, class: Class) -> Self {
        let about = class == Class::Act || is_proven(&self);
        let detail = operation(&self).and_then(Text::detail);
        let peer = self.peer.as_deref().and_then(|peer| Text::peer(address(peer)));
        let Self { room, user, role, .. } = self;
        let (room, user, role) = if about { (room, user, role) } else { (None, None, None) };
        Self { room, user, role, peer, detail, request_id: None, ..self }
    }

    /// A record for many events of many sources.
    fn of_others(self) -> Self {
        let Self { at_ms, kind, code, count, .. } = self;
        Self { at_ms, kind, code, count, ..Self::default() }
    }
}

/// Whether a token proved the user. Without one, the name is arbitrary.
fn is_proven(record: &Record) -> bool {
    record.jti.is_some()
}

fn source_of_refusal(record: &Record, mut hash: impl Hasher) -> u64 {
    let Record { app, kind, code, actor, room, user, peer, .. } = record;
    (app, kind, code, actor, peer.as_deref().map(address)).hash(&mut hash);
    is_proven(record).then_some((room, user)).hash(&mut hash);
    operation(record).hash(&mut hash);
    hash.finish()
}

fn source_of_act(record: &Record, mut hash: impl Hasher) -> u64 {
    let Record { app, kind, code, actor, room, user, role, peer, .. } = record;
    (app, kind, code, actor, peer.as_deref().map(address)).hash(&mut hash);
    (room, user, role).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests;
