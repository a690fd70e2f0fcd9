//! What the relay must know about each app to decide at the door: keys that verify, their bounds, roles and policy. No
//! key here signs. A snapshot never changes, apart from the counts of uses; a new one replaces it.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, KeySet, Roles, SecondLogin, VerifyingKey};

use crate::bounds::Bounds;

/// The identity of an app, from creation to deletion. An app created again with the same AppID is another one, and
/// inherits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppLife {
    /// The AppID.
    pub id: AppId,
    /// When it was created, Unix milliseconds.
    pub since_ms: u64,
}

/// One app as the door sees it.
#[derive(Clone, Debug)]
pub struct App {
    /// The AppID.
    pub id: AppId,
    /// When it was created, Unix milliseconds.
    pub since_ms: u64,
    /// Every known key, including retired ones, so that the log can say `key_retired`.
    pub keys: Vec<AppKey>,
    /// The app's roles.
    pub roles: Arc<Roles>,
    /// What happens when a user who is in a room logs in to it again, if the role does not say.
    pub second_login: Option<SecondLogin>,
}

impl App {
    /// The app as audit records name it.
    pub fn life(&self) -> AppLife {
        AppLife { id: self.id, since_ms: self.since_ms }
    }
}

/// A key as the door sees it.
#[derive(Clone, Debug)]
pub struct AppKey {
    /// What of it verifies.
    pub key: VerifyingKey,
    /// How far its tokens reach: the bounds of its line.
    pub bounds: Arc<Bounds>,
    uses: Arc<KeyUses>,
}

impl AppKey {
    /// A key with bounds.
    pub fn new(key: impl Into<VerifyingKey>, bounds: Arc<Bounds>) -> Self {
        Self { key: key.into(), bounds, uses: Arc::default() }
    }

    /// Counts a token of this key that opened a seat or renewed one.
    pub fn used(&self, iat: u64) {
        self.uses.tokens.fetch_add(1, Ordering::Relaxed);
        self.uses.iat_max.fetch_max(iat, Ordering::Relaxed);
    }

    /// How many tokens it opened since the last call, and when the newest ever was issued, Unix seconds.
    pub fn take_uses(&self) -> Option<(u64, u64)> {
        let tokens = self.uses.tokens.swap(0, Ordering::Relaxed);
        (tokens > 0).then(|| (tokens, self.uses.iat_max.load(Ordering::Relaxed)))
    }
}

impl<K: Into<VerifyingKey>> From<K> for AppKey {
    fn from(key: K) -> Self {
        Self::new(key, Arc::default())
    }
}

/// The uses of one key, for as long as the directory knows it.
#[derive(Debug, Default)]
struct KeyUses {
    tokens: AtomicU64,
    iat_max: AtomicU64,
}

/// A snapshot of the directory. Cheap to hold for one decision.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    keys: KeySet,
    by_kid: HashMap<Arc<str>, AppKey>,
    apps: HashMap<AppId, App>,
}

impl Directory {
    /// One key, with its bounds.
    pub fn key(&self, kid: &str) -> Option<&AppKey> {
        self.by_kid.get(kid)
    }

    /// All keys, with their bounds.
    pub fn app_keys(&self) -> impl Iterator<Item = &AppKey> {
        self.by_kid.values()
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }

    /// The keys of all apps.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// One app.
    pub fn app(&self, id: AppId) -> Option<&App> {
        self.apps.get(&id)
    }

    /// The directory with this app added or replaced.
    pub fn with(&self, app: App) -> Self {
        let mut next = self.without(app.id);
        next.put(app, self);
        next
    }

    /// A directory of these apps alone. Keys that were known keep their uses.
    pub fn replaced_by(&self, apps: impl IntoIterator<Item = App>) -> Self {
        let mut next = Self::default();
        apps.into_iter().for_each(|app| next.put(app, self));
        next
    }

    fn put(&mut self, app: App, before: &Self) {
        for key in &app.keys {
            let known = before.key(key.key.kid()).filter(|old| old.key.app() == app.id);
            let uses = known.unwrap_or(key).uses.clone();
            let key = AppKey { uses, ..key.clone() };
            self.keys.insert(key.key.clone());
            self.by_kid.insert(key.key.shared_kid(), key);
        }
        self.apps.insert(app.id, app);
    }

    /// The directory without this app.
    pub fn without(&self, id: AppId) -> Self {
        let mut next = self.clone();
        if let Some(old) = next.apps.remove(&id) {
            for key in &old.keys {
                next.keys.remove(key.key.kid());
                next.by_kid.remove(key.key.kid());
            }
        }
        next
    }
}

/// The slot of the newest [`Directory`].
#[derive(Debug, Default)]
pub(crate) struct Newest(RwLock<Arc<Directory>>);

impl Newest {
    pub(crate) fn get(&self) -> Arc<Directory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&Directory) -> Directory) {
        let mut newest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Arc::new(change(&newest));
    }
}
