//! The link whose records are being read.

use sha2::{Digest, Sha256};

use crate::{hash::Hash, link::Link, record::Record};

/// Links with at most this many records are searched for two exchanged ones.
pub const EXCHANGED_RECORDS_MAX: usize = 64;

/// A link, and how far its records have been read.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) link: Link,
    /// Whether it stands where it does not belong.
    pub(super) is_stray: bool,
    hash: Sha256,
    /// The id of the record that comes next.
    expected: i64,
    missing: Vec<(i64, i64)>,
    /// Whether one of its records could not be read, or stood elsewhere.
    is_unreadable: bool,
    /// Its records in canonical form, as long as there are few.
    kept: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

/// What a link's records and its hash say about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// They agree.
    Sound,
    /// Some records are missing, so nothing can be said.
    Unknown,
    /// They disagree; the records as they are have this hash.
    Altered(Option<Hash>),
    /// They agree once the records with these ids are exchanged.
    Exchanged(i64, i64),
}

/// A link whose records have all been read.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) link: Link,
    pub(super) is_stray: bool,
    pub(super) missing: Vec<(i64, i64)>,
    pub(super) outcome: Outcome,
}

impl Open {
    pub(super) fn new(link: Link, is_stray: bool) -> Self {
        let (missing, kept, scratch) = Default::default();
        let hash = link.hasher();
        Self {
            is_stray,
            hash,
            expected: link.first,
            missing,
            is_unreadable: false,
            kept,
            scratch,
            link,
        }
    }

    /// Whether the record with this id comes next, or after others that are missing; it is noted as read.
    pub(super) fn takes(&mut self, id: i64) -> bool {
        if id < self.expected || id > self.link.last {
            return false;
        }
        if id > self.expected {
            self.missing.push((self.expected, id - 1));
        }
        self.expected = id.saturating_add(1);
        true
    }

    /// Hashes a record that it took.
    pub(super) fn hash(&mut self, record: Option<&Record<'_>>) {
        let Some(record) = record else {
            self.is_unreadable = true;
            return;
        };
        self.scratch.clear();
        record.canonical(&mut self.scratch);
        self.hash.update(&self.scratch);
        if self.link.last.saturating_sub(self.link.first) < EXCHANGED_RECORDS_MAX as i64 {
            self.kept.push(self.scratch.clone());
        }
    }

    /// `tries`: how many exchanges may still be tried.
    pub(super) fn close(mut self, tries: &mut u32) -> Closed {
        if self.expected <= self.link.last {
            self.missing.push((self.expected, self.link.last));
        }
        let outcome = self.outcome(tries);
        Closed { link: self.link, is_stray: self.is_stray, missing: self.missing, outcome }
    }

    fn outcome(&mut self, tries: &mut u32) -> Outcome {
        if !self.missing.is_empty() {
            return Outcome::Unknown;
        }
        if self.is_unreadable {
            return Outcome::Altered(None);
        }
        let computed = Hash(self.hash.clone().finalize().into());
        if computed == self.link.link {
            return Outcome::Sound;
        }
        let id = |place: usize| self.link.first.saturating_add_unsigned(place as u64);
        self.exchanged(tries)
            .map_or(Outcome::Altered(Some(computed)), |(a, b)| Outcome::Exchanged(id(a), id(b)))
    }

    /// The two records whose exchange explains the link's hash.
    fn exchanged(&self, tries: &mut u32) -> Option<(usize, usize)> {
        let (kept, header) = (&self.kept, self.link.hasher());
        let pairs = (0..kept.len()).flat_map(|a| (a + 1..kept.len()).map(move |b| (a, b)));
        for (a, b) in pairs {
            *tries = tries.checked_sub(1)?;
            let mut hash = header.clone();
            for place in 0..kept.len() {
                let from = if place == a {
                    b
                } else if place == b {
                    a
                } else {
                    place
                };
                hash.update(&kept[from]);
            }
            if hash.finalize().as_slice() == self.link.link.0 {
                return Some((a, b));
            }
        }
        None
    }
}
