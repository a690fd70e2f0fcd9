//! What the relay must know of each app to decide at the door: keys, roles, whether it is open. A snapshot is
//! never changed in place: a new one replaces it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, Key, KeySet, Roles, SecondLogin};

/// One app from its making to its deletion. An app made again under an AppID that was free is another one, and
/// nothing of the old one is its.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppLife {
    /// The AppID.
    pub id: AppId,
    /// When it was made, Unix milliseconds.
    pub since_ms: u64,
}

/// One app as the door sees it.
#[derive(Clone, Debug)]
pub struct App {
    /// The AppID.
    pub id: AppId,
    /// When it was made, Unix milliseconds.
    pub since_ms: u64,
    /// Every key that is not forgotten, the retired ones too, so that the log can say `key_retired`.
    pub keys: Vec<Key>,
    /// The app's roles.
    pub roles: Arc<Roles>,
    /// What happens when a user who has a seat in a room logs in again, where the role says nothing.
    pub second_login: Option<SecondLogin>,
}

impl App {
    /// The app, as what is recorded of it names it.
    pub fn life(&self) -> AppLife {
        AppLife { id: self.id, since_ms: self.since_ms }
    }
}

/// One moment of the whole directory. Cheap to hold for the length of one decision.
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

    /// The directory with this app as given.
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

/// The place where the newest [`Directory`] lies.
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
