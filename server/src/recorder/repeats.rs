//! What one source repeats is written once and then counted. Pure: the time is given. Each event is in
//! exactly one record: written by itself, or in the count of the record that is written when its window ends.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

use stagedoor_bus::Text;
use tokio::time::Instant;

use crate::{config::Config, record::Record};

/// How events of a source are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Something that was refused: the source is whoever asked, whatever was asked of it.
    Refusal,
    /// Something that was done: only the very same again is a repeat.
    Act,
    /// Something that is written each time.
    Single,
}

/// The events of a source in its window.
#[derive(Debug)]
struct Tally {
    written: u32,
    /// The last that was counted, for all of them; its count is theirs.
    counted: Option<Box<Record>>,
    /// When the first of them was, Unix milliseconds.
    first_ms: i64,
}

/// What is counted now.
#[derive(Debug)]
pub(crate) struct Repeats {
    window: Duration,
    acts_written: u32,
    sources_max: usize,
    hashes: RandomState,
    refusals: HashMap<u64, Tally>,
    acts: HashMap<u64, Tally>,
    /// Refusals of sources that found no place, by kind and code.
    others: HashMap<(Arc<str>, Arc<str>), Tally>,
    /// Windows in the order in which they end.
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

    /// Takes an event; gives it back if it is to be written now.
    pub(crate) fn take(&mut self, record: Record, class: Class, now: Instant) -> Option<Record> {
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
            Tally { written: 0, counted: None, first_ms: record.at_ms }
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
                // One that finds no place is written: its rate is bounded where it came from.
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

    /// What was counted in the windows that are over.
    pub(crate) fn ended(&mut self, now: Instant) -> Vec<Record> {
        let mut records = Vec::new();
        while self.ends.front().is_some_and(|(end, _)| *end <= now) {
            let window = self.ends.pop_front().map(|(_, window)| window);
            records.extend(window.and_then(|window| self.end(&window)));
        }
        records
    }

    /// What was counted in all windows, which end now.
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
        Some(record.detail(&format!("first_ms={}", tally.first_ms)))
    }
}

impl Tally {
    fn of_one_written(record: &Record) -> Self {
        Self { written: 1, counted: None, first_ms: record.at_ms }
    }

