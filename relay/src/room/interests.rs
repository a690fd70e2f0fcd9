//! Which seats wait for which stream names. A new stream looks up its name and its prefixes, however many patterns
//! there are. Knows no grants.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use stagedoor_token::Pattern;

use super::inbox::Inbox;

/// Seats by number, with their inboxes.
type Seats = HashMap<u64, Arc<Inbox>>;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Interests {
    exact: HashMap<String, Seats>,
    /// By the text before the `*`.
    prefix: HashMap<String, Seats>,
}

impl Interests {
    fn of(&mut self, pattern: &Pattern) -> &mut HashMap<String, Seats> {
        if pattern.is_exact() { &mut self.exact } else { &mut self.prefix }
    }

    pub(super) fn add(&mut self, pattern: &Pattern, seat: u64, inbox: &Arc<Inbox>) {
        let key = pattern.as_str().trim_end_matches('*');
        let seats = self.of(pattern).entry(key.to_owned()).or_default();
        seats.insert(seat, inbox.clone());
    }

    pub(super) fn remove(&mut self, pattern: &Pattern, seat: u64) {
        let key = pattern.as_str().trim_end_matches('*');
        let by_key = self.of(pattern);
        if let Some(seats) = by_key.get_mut(key) {
            seats.remove(&seat);
            if seats.is_empty() {
                by_key.remove(key);
            }
        }
    }

    /// Calls `found_by` for each seat that waits for `name`, once.
    pub(super) fn each(&self, name: &str, mut found_by: impl FnMut(&Arc<Inbox>)) {
        let mut found: Vec<&Seats> = self.exact.get(name).into_iter().collect();
        if self.prefix.len() <= name.len() {
            let matching = self.prefix.iter().filter(|(prefix, _)| name.starts_with(&***prefix));
            found.extend(matching.map(|(_, seats)| seats));
        } else {
            // Names are ASCII.
            found.extend((0..=name.len()).filter_map(|end| self.prefix.get(&name[..end])));
        }
        if let [seats] = found[..] {
            return seats.values().for_each(found_by);
        }
        let mut told = HashSet::new();
        for (seat, inbox) in found.into_iter().flatten() {
            if told.insert(*seat) {
                found_by(inbox);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_seat_with_a_matching_pattern_is_found_once(
            patterns in prop::collection::vec(("[ab]{0,3}\\*|[ab]{1,4}", 0_u64..4), 0..24),
            removed: prop::sample::Index,
            name in "[ab]{1,4}",
        ) {
            let mut interests = Interests::default();
            let inboxes: Vec<Arc<Inbox>> = (0..4).map(|_| Arc::new(Inbox::new(Arc::default()))).collect();
            let mut left: Vec<(Pattern, u64)> = Vec::new();
            for (text, seat) in patterns {
                let pattern: Pattern = text.parse().expect("a pattern");
                interests.add(&pattern, seat, &inboxes[seat as usize]);
                if !left.contains(&(pattern.clone(), seat)) {
                    left.push((pattern, seat));
                }
            }
            if !left.is_empty() {
                let (pattern, seat) = left.remove(removed.index(left.len()));
                interests.remove(&pattern, seat);
            }
            let mut told = [0; 4];
            interests.each(&name, |inbox| {
                let seat = inboxes.iter().position(|other| Arc::ptr_eq(other, inbox));
                told[seat.expect("one of them")] += 1;
            });
            for seat in 0..4 {
                let waits = left.iter().any(|(pattern, of)| *of == seat && pattern.matches(&name));
                prop_assert_eq!(told[seat as usize], u32::from(waits), "{}", seat);
            }
        }
    }
}
