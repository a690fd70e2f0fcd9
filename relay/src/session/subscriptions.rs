//! A seat's subscriptions, and which of its cursors they match. Names are looked up by text, so that one subscription
//! costs the same among thousands as among few. Knows no grants.

use std::collections::{BTreeSet, HashMap, HashSet};

use stagedoor_token::Pattern;
use stagedoor_wire::name::StreamName;

/// The patterns of one seat.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    exact: HashSet<Pattern>,
    /// By the text before their `*`.
    prefixes: HashMap<Box<str>, Pattern>,
}

/// The text before a pattern's `*`.
fn prefix(pattern: &Pattern) -> &str {
    pattern.as_str().trim_end_matches('*')
}

impl Subscriptions {
    /// The number of patterns.
    pub(crate) fn len(&self) -> usize {
        self.exact.len() + self.prefixes.len()
    }

    /// Whether there are no patterns.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether exactly this pattern is among them.
    pub(crate) fn contains(&self, pattern: &Pattern) -> bool {
        if pattern.is_exact() {
            self.exact.contains(pattern)
        } else {
            self.prefixes.contains_key(prefix(pattern))
        }
    }

    /// Whether one of them matches `name`. The cost depends on the name's length, not on their number.
    pub(crate) fn has(&self, name: &StreamName) -> bool {
        let any = if self.prefixes.len() <= name.len() {
            self.prefixes.values().any(|prefix| prefix.matches(name))
        } else {
            // Names are ASCII.
            (0..=name.len()).any(|end| self.prefixes.contains_key(&name[..end]))
        };
        any || self.names(name)
    }

    fn names(&self, name: &StreamName) -> bool {
        // Every name is a pattern.
        name.parse::<Pattern>().is_ok_and(|pattern| self.exact.contains(&pattern))
    }

    /// Adds a pattern; `false` if it exists already.
    pub(crate) fn add(&mut self, pattern: Pattern) -> bool {
        if pattern.is_exact() {
            return self.exact.insert(pattern);
        }
        self.prefixes.insert(prefix(&pattern).into(), pattern).is_none()
    }

    /// Removes a pattern; `false` if it does not exist.
    pub(crate) fn remove(&mut self, pattern: &Pattern) -> bool {
        if pattern.is_exact() {
            return self.exact.remove(pattern);
        }
        self.prefixes.remove(prefix(pattern)).is_some()
    }

    /// All patterns.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.exact.iter().chain(self.prefixes.values())
    }
}

/// The streams of a seat's cursors, by name and number: a stream that ended but is not read completely may have the
/// same name as a later one.
#[derive(Debug, Default)]
pub(crate) struct CursorNames(BTreeSet<(StreamName, u32)>);

impl CursorNames {
    pub(crate) fn add(&mut self, name: StreamName, number: u32) {
        self.0.insert((name, number));
    }

    pub(crate) fn remove(&mut self, name: StreamName, number: u32) {
        self.0.remove(&(name, number));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(StreamName, u32)> {
        self.0.iter()
    }

    /// Those that a pattern matches; looks at no others.
    pub(crate) fn covered<'a>(
        &'a self,
        pattern: &'a Pattern,
    ) -> impl Iterator<Item = &'a (StreamName, u32)> {
        // `None` for `*`, which matches all.
        let first = StreamName::new(prefix(pattern)).ok().map(|name| (name, 0));
        let from = first.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
        let range = self.0.range((from, std::ops::Bound::Unbounded));
        range.take_while(|(name, _)| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect("a pattern")
    }

    fn name(text: &str) -> StreamName {
        StreamName::new(text).expect("a name")
    }

    #[test]
    fn a_pattern_is_added_once_and_removed_once() {
        let mut subscriptions = Subscriptions::default();
        for text in ["a", "a*", "*"] {
            assert!(
                subscriptions.add(pattern(text)) && !subscriptions.add(pattern(text)),
                "{text}"
            );
            assert!(subscriptions.contains(&pattern(text)));
        }
        assert!(
            subscriptions.len() == 3
                && subscriptions.iter().count() == 3
                && subscriptions.has(&name("b"))
        );
        for text in ["*", "a*", "a"] {
            assert!(subscriptions.has(&name("a")), "{text}");
            assert!(
                subscriptions.remove(&pattern(text)) && !subscriptions.remove(&pattern(text)),
                "{text}"
            );
        }
        assert!(subscriptions.is_empty() && !subscriptions.has(&name("a")));
    }

    #[test]
    fn two_streams_of_one_name_are_both_covered() {
        let mut names = CursorNames::default();
        names.add(name("a"), 9);
        names.add(name("a"), 2);
        names.add(name("ab"), 1);
        let numbers = |text| -> Vec<u32> {
            let pattern = pattern(text);
            names.covered(&pattern).map(|(_, number)| *number).collect()
        };
        assert_eq!(numbers("a"), [2, 9]);
        assert_eq!(numbers("a*"), [2, 9, 1]);
        assert_eq!(numbers("*"), [2, 9, 1]);
        assert!(numbers("b").is_empty() && numbers("b*").is_empty());
    }

    proptest! {
        #[test]
        fn lookups_agree_with_matching_every_pattern(
            texts in prop::collection::hash_set("[ab.]{0,3}\\*|[ab.]{1,3}", 0..16),
            streams in prop::collection::vec("[ab.]{1,4}", 0..12),
        ) {
            let mut subscriptions = Subscriptions::default();
            let mut names = CursorNames::default();
            texts.iter().for_each(|text| { subscriptions.add(pattern(text)); });
            (0..).zip(&streams).for_each(|(number, stream)| names.add(name(stream), number));
            for text in &texts {
                let pattern = pattern(text);
                let mut found: Vec<u32> = names.covered(&pattern).map(|(_, number)| *number).collect();
                found.sort_unstable();
                let matching = (0..).zip(&streams).filter(|(_, stream)| pattern.matches(stream));
                prop_assert_eq!(found, matching.map(|(number, _)| number).collect::<Vec<u32>>());
            }
            for stream in &streams {
                let any = texts.iter().any(|text| pattern(text).matches(stream));
                prop_assert_eq!(subscriptions.has(&name(stream)), any);
            }
        }
    }
}