    fn count(&mut self, record: Record) {
        match &mut self.counted {
            Some(counted) => {
                counted.count = counted.count.saturating_add(record.count);
                counted.at_ms = record.at_ms;
                // One user may bring many tokens.
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

/// The address alone, since each connection has another port.
fn address(peer: &str) -> &str {
    match peer.rsplit_once(':') {
        Some((address, _)) if !address.contains(':') => address,
        Some((address, _)) if address.starts_with('[') => address.trim_matches(['[', ']']),
        _ => peer,
    }
}

/// The operation of the API that was refused for its caller, which tells sources apart. There are few.
fn operation(record: &Record) -> Option<&str> {
    let detail = record.detail.as_deref().filter(|_| *record.kind == *"caller")?;
    detail.split(" app=").next()
}

impl Record {
    /// As one of many of its source: with what they have in common.
    fn of_its_source(self, class: Class) -> Self {
        let about = class == Class::Act || is_proven(&self);
        let detail = operation(&self).and_then(Text::detail);
        let peer = self.peer.as_deref().and_then(|peer| Text::peer(address(peer)));
        let Self { room, user, role, .. } = self;
        let (room, user, role) = if about { (room, user, role) } else { (None, None, None) };
        Self { room, user, role, peer, detail, request_id: None, ..self }
    }

    /// As one of many of many sources.
    fn of_others(self) -> Self {
        let Self { at_ms, kind, code, count, .. } = self;
        Self { at_ms, kind, code, count, ..Self::default() }
    }
}

/// Whether a token said whom it is about. What was asked without one is whatever somebody invents.
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
mod tests {
    use proptest::prelude::*;
    use stagedoor_bus::{Actor, AppLife};
    use stagedoor_token::AppId;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn repeats(sources_max: usize, acts_written: u32) -> Repeats {
        Repeats::new(&Config {
            audit_repeat_window_s: WINDOW.as_secs(),
            audit_repeats_written: acts_written,
            audit_sources_max: sources_max,
            ..Config::default()
        })
    }

    fn refused(code: &str, peer: &str, jti: Option<&str>) -> Record {
        let record = Record::now("door", code).room("lobby").user(jti.unwrap_or("anna"));
        Record { peer: Text::peer(peer), jti: jti.and_then(Text::jti), ..record }
    }

    #[test]
    fn the_first_of_a_source_is_written_and_the_rest_counted() {
        let (mut repeats, now) = (repeats(10, 1), Instant::now());
        let mut take = |record| repeats.take(record, Class::Refusal, now).is_some();
        for (record, is_written) in [
            (refused("banned", "10.0.0.1:1000", Some("t1")), true),
            (refused("banned", "10.0.0.1:2000", Some("t1")), false),
            (refused("banned", "10.0.0.1:3000", Some("t1")), false),
            (refused("banned", "10.0.0.2:1000", Some("t1")), true),
            (refused("banned", "10.0.0.1:1000", Some("t2")), true),
            (refused("room_full", "10.0.0.1:1000", Some("t1")), true),
        ] {
            assert_eq!(take(record.clone()), is_written, "{record:?}");
        }
        assert_eq!(repeats.next_end(), Some(now + WINDOW));
        assert_eq!(repeats.ended(now + WINDOW / 2), []);
        let ended = repeats.ended(now + WINDOW);
        let [counted] = &ended[..] else { panic!("{ended:?}") };
        assert_eq!((counted.count, counted.peer.as_deref()), (2, Some("10.0.0.1")));
        assert_eq!((counted.jti.as_deref(), counted.user.as_deref()), (Some("t1"), Some("t1")));
        assert!(counted.detail.as_deref().is_some_and(|text| text.starts_with("first_ms=")));
        let again = refused("banned", "10.0.0.1:1", Some("t1"));
        assert!(repeats.take(again, Class::Refusal, now + WINDOW).is_some(), "a window of its own");
    }

    #[test]
    fn many_tokens_of_one_user_are_one_source() {
        let (mut repeats, now) = (repeats(10, 1), Instant::now());
        for jti in ["t1", "t2", "t2"] {
            for (code, class) in [("ok", Class::Act), ("banned", Class::Refusal)] {
                let record = Record::now("door", code).room("lobby").user("anna").jti(jti);
                repeats.take(record, class, now);
            }
        }
        for counted in repeats.end_all() {
            assert_eq!((counted.count, counted.user.as_deref()), (2, Some("anna")));
            assert_eq!(counted.jti.as_deref(), Some("t2"));
        }
        for jti in ["t1", "t2", "t3"] {
            let record = Record::now("door", "ok").user("anna").jti(jti);
            repeats.take(record, Class::Act, now);
        }
        assert_eq!(repeats.end_all()[0].jti, None, "of several tokens none is named");
    }

    #[test]
    fn what_a_refusal_without_a_token_names_is_not_counted_as_one() {
        let (mut repeats, now) = (repeats(10, 1), Instant::now());
        for user in ["a", "b", "c"] {
            let actor = Some(Actor::User("anna".into()));
            let record = Record::now("moderate.kick", "moderate_denied").user(user);
            repeats.take(Record { actor, ..record }, Class::Refusal, now);
        }
        let counted = repeats.end_all();
        assert_eq!((counted.len(), counted[0].count, &counted[0].user), (1, 2, &None));
        assert_eq!(counted[0].actor, Some(Actor::User("anna".into())));
    }

    #[test]
    fn acts_are_repeats_only_of_the_very_same() {
        let (mut repeats, now) = (repeats(100, 2), Instant::now());
        let app = AppLife { id: AppId(1), since_ms: 1 };
        let kick = |user: &str| Record::now("moderate.kick", "ok").of_app(app).user(user);
        let mut take = |record| repeats.take(record, Class::Act, now).is_some();
        assert_eq!([0; 4].map(|_| take(kick("ben"))), [true, true, false, false]);
        assert!((0..50).all(|n| take(kick(&format!("u{n}")))), "each of another user");
        let counted = repeats.end_all();
        assert_eq!((counted.len(), counted[0].count), (1, 2));
        assert_eq!((counted[0].user.as_deref(), counted[0].app), (Some("ben"), Some(app)));
    }

    #[test]
    fn acts_that_find_no_place_are_written() {
        let (mut repeats, now) = (repeats(1, 1), Instant::now());
        for n in 0..9 {
            let record = Record::now("door", "ok").user(&format!("u{n}"));
            assert!(repeats.take(record, Class::Act, now).is_some());
        }
        assert_eq!(repeats.end_all(), []);
    }

    #[test]
    fn addresses_lose_their_port_alone() {
        for (peer, of) in [
            ("10.0.0.1:80", "10.0.0.1"),
            ("10.0.0.1", "10.0.0.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("unix", "unix"),
        ] {
            assert_eq!(address(peer), of);
        }
    }

    proptest! {
        #[test]
        fn every_event_is_in_exactly_one_record(
            events in prop::collection::vec((0..40_u8, 0..3_u8, any::<bool>(), 0..20_u64), 0..300),
        ) {
            let (mut repeats, start) = (repeats(8, 3), Instant::now());
            let (mut now, mut written) = (start, 0);
            for (source, code, is_act, passed_s) in &events {
                now += Duration::from_secs(*passed_s);
                let code = ["banned", "room_full", "token_expired"][usize::from(*code)];
                let record = refused(code, &format!("10.0.0.{source}:9"), None);
                let class = if *is_act { Class::Act } else { Class::Refusal };
                written += repeats.take(record, class, now).map_or(0, |record| record.count);
                written += repeats.ended(now).iter().map(|record| record.count).sum::<u64>();
                prop_assert!(repeats.refusals.len() <= 8 && repeats.acts.len() <= 8);
            }
            written += repeats.end_all().iter().map(|record| record.count).sum::<u64>();
            prop_assert_eq!(written, events.len() as u64);
            prop_assert!(repeats.refusals.is_empty() && repeats.others.is_empty());
        }
    }
}
