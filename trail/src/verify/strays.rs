//! Records and links that stand where they do not belong, and those that are missing.

use crate::fault::{FaultKind, Faults, Part};

/// Misplaced records and links, and gaps, that are remembered, of each kind.
const STRAYS_MAX: usize = 10_000;

/// Ids that are missing where they belong, or stand where they do not.
#[derive(Debug, Default)]
pub(super) struct Strays {
    missing_records: Vec<(i64, i64)>,
    missing_links: Vec<(i64, i64)>,
    records: Vec<i64>,
    links: Vec<(i64, i64)>,
}

impl Strays {
    /// A record that does not belong where it stands.
    pub(super) fn record(&mut self, id: i64) {
        if self.records.len() < STRAYS_MAX {
            self.records.push(id);
        }
    }

    /// A link that does not belong where it stands.
    pub(super) fn link(&mut self, first: i64, last: i64) {
        if self.links.len() < STRAYS_MAX {
            self.links.push((first, last));
        }
    }

    /// Records that are missing where they belong.
    pub(super) fn lacks_records(&mut self, missing: &[(i64, i64)]) {
        let room = STRAYS_MAX - self.missing_records.len();
        self.missing_records.extend(missing.iter().take(room));
    }

    /// A range without a link.
    pub(super) fn lacks_link(&mut self, from: i64, to: i64) {
        if self.missing_links.len() < STRAYS_MAX {
            self.missing_links.push((from, to));
        }
    }

    /// Whether the link of this record is missing.
    pub(super) fn lacks_link_of(&self, id: i64) -> bool {
        is_in(&self.missing_links, id)
    }

    /// The newest of these records and an id.
    pub(super) fn newest(&self, id: i64) -> i64 {
        self.records.iter().copied().fold(id, i64::max)
    }

    /// A stray that is missing elsewhere was moved; others were added. Records of a missing link are there.
    pub(super) fn sort_out(mut self, faults: &mut Faults) {
        let mut moved = Vec::new();
        for place in std::mem::take(&mut self.links) {
            match self
                .missing_links
                .iter()
                .position(|range| range.0 <= place.0 && place.1 <= range.1)
            {
                Some(found) => {
                    let range = self.missing_links.swap_remove(found);
                    self.missing_links.extend(without(range, place));
                    faults.add(FaultKind::Reordered, Part::Links, place.0, Some(place.1));
                }
                None => faults.add(FaultKind::Added, Part::Links, place.0, Some(place.1)),
            }
        }
        let mut strays = std::mem::take(&mut self.records);
        strays.sort_unstable();
        let mut added = Vec::new();
        for id in strays {
            if is_in(&self.missing_links, id) {
                continue;
            }
            match self.missing_records.iter().position(|range| range.0 <= id && id <= range.1) {
                Some(found) => {
                    let range = self.missing_records.swap_remove(found);
                    self.missing_records.extend(without(range, (id, id)));
                    moved.push((id, id));
                }
                None => added.push((id, id)),
            }
        }
        let (records, links) =
            (std::mem::take(&mut self.missing_records), std::mem::take(&mut self.missing_links));
        for (fault, of, ranges) in [
            (FaultKind::Missing, Part::Links, links),
            (FaultKind::Missing, Part::Records, records),
            (FaultKind::Reordered, Part::Records, moved),
            (FaultKind::Added, Part::Records, added),
        ] {
            for (from, to) in joined(ranges) {
                faults.add(fault, of, from, Some(to));
            }
        }
    }
}

fn is_in(ranges: &[(i64, i64)], id: i64) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&id))
}

/// What is left of a range.
fn without((from, to): (i64, i64), taken: (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    let before = taken.0.checked_sub(1).map(|end| (from, end));
    let after = taken.1.checked_add(1).map(|begin| (begin, to));
    [before, after].into_iter().flatten().filter(|(from, to)| from <= to)
}

/// Adjacent ranges as one.
fn joined(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut all = Vec::<(i64, i64)>::new();
    for (from, to) in ranges {
        match all.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => all.push((from, to)),
        }
    }
    all
}
