//! Sets of keys that verify, of any number of apps.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::verifying_key::VerifyingKey;

/// Keys of any number of apps, by key id.
#[derive(Clone, Default)]
pub struct KeySet {
    by_kid: HashMap<Arc<str>, VerifyingKey>,
    by_header: HashMap<Arc<str>, VerifyingKey>,
}

impl KeySet {
    /// A set without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. Returns the key of the same id that it replaces.
    pub fn insert(&mut self, key: impl Into<VerifyingKey>) -> Option<VerifyingKey> {
        let key = key.into();
        let old = self.remove(key.kid());
        self.by_header.insert(key.shared_header(), key.clone());
        self.by_kid.insert(key.shared_kid(), key);
        old
    }

    /// Removes the key of this id and returns it.
    pub fn remove(&mut self, kid: &str) -> Option<VerifyingKey> {
        let key = self.by_kid.remove(kid)?;
        self.by_header.remove(key.header());
        Some(key)
    }

    /// The key of this id.
    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        self.by_kid.get(kid)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.by_kid.len()
    }

    /// Whether the set has no keys.
    pub fn is_empty(&self) -> bool {
        self.by_kid.is_empty()
    }

    /// The key whose tokens begin with this very header: its form is then known to be good, and its `alg` the key's.
    pub(crate) fn by_header(&self, header: &str) -> Option<&VerifyingKey> {
        self.by_header.get(header)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kid.values()).finish()
    }
}

impl<K: Into<VerifyingKey>> FromIterator<K> for KeySet {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self::new();
        for key in keys {
            set.insert(key);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppId, key::Key, verifying_key::KeyState};

    #[test]
    fn a_set_holds_one_key_of_an_id() {
        let key = |app, state| Key::hs256(AppId(app), "k1", &[1; 32], state).expect("a key");
        let mut set = KeySet::from_iter([key(1, KeyState::Next)]);
        assert_eq!(set.insert(key(2, KeyState::Current)).map(|old| old.app()), Some(AppId(1)));
        let header = key(1, KeyState::Next).verifying().header().to_owned();
        assert_eq!(set.by_header(&header).map(VerifyingKey::app), Some(AppId(2)));
        assert_eq!(set.get("k1").map(VerifyingKey::state), Some(KeyState::Current));
        assert_eq!((set.len(), set.is_empty()), (1, false));
        assert_eq!(set.remove("k1").map(|old| old.app()), Some(AppId(2)));
        assert!(set.is_empty() && set.by_header(&header).is_none() && set.remove("k1").is_none());
    }

    #[test]
    fn a_replaced_key_leaves_no_header_of_its_algorithm() {
        let old = Key::hs256(AppId(1), "k1", &[1; 32], KeyState::Current).expect("a key");
        let header = old.verifying().header().to_owned();
        let mut set = KeySet::from_iter([old]);
        set.insert(Key::ed25519(AppId(1), "k1", &[1; 32], KeyState::Current).expect("a key"));
        assert!(set.by_header(&header).is_none());
        set.remove("k1");
        assert!(set.by_header.is_empty());
    }
}
