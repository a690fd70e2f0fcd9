//! Verifies a whole trail as it is read, in bounded memory: checkpoints that are known beforehand, then each link
//! followed by its records.

mod open;
mod strays;

use std::collections::BTreeMap;

use crate::{
    checkpoint::Checkpoint,
    fault::{FaultKind, Faults, Part, Report},
    hash::{ChainId, Hash},
    keys::PublicKeys,
    link::Link,
    record::Record,
};
use open::{Closed, Open, Outcome};
use strays::Strays;

pub use open::EXCHANGED_RECORDS_MAX;

/// The kind of the record that says what pruning took.
pub const PRUNE: &str = "audit.prune";
/// Exchanges of two records that are tried at all.
const TRIES_MAX: u32 = 100_000;

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The chain.
    pub chain: ChainId,
    /// The id of the last record from before it.
    pub id: i64,
}

/// The detail of a record of pruning: how many records were taken, through which id, and the hash of the link that ended
/// there; `None`: they were from before the chain.
pub fn prune_detail(records: u64, through: i64, link: Option<Hash>) -> String {
    let link = link.map(|link| format!(" link={link}")).unwrap_or_default();
    format!("records={records} through={through}{link}")
}

fn pruned(detail: &str) -> Option<(i64, Hash)> {
    let value =
        |name: &str| detail.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    Some((value("through")?.parse().ok()?, Hash::of_hex(value("link")?)?))
}

/// The link before, as the next one must name it.
#[derive(Debug)]
struct Previous {
    first: i64,
    last: i64,
    stored: Hash,
    computed: Option<Hash>,
    is_sound: bool,
}

/// Verifies a trail.
#[derive(Debug)]
pub struct Verifier {
    start: Start,
    keys: PublicKeys,
    open: Option<Open>,
    /// The first link.
    first: Option<Link>,
    /// The last id of the newest link in its place.
    tail: Option<i64>,
    previous: Option<Previous>,
    /// Checkpoints that wait for their link, by last id.
    awaited: BTreeMap<i64, Vec<Hash>>,
    /// Checkpoints that were kept elsewhere, and that the trail itself has not had yet, by last id.
    kept: BTreeMap<i64, Vec<Checkpoint>>,
    /// The last id that a checkpoint confirmed.
    confirmed: Option<i64>,
    strays: Strays,
    /// The newest record of pruning.
    pruned: Option<(i64, Hash)>,
    tries: u32,
    faults: Faults,
    report: Report,
}

impl Verifier {
    /// Begins; checkpoints must be signed by one of these keys.
    pub fn new(start: Start, keys: PublicKeys) -> Self {
        Self {
            start,
            keys,
            open: None,
            first: None,
            tail: None,
            previous: None,
            awaited: BTreeMap::new(),
            kept: BTreeMap::new(),
            confirmed: None,
            strays: Strays::default(),
            pruned: None,
            tries: TRIES_MAX,
            faults: Faults::default(),
            report: Report::default(),
        }
    }

    /// The trail must agree with this checkpoint, which was kept elsewhere. Give it before the trail.
    pub fn kept(&mut self, checkpoint: &Checkpoint) {
        self.kept.entry(checkpoint.last).or_default().push(checkpoint.clone());
        self.agree(checkpoint);
    }

