//! What a run counts: deliveries, frames still owed, latencies, and faults.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::{member::Member, outcome::Faults, publisher::Publisher, reader::Heard};

/// The counts.
pub(super) struct Ledger {
    /// When the run began; due times are relative to it.
    pub(super) clock: Instant,
    /// Latencies of deliveries, if they are recorded.
    pub(super) times: Option<Histogram<u64>>,
    pub(super) deliveries: u64,
    /// Frames that full-speed members should have and do not have yet.
    pub(super) owed: u64,
    pub(super) faults: Faults,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            clock: Instant::now(),
            times: None,
            deliveries: 0,
            owed: 0,
            faults: Faults::default(),
        }
    }

    /// Microseconds since the run began, if times are recorded.
    pub(super) fn now_us(&self) -> Option<u64> {
        self.times.as_ref().map(|_| self.clock.elapsed().as_micros() as u64)
    }

    /// Records what member number `at` heard; returns the publisher whose window now has room.
    pub(super) fn hear(
        &mut self,
        at: usize,
        member: &mut Member,
        publishers: &mut [Publisher],
        heard: Heard<'_>,
        now_us: Option<u64>,
    ) -> Option<usize> {
        let mark = member.hear(heard, &mut self.faults)?;
        let sender = mark.sender as usize;
        let publisher = publishers.get_mut(sender);
        let is_known = |publisher: &&mut Publisher| {
            publisher.member != at
                && publisher.group == member.group
                && member.hears
                && mark.seq < publisher.sent
        };
        let Some(publisher) = publisher.filter(is_known) else {
            self.faults.foreign += 1;
            return None;
        };
        let moved = member.check(mark, &mut self.faults);
        if moved == 0 {
            return None;
        }
        let counts = !member.slow;
        if counts {
            self.deliveries += 1;
            self.owed = self.owed.saturating_sub(moved);
        }
        if let (Some(times), Some(now_us)) = (self.times.as_mut(), now_us) {
            times.saturating_record(now_us.saturating_sub(mark.due_ns / 1_000).max(1));
        }
        if !counts || publisher.have.is_empty() {
            return None;
        }
        // Lost frames no longer arrive, and no longer count for the window.
        (mark.seq + 1 - moved..=mark.seq).for_each(|seq| publisher.count(seq));
        publisher.is_due().then_some(sender)
    }
}
