//! The room's shared state: keys with versions, changed by compare-and-set. Of `room`. Pure.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use stagedoor_wire::{name::StateKey, reply::StateEntry};

/// Why a key was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetError {
    /// The key is at this version (0: not there), not at the one named.
    Conflict(u64),
    /// No room for another key.
    Full,
}

/// The state. Versions count the changes of the whole room, so that a key that was removed and is set
/// again never gets a version that it had.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: BTreeMap<StateKey, (u64, Box<RawValue>)>,
    version: u64,
}

impl State {
    /// Sets or (`null`) removes a key. Returns the version of this change.
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

    /// Every key.
    pub(super) fn list(&self) -> Vec<StateEntry<Box<RawValue>>> {
        let entries = self.entries.iter().map(|(key, (version, value))| StateEntry {
            key: key.to_string(),
            value: value.clone(),
            version: *version,
        });
        entries.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(state.list()[0].version, 2);
    }

    #[test]
    fn a_removed_key_is_not_there_and_its_version_never_comes_back() {
        let key = StateKey::new("slide").expect("a key");
        let mut state = State::default();
        assert_eq!(state.set(&key, &raw("1"), None, 9), Ok(1));
        assert_eq!(state.set(&key, &raw("null"), None, 9), Ok(2));
        assert!(state.list().is_empty());
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
}
