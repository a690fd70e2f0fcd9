//! Keys, their states, and sets of keys (`spec/token.md` §Keys). A key belongs to one app and has one algorithm. Its
//! secret is never shown.

use std::{collections::HashMap, fmt, sync::Arc};

use hmac::{Hmac, KeyInit, digest::zeroize::ZeroizeOnDrop};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;

use crate::{app::AppId, base64url};

/// The shortest secret of HS256 (RFC 7518 §3.2), in bytes.
pub const SECRET_BYTES_MIN: usize = 32;
/// The longest key id, in bytes.
pub const KID_BYTES_MAX: usize = 64;

/// What a key may do, in the order of its life.
///
/// Not `#[non_exhaustive]`: minting and verifying must fail to compile when there is another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Verifies but does not sign yet, so that every relay knows the key before the first token.
    Next,
    /// Signs and verifies.
    Current,
    /// Verifies only, until the tokens that it signed have ended.
    Retiring,
    /// Neither signs nor verifies.
    Retired,
}

/// A key of one app, for HMAC-SHA256. Cheap to clone. The key schedule is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    app: AppId,
    kid: Arc<str>,
    state: KeyState,
    /// The key schedule, made once; wiped when the last clone of the key goes.
    hmac: Hmac<Sha256>,
    /// The header that this key's tokens begin with, as base64url.
    header: Arc<str>,
}

/// The build fails where `sha2` would not wipe its states: that is a feature of it.
const _: fn() = || {
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<Sha256>();
};

/// Why a key could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is shorter than [`SECRET_BYTES_MIN`].
    #[error("a secret must have at least 32 bytes (after decoding it from base64url)")]
    SecretShort,
    /// The key id is not allowed.
    #[error("a key id must be 1 to 64 bytes of [A-Za-z0-9_-]")]
    Kid,
}

impl Key {
    /// A key for HMAC-SHA256 (`HS256`). `secret` is raw bytes, at least 32: decode it from base64url first. `kid` is 1
    /// to 64 bytes of `[A-Za-z0-9_-]`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the secret is too short or `kid` is not allowed.
    pub fn hs256(app: AppId, kid: &str, secret: &[u8], state: KeyState) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::SecretShort);
        }
        let clean = kid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !clean || !(1..=KID_BYTES_MAX).contains(&kid.len()) {
            return Err(KeyError::Kid);
        }
        let hmac = Hmac::new_from_slice(secret).map_err(|_| KeyError::SecretShort)?;
        let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{kid}"}}"#);
        let header = base64url::encode(header.as_bytes()).into();
        Ok(Self(Arc::new(Inner { app, kid: kid.into(), state, hmac, header })))
    }

    /// The app that the key belongs to.
    pub fn app(&self) -> AppId {
        self.0.app
    }

    /// The key id, unique in a deployment.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The key id as shared text.
    pub fn shared_kid(&self) -> Arc<str> {
        self.0.kid.clone()
    }

    /// What the key may do.
    pub fn state(&self) -> KeyState {
        self.0.state
    }

    pub(crate) fn hmac(&self) -> &Hmac<Sha256> {
        &self.0.hmac
    }

    pub(crate) fn header(&self) -> &str {
        &self.0.header
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("app", &self.0.app)
            .field("kid", &self.0.kid)
            .field("state", &self.0.state)
            .finish_non_exhaustive()
    }
}

/// Keys of any number of apps, by key id.
#[derive(Clone, Default)]
pub struct KeySet {
    by_kid: HashMap<Arc<str>, Key>,
    by_header: HashMap<Arc<str>, Key>,
}

impl KeySet {
    /// A set without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. Returns the key of the same id that it replaces.
    pub fn insert(&mut self, key: Key) -> Option<Key> {
        self.by_header.insert(key.0.header.clone(), key.clone());
        self.by_kid.insert(key.0.kid.clone(), key)
    }

    /// Removes the key of this id and returns it.
    pub fn remove(&mut self, kid: &str) -> Option<Key> {
        let key = self.by_kid.remove(kid)?;
        self.by_header.remove(key.header());
        Some(key)
    }

    /// The key of this id.
    pub fn get(&self, kid: &str) -> Option<&Key> {
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

    /// The key whose tokens begin with this very header: its form is then known to be good.
    pub(crate) fn by_header(&self, header: &str) -> Option<&Key> {
        self.by_header.get(header)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kid.values()).finish()
    }
}

impl FromIterator<Key> for KeySet {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
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

    #[test]
    fn a_key_does_not_show_its_secret() {
        let key = Key::hs256(AppId(1), "k1", &[0x41; 32], KeyState::Current).expect("a key");
        assert_eq!(format!("{key:?}"), r#"Key { app: AppId(1), kid: "k1", state: Current, .. }"#);
    }

    #[test]
    fn a_set_holds_one_key_of_an_id() {
        let key = |app, state| Key::hs256(AppId(app), "k1", &[1; 32], state).expect("a key");
        let mut set = KeySet::from_iter([key(1, KeyState::Next)]);
        assert_eq!(set.insert(key(2, KeyState::Current)).map(|old| old.app()), Some(AppId(1)));
        let header = key(1, KeyState::Next).header().to_owned();
        assert_eq!(set.by_header(&header).map(Key::app), Some(AppId(2)));
        assert_eq!(set.get("k1").map(Key::state), Some(KeyState::Current));
        assert_eq!((set.len(), set.is_empty()), (1, false));
        assert_eq!(set.remove("k1").map(|old| old.app()), Some(AppId(2)));
        assert!(set.is_empty() && set.by_header(&header).is_none() && set.remove("k1").is_none());
    }

    #[test]
    fn a_short_secret_and_a_bad_id_are_refused() {
        let make = |kid: &str, len| Key::hs256(AppId(1), kid, &vec![1; len], KeyState::Next).err();
        assert_eq!(make("k", 31), Some(KeyError::SecretShort));
        assert_eq!(make("", 32), Some(KeyError::Kid));
        assert_eq!(make("a b", 32), Some(KeyError::Kid));
        assert_eq!(make(&"k".repeat(65), 32), Some(KeyError::Kid));
    }
}
