//! Uses of keys, as relays report them, until they are written.

pub(crate) mod writer;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stagedoor_bus::AppLife;
use tokio::sync::Notify;

use crate::store::key_uses::KeyUse;

/// A key of an app.
pub(crate) type Used = (AppLife, Arc<str>);

/// Uses that wait to be written. As many as there are keys, since a relay reports only keys that verified a token.
#[derive(Debug, Default)]
pub(crate) struct KeyUses {
    waiting: Mutex<HashMap<Used, KeyUse>>,
    added: Notify,
}

impl KeyUses {
    /// Adds what a relay reported.
    pub(crate) fn add(&self, app: AppLife, kid: Arc<str>, used: KeyUse) {
        self.merge((app, kid), used);
        self.added.notify_one();
    }

    fn merge(&self, of: Used, used: KeyUse) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let now = waiting.entry(of).or_insert(KeyUse { tokens: 0, iat_max: 0, at_ms: 0 });
        now.tokens = now.tokens.saturating_add(used.tokens);
        now.iat_max = now.iat_max.max(used.iat_max);
        now.at_ms = now.at_ms.max(used.at_ms);
    }

    fn take(&self) -> HashMap<Used, KeyUse> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