    /// The trail must agree with this checkpoint, which is its own.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        if let Some(kept) = self.kept.get_mut(&checkpoint.last) {
            kept.retain(|kept| kept != checkpoint);
        }
        self.agree(checkpoint);
    }

    fn agree(&mut self, checkpoint: &Checkpoint) {
        self.close();
        let Checkpoint { chain, last, link, .. } = checkpoint;
        if *chain != self.start.chain || !checkpoint.is_signed(&self.keys) {
            self.faults.add(FaultKind::Altered, Part::Checkpoints, *last, Some(*last));
            return;
        }
        match &self.previous {
            Some(previous) if previous.last == *last => {
                let agrees = [Some(previous.stored), previous.computed].contains(&Some(*link));
                self.resolve(*last, agrees);
            }
            _ if self.tail.is_some_and(|tail| *last <= tail) => {
                if !self.strays.lacks_link_of(*last) {
                    self.resolve(*last, false);
                }
            }
            _ => self.awaited.entry(*last).or_default().push(*link),
        }
    }

    /// The next link.
    pub fn link(&mut self, link: Link) {
        self.close();
        self.report.links += 1;
        let expected = self.tail.map(|tail| tail.saturating_add(1));
        if link.last < link.first.saturating_sub(1) {
            self.faults.add(FaultKind::Altered, Part::Links, link.first, Some(link.first));
            return;
        }
        let is_stray = expected.is_some_and(|expected| link.first < expected);
        match expected {
            None => self.first = Some(link),
            Some(_) if is_stray => self.strays.link(link.first, link.last),
            Some(expected) if link.first > expected => {
                self.strays.lacks_link(expected, link.first - 1);
                self.previous = None;
            }
            Some(_) => {}
        }
        self.open = Some(Open::new(link, is_stray));
    }

    /// The next record.
    pub fn record(&mut self, record: &Record<'_>) {
        if record.kind == PRUNE
            && let Some(detail) = &record.detail
        {
            self.pruned = pruned(detail).or(self.pruned);
        }
        self.place(record.id, Some(record));
    }

    /// The next record, which cannot be read.
    pub fn unreadable_record(&mut self, id: i64) {
        self.place(id, None);
    }

    /// Something in the place of the next record or link that is neither.
    pub fn unreadable_line(&mut self) {
        let next = self.tail.unwrap_or(self.start.id).saturating_add(1);
        self.faults.add(FaultKind::Altered, Part::Lines, next, Some(next));
    }

    fn place(&mut self, id: i64, record: Option<&Record<'_>>) {
        if id <= self.start.id && self.open.is_none() {
            self.report.unchained += 1;
            return;
        }
        let Some(open) = self.open.as_mut() else { return self.strays.record(id) };
        if !open.takes(id) {
            return self.strays.record(id);
        }
        open.hash(record);
        self.report.records += 1;
        if self.report.first == 0 {
            self.report.first = id;
        }
        self.report.last = self.report.last.max(id);
    }

    /// Judges the open link, whose records have all been read.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Closed { link, is_stray, missing, outcome } = open.close(&mut self.tries);
        self.strays.lacks_records(&missing);
        let (first, last) = (link.first, link.last);
        match outcome {
            Outcome::Altered(_) => {
                let of = if last < first { Part::Links } else { Part::Records };
                self.faults.add(FaultKind::Altered, of, first, Some(last.max(first)));
            }
            Outcome::Exchanged(a, b) => {
                self.faults.add(FaultKind::Reordered, Part::Records, a, Some(b));
            }
            Outcome::Sound | Outcome::Unknown => {}
        }
        if is_stray {
            return;
        }
        let is_sound = outcome == Outcome::Sound;
        self.follows(&link, is_sound);
        let computed = match outcome {
            Outcome::Altered(computed) => computed,
            _ => None,
        };
        let stored = link.link;
        self.previous = Some(Previous { first, last, stored, computed, is_sound });
        self.tail = Some(last);
        self.resolve_through(&link, computed);
    }

    /// Whether the link names the one before it.
    fn follows(&mut self, link: &Link, is_sound: bool) {
        match &self.previous {
            Some(previous) => {
                let names =
                    [Some(previous.stored), previous.computed].contains(&Some(link.previous));
                if !names && is_sound && previous.is_sound {
                    let (from, to) = (previous.first, previous.last.max(previous.first));
                    self.faults.add(FaultKind::Altered, Part::Links, from, Some(to));
                }
            }
            None => {
                if is_sound && self.begins(link) && link.previous != self.start.chain.origin() {
                    self.faults.add(FaultKind::Altered, Part::Links, link.first, Some(link.first));
                }
            }
        }
    }

    /// Whether it is the first link of the chain.
    fn begins(&self, link: &Link) -> bool {
        link.last == self.start.id && link.first == self.start.id.saturating_add(1)
    }

    /// Compares the checkpoints up to the end of a link.
    fn resolve_through(&mut self, link: &Link, computed: Option<Hash>) {
        let before = self.first.filter(|first| first.first == link.first);
        let later = self.awaited.split_off(&link.last.saturating_add(1));
        for (last, hashes) in std::mem::replace(&mut self.awaited, later) {
            for hash in hashes {
                if last == link.last {
                    self.resolve(last, hash == link.link || Some(hash) == computed);
                } else if last < link.first.saturating_sub(1) && before.is_some() {
                    // Of what was pruned nothing can be said.
                } else if last == link.first.saturating_sub(1) && before.is_some() {
                    self.resolve(last, hash == link.previous);
                } else if !self.strays.lacks_link_of(last) {
                    self.resolve(last, false);
                }
            }
        }
    }

    fn resolve(&mut self, last: i64, agrees: bool) {
        if agrees {
            self.confirmed = self.confirmed.max(Some(last));
            self.report.checkpoints += 1;
            return;
        }
        let oldest = self.first.map_or(self.start.id, |first| first.first.saturating_sub(1));
        let from = self.confirmed.unwrap_or(oldest).saturating_add(1).min(last);
        self.faults.add(FaultKind::Forked, Part::Links, from, Some(last));
    }

    /// Ends. `newest`: the id of the newest record that was ever written, if that is known; `is_complete`: whether the
    /// trail was read to its end.
    pub fn finish(mut self, newest: Option<i64>, is_complete: bool) -> Report {
        self.close();
        let tail = self.tail.unwrap_or(self.start.id);
        let end = self.strays.newest(tail);
        if end > tail {
            self.strays.lacks_link(tail.saturating_add(1), end);
        }
        let known = self.awaited.keys().next_back().copied().max(newest);
        let cut = known.filter(|known| *known > end);
        if cut.is_some() || !is_complete {
            self.faults.add(FaultKind::Cut, Part::Records, end.saturating_add(1), cut);
        }
        self.check_pruning();
        self.strays.sort_out(&mut self.faults);
        self.faults.kept.sort_unstable();
        Report {
            link: self.previous.map(|previous| previous.stored),
            faults: self.faults.kept,
            further_faults: self.faults.further,
            not_in_trail: self.kept.into_values().flatten().map(|kept| kept.last).collect(),
            ..self.report
        }
    }

    /// Whether the oldest link is the first of the chain, or the one after what was pruned.
    fn check_pruning(&mut self) {
        let Some(first) = self.first else { return };
        if self.begins(&first) {
            return;
        }
        let from = match self.pruned {
            Some((through, link)) if through.saturating_add(1) == first.first => {
                if link != first.previous {
                    self.faults.add(FaultKind::Altered, Part::Links, through, Some(through));
                }
                return;
            }
            Some((through, _)) => through.saturating_add(1),
            None => self.start.id.saturating_add(1),
        };
        let before = first.first.saturating_sub(1);
        if from < first.first {
            self.faults.add(FaultKind::Missing, Part::Records, from, Some(before));
        } else if self.pruned.is_some() {
            self.faults.add(FaultKind::Added, Part::Records, first.first, Some(from - 1));
        } else {
            self.faults.add(FaultKind::Missing, Part::Links, before, Some(before));
        }
    }
}
