//! What a run counts: what was delivered, what is still owed, how late it came, and what was wrong.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::{member::Member, outcome::Faults, publisher::Publisher, reader::Heard};

/// The counts.
pub(super) struct Ledger {
    /// When the run began, by which frames are due.
    pub(super) clock: Instant,
    /// How late deliveries were, where that is noted.
    pub(super) times: Option<Histogram<u64>>,
    pub(super) deliveries: u64,
    /// Frames that members which read at full speed should have and have not.
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

    /// Microseconds since the run began, where times are noted.
    pub(super) fn now_us(&self) -> Option<u64> {
        self.times.as_ref().map(|_| self.clock.elapsed().as_micros() as u64)
    }

    /// Enters what the member of the number `at` heard; the publisher whose window has room now.
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
        // Those that it lost do not come any more, and hold no window.
        (mark.seq + 1 - moved..=mark.seq).for_each(|seq| publisher.count(seq));
        publisher.is_due().then_some(sender)
    }
}
