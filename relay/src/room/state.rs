//! The room's shared state: keys with versions, changed by compare-and-set. Pure.

use std::{collections::BTreeMap, ops::Bound};

use serde_json::value::RawValue;
use stagedoor_wire::{name::StateKey, reply::StateEntry};

use super::paging::{ENTRY_BYTES, fitting};

/// A version and a value.
type Entry = (u64, Box<RawValue>);

/// An entry with its key.
pub(super) type Keyed = (StateKey, StateEntry<Box<RawValue>>);

/// Why a key was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetError {
    /// The key has this version (0: it does not exist) instead of the expected one.
    Conflict(u64),
    /// The maximum of keys is reached.
    Full,
}

/// The state. Versions count the changes of the whole room, so that a key that is removed and set again never gets an
/// earlier version.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: BTreeMap<StateKey, Entry>,
    version: u64,
}

impl State {
    /// Sets a key, or removes it with `null`. Returns the version of this change.
    pub(super) fn set(
        &mut self,
        key: &StateKey,
        value: &RawValue,
        if_version: Option<u64>,
        keys_max: usize,
    ) -> Result<u64, SetError> {
        let seen = self.entries.get(key).map(|(version, _)| *version);
        if if_version.is_some_and(|version| version != seen.unwrap_or(0)) {
            return Err(SetError::Conflict(seen.unwrap_or(0)));
        }
        let removes = value.get() == "null";
        if seen.is_none() && !removes && self.entries.len() >= keys_max {
            return Err(SetError::Full);
        }
        self.version += 1;
        if removes {
            self.entries.remove(key);
        } else {
            self.entries.insert(key.clone(), (self.version, value.to_owned()));
        }
        Ok(self.version)
    }

    /// The version of the newest change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The keys after this one, with versions up to this one, as many as fit; and whether there are more.
    pub(super) fn page(
        &self,
        after: Option<&StateKey>,
        until: u64,
        bytes_max: usize,
        must_go_on: bool,
    ) -> (Vec<Keyed>, bool) {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries.range((from, Bound::Unbounded));
        let entries = entries.filter(|(_, (version, _))| *version <= until);
        let bytes =
            |(key, (_, value)): &(&StateKey, &Entry)| ENTRY_BYTES + key.len() + value.get().len();
        let (page, more) = fitting(entries, bytes_max, must_go_on, bytes);
        let owned = |(key, (version, value)): (&StateKey, &Entry)| {
            let entry =
                StateEntry { key: key.to_string(), value: value.clone(), version: *version };
            (key.clone(), entry)
        };
        (page.into_iter().map(owned).collect(), more)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(state: &State) -> Vec<StateEntry<Box<RawValue>>> {
        let (all, more) = state.page(None, u64::MAX, usize::MAX, false);
        assert!(!more);
        all.into_iter().map(|(_, entry)| entry).collect()
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).expect("JSON")
    }

    #[test]
    fn compare_and_set_refuses_any_other_version() {
        let key = StateKey::new("slide").expect("a key");
        let mut state = State::default();
        assert_eq!(state.set(&key, &raw("1"), Some(1), 9), Err(SetError::Conflict(0)));
        assert_eq!(state.set(&key, &raw("1"), Some(0), 9), Ok(1));
        assert_eq!(state.set(&key, &raw("2"), Some(0), 9), Err(SetError::Conflict(1)));
        assert_eq!(state.set(&key, &raw("2"), Some(1), 9), Ok(2));
        assert_eq!(list(&state)[0].version, 2);
    }

    #[test]
    fn a_removed_key_never_gets_an_earlier_version() {
        let key = StateKey::new("slide").expect("a key");
        let mut state = State::default();
        assert_eq!(state.set(&key, &raw("1"), None, 9), Ok(1));
        assert_eq!(state.set(&key, &raw("null"), None, 9), Ok(2));
        assert!(list(&state).is_empty());
        assert_eq!(state.set(&key, &raw("1"), Some(0), 9), Ok(3));
    }

    #[test]
    fn keys_are_bounded_and_a_removed_one_makes_room() {
        let mut state = State::default();
        for name in ["a", "b"] {
            let key = StateKey::new(name).expect("a key");
            assert!(state.set(&key, &raw("1"), None, 2).is_ok());
        }
        let key = StateKey::new("c").expect("a key");
        assert_eq!(state.set(&key, &raw("1"), None, 2), Err(SetError::Full));
        let gone = StateKey::new("a").expect("a key");
        assert!(state.set(&gone, &raw("null"), None, 2).is_ok());
        assert!(state.set(&key, &raw("1"), None, 2).is_ok());
    }

    proptest! {
        /// However its keys change while somebody reads it page by page, pages and events in order produce the state.
        #[test]
        fn pages_and_events_in_order_produce_the_state(
            before in prop::collection::vec(("[a-f]", 0..4_u8), 0..12),
            during in prop::collection::vec(("[a-f]", 0..4_u8, any::<bool>()), 0..24),
            bytes_max in 0_usize..1_000,
        ) {
            let key = |name: &str| StateKey::new(name).expect("a key");
            let value = |n: u8| raw(&if n == 0 { "null".to_owned() } else { n.to_string() });
            let mut state = State::default();
            for (name, n) in before {
                state.set(&key(&name), &value(n), None, 99).expect("it is set");
            }
            let until = state.version();
            let (mut client, mut after, mut more) = (BTreeMap::new(), None, true);
            let mut pages = during.iter().filter(|(.., turns)| *turns).count();
            let mut turn = |state: &State, client: &mut BTreeMap<StateKey, (u64, String)>| {
                if more {
                    let (page, rest) = state.page(after.as_ref(), until, bytes_max, true);
                    assert!(page.len() == 1 || page.len() * ENTRY_BYTES <= bytes_max);
                    after = page.last().map(|(key, _)| key.clone());
                    more = rest;
                    for (key, entry) in page {
                        let told = (entry.version, entry.value.get().to_owned());
                        assert!(client.insert(key, told).is_none(), "each is told once");
                    }
                }
                more
            };
            for (name, n, turns) in during {
                let (key, value) = (key(&name), value(n));
                let version = state.set(&key, &value, None, 99).expect("it is set");
                match n {
                    0 => drop(client.remove(&key)),
                    _ => drop(client.insert(key, (version, value.get().to_owned()))),
                }
                pages -= usize::from(turns);
                if turns {
                    turn(&state, &mut client);
                }
            }
            prop_assert_eq!(pages, 0);
            while turn(&state, &mut client) {}
            let is = state.entries.iter();
            let is = is.map(|(key, (version, value))| (key.clone(), (*version, value.get().into())));
            prop_assert_eq!(client, is.collect::<BTreeMap<_, (u64, String)>>());
        }
    }
}
