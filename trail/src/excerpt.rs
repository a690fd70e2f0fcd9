//! Signs and verifies the records of one app, which alone form no chain: others' records stand between them.

use sha2::{Digest, Sha256};

use crate::{
    fault::{FaultKind, Faults, Part, Report},
    hash::ChainId,
    keys::{AuditKey, PublicKeys},
    line::{ExcerptEnd, ExcerptHead},
    record::Record,
};

/// What a signature of an excerpt begins with, so that it is good for nothing else.
const CONTEXT: &[u8] = b"stagedoor.audit.excerpt\x01";

/// What an excerpt is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The chain that it is taken from.
    pub chain: ChainId,
    /// The AppID.
    pub app: i64,
    /// When the app was created, Unix milliseconds.
    pub app_since_ms: i64,
}

/// The records of an excerpt, hashed one after the other.
#[derive(Clone, Debug)]
pub struct ExcerptHash {
    of: Excerpt,
    hash: Sha256,
    records: u64,
    first: i64,
    last: i64,
    scratch: Vec<u8>,
}

impl ExcerptHash {
    /// Before any record.
    pub fn new(of: Excerpt) -> Self {
        Self { of, hash: Sha256::new(), records: 0, first: 0, last: 0, scratch: Vec::new() }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record<'_>) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&record.id.to_be_bytes());
        record.canonical(&mut self.scratch);
        self.hash.update(&self.scratch);
        if self.records == 0 {
            self.first = record.id;
        }
        (self.records, self.last) = (self.records + 1, record.id);
    }

    fn signed_bytes(self, at_ms: i64) -> Vec<u8> {
        let mut bytes = CONTEXT.to_vec();
        bytes.extend_from_slice(&self.of.chain.0);
        let records = i64::try_from(self.records).unwrap_or(i64::MAX);
        let Excerpt { app, app_since_ms, .. } = self.of;
        for number in [app, app_since_ms, records, self.first, self.last, at_ms] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.hash.finalize());
        bytes
    }

    /// Signs what was added.
    pub fn sign(self, key: &AuditKey, at_ms: i64) -> ExcerptEnd {
        let (records, first, last) = (self.records, self.first, self.last);
        let signature = key.sign(&self.signed_bytes(at_ms));
        ExcerptEnd { records, first, last, at_ms, kid: key.kid().into(), signature }
    }
}

/// Verifies an excerpt as it is read.
#[derive(Debug)]
pub(crate) struct ExcerptVerifier {
    keys: PublicKeys,
    hash: ExcerptHash,
    end: Option<ExcerptEnd>,
    faults: Faults,
}

impl ExcerptVerifier {
    pub(crate) fn new(head: &ExcerptHead, keys: PublicKeys) -> Self {
        let ExcerptHead { chain, app, app_since_ms, .. } = *head;
        let hash = ExcerptHash::new(Excerpt { chain, app, app_since_ms });
        Self { keys, hash, end: None, faults: Faults::default() }
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) {
        if self.hash.records > 0 && record.id <= self.hash.last {
            let (fault, id) = (
                if record.id == self.hash.last { FaultKind::Added } else { FaultKind::Reordered },
                record.id,
            );
            self.faults.add(fault, Part::Records, id, Some(id));
        }
        self.hash.add(record);
    }

    pub(crate) fn unreadable_line(&mut self) {
        let next = self.hash.last.saturating_add(1);
        self.faults.add(FaultKind::Altered, Part::Lines, next, Some(next));
    }

    pub(crate) fn end(&mut self, end: ExcerptEnd) {
        self.end = Some(end);
    }

    pub(crate) fn finish(mut self) -> Report {
        let (records, first, last) = (self.hash.records, self.hash.first, self.hash.last);
        match self.end {
            None => self.faults.add(FaultKind::Cut, Part::Records, last.saturating_add(1), None),
            Some(end) => {
                let has = (records, first, last);
                if has != (end.records, end.first, end.last) && records < end.records {
                    let (from, to) = (end.first, end.last);
                    self.faults.add(FaultKind::Missing, Part::Records, from, Some(to));
                } else if self.faults.kept.is_empty() {
                    let bytes = self.hash.signed_bytes(end.at_ms);
                    if !self.keys.signed(&end.kid, &bytes, &end.signature) {
                        let (from, to) = (first.min(end.first), last.max(end.last));
                        self.faults.add(FaultKind::Altered, Part::Records, from, Some(to));
                    }
                }
            }
        }
        let Faults { kept, further } = self.faults;
        Report { records, first, last, faults: kept, further_faults: further, ..Report::default() }
    }
}
