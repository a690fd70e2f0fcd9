//! What the relay must know about each app to decide at the door: keys, roles and policy. A snapshot never changes; a
//! new one replaces it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, Key, KeySet, Roles, SecondLogin};

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
    pub keys: Vec<Key>,
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

/// A snapshot of the directory. Cheap to hold for one decision.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    keys: KeySet,
    apps: HashMap<AppId, App>,
}

impl Directory {
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
        for key in &app.keys {
            next.keys.insert(key.clone());
        }
        next.apps.insert(app.id, app);
        next
    }

    /// The directory without this app.
    pub fn without(&self, id: AppId) -> Self {
        let mut next = self.clone();
        if let Some(old) = next.apps.remove(&id) {
            for key in &old.keys {
                next.keys.remove(key.kid());
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
