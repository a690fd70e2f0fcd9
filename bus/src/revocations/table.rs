//! One table of the list, and a filter in front of it. Most tokens are not revoked, and a table of a million entries is
//! not in the processor's caches: the filter, one byte per entry, excludes nearly all other tokens. Removed entries
//! stay in the filter until it is rebuilt.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use stagedoor_token::AppId;

use super::mark::Mark;

/// A target's place in the tables of its kind: the app, and 96 bits of a keyed hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) app: AppId,
    hash: [u32; 3],
}

impl Place {
    pub(super) fn new(app: AppId, [first, second]: [u64; 2]) -> Self {
        Self { app, hash: [first as u32, (first >> 32) as u32, second as u32] }
    }

    /// Which of this many tables.
    pub(super) fn part(&self, parts: usize) -> usize {
        self.hash[2] as usize % parts
    }

    /// Its word among this many (a power of two) of a filter, and its three bits there.
    fn in_filter(&self, words: usize) -> (usize, u64) {
        let app = self.app.0.wrapping_mul(0x9e37_79b9);
        let bit = |shift: u32| 1_u64 << (self.hash[2] >> shift & 63);
        ((self.hash[1] ^ app) as usize & (words - 1), bit(8) | bit(16) | bit(24))
    }
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let app = u64::from(self.app.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64((u64::from(self.hash[1]) << 32 | u64::from(self.hash[0])) ^ app);
    }
}

/// Passes a place's hash through: it is already a hash.
#[derive(Default)]
pub(super) struct Through(u64);

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

pub(super) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Through>>;

/// Entries per word of a filter, at most: one byte each.
const ENTRIES_A_WORD: usize = 8;

/// A table.
#[derive(Default)]
pub(super) struct Table {
    marks: Map<Place, Mark>,
    filter: Vec<u64>,
}

impl Table {
    /// The mark at a place.
    pub(super) fn get(&self, place: &Place) -> Option<&Mark> {
        if self.may_hold(place) { self.marks.get(place) } else { None }
    }

    /// The filter's answer.
    fn may_hold(&self, place: &Place) -> bool {
        if self.filter.is_empty() {
            return false;
        }
        let (word, bits) = place.in_filter(self.filter.len());
        self.filter[word] & bits == bits
    }

    /// Changes the mark at a place, if there is one.
    pub(super) fn change(&mut self, place: &Place, change: impl FnOnce(&mut Mark)) {
        self.marks.get_mut(place).map(change);
    }

    /// The mark at a place, a new one if there is none, and whether it is new.
    pub(super) fn entry(&mut self, place: Place) -> (&mut Mark, bool) {
        let new = !self.marks.contains_key(&place);
        if new {
            if self.marks.len() >= self.filter.len() * ENTRIES_A_WORD {
                self.filter_for(self.marks.len() * 2);
            }
            let (word, bits) = place.in_filter(self.filter.len());
            self.filter[word] |= bits;
        }
        (self.marks.entry(place).or_default(), new)
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.marks.remove(place);
    }

    /// Removes what `keep` rejects, and frees memory if much is unused. Returns how many it removed.
    pub(super) fn sweep(&mut self, mut keep: impl FnMut(&Place, &mut Mark) -> bool) -> usize {
        let before = self.marks.len();
        self.marks.retain(|place, mark| keep(place, mark));
        if self.marks.len() < self.marks.capacity() / 4 {
            self.marks.shrink_to(self.marks.len() * 2);
        }
        let gone = before - self.marks.len();
        if gone > 0 {
            self.filter_for(self.marks.len());
        }
        gone
    }

    /// Rebuilds the filter for this number of entries.
    fn filter_for(&mut self, entries: usize) {
        let words = entries.div_ceil(ENTRIES_A_WORD).next_power_of_two();
        self.filter = vec![0; words];
        for place in self.marks.keys() {
            let (word, bits) = place.in_filter(words);
            self.filter[word] |= bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place as a hash would produce it.
    fn place(n: u64) -> Place {
        let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ n;
        Place::new(AppId(7), [mixed(n), mixed(mixed(n + 1))])
    }

    #[test]
    fn the_filter_passes_all_entries_and_little_else() {
        let mut table = Table::default();
        assert!(table.get(&place(0)).is_none());
        for n in 0..20_000 {
            let (mark, new) = table.entry(place(n));
            assert!(new, "{n}");
            mark.generation = n;
        }
        assert!(!table.entry(place(3)).1);
        let found = |table: &Table, n| table.get(&place(n)).map(|mark| mark.generation);
        assert!((0..20_000).all(|n| found(&table, n) == Some(n)));
        assert!((20_000..40_000).all(|n| found(&table, n).is_none()));
        let passed = (20_000..40_000).filter(|n| table.may_hold(&place(*n))).count();
        assert!(passed < 2_000, "{passed} of 20,000 pass the filter");

        assert_eq!(table.sweep(|_, mark| mark.generation % 10 == 0), 18_000);
        assert!((0..20_000).all(|n| found(&table, n) == (n % 10 == 0).then_some(n)));
        table.remove(&place(10));
        assert_eq!(found(&table, 10), None);
        assert!(table.entry(place(10)).1);
    }
}
