//! What every request has in common. After `role_set`, before `recorder`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use stagedoor_bus::{App, Bus};
use stagedoor_token::{AppId, Key, Roles};
use stagedoor_wire::rate::{Bucket, Rate};

use crate::{
    config::Config,
    error::ApiError,
    metrics::Metrics,
    recorder::Recorder,
    revoker::Revoker,
    store::{Store, StoreError, apps::KeyRow, roles::RoleSetRow},
};

/// Buckets that are kept before the full ones are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// The state.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) recorder: Recorder,
    pub(crate) revoker: Arc<Revoker>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) requests: Buckets,
    pub(crate) refusals: Buckets,
    /// One at a time tells the relay of an app, so that the newest is what stays.
    pub(crate) telling: tokio::sync::Mutex<()>,
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}

/// Seconds since the Unix epoch.
pub(crate) fn unix_s() -> u64 {
    unix_ms() / 1_000
}

impl State {
    /// Tells the relay what an app's keys and roles are now.
    pub(crate) async fn tell_app(&self, id: AppId) -> Result<(), ApiError> {
        let _telling = self.telling.lock().await;
        let roles = match self.store.role_set(id).await? {
            Some(set) => Arc::new(roles_of(&set)?),
            None => Roles::built_in(),
        };
        let keys = self.store.keys(id).await?;
        let keys = keys.iter().filter_map(key_of).collect();
        let second_login = self.store.app(id).await?.and_then(|app| app.second_login);
        Ok(self.bus.put_app(App { id, keys, roles, second_login }).await?)
    }
}

/// A row's roles.
pub(crate) fn roles_of(row: &RoleSetRow) -> Result<Roles, StoreError> {
    Roles::from_json(&row.roles).map_err(|_| StoreError::Row("role_sets"))
}

/// A row's key. One that is none any more, by whatever accident, is left out and told.
pub(crate) fn key_of(row: &KeyRow) -> Option<Key> {
    let key = Key::hs256(row.app, &row.kid, &row.secret, row.state);
    key.inspect_err(|error| tracing::warn!(%error, kid = row.kid, "a stored key is not usable"))
        .ok()
}

/// A bucket for each name.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    by_name: Mutex<HashMap<String, Bucket>>,
}

impl Buckets {
    pub(crate) fn new(per_s: u32, burst: u32) -> Self {
        Self { rate: Rate { per_s, burst }, by_name: Mutex::default() }
    }

    /// Takes one; how many are left, or how long to wait.
    pub(crate) fn take(&self, name: &str) -> Result<u32, Duration> {
        let now = Instant::now();
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= BUCKETS_MAX {
            by_name.retain(|_, bucket| bucket.left(self.rate, now) < self.rate.burst);
        }
        let bucket = by_name.entry(name.to_owned()).or_insert_with(|| Bucket::full(self.rate, now));
        bucket.take(self.rate, now)?;
        Ok(bucket.left(self.rate, now))
    }

    /// How many may be taken now.
    pub(crate) fn left(&self, name: &str) -> u32 {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.get(name).map_or(self.rate.burst, |bucket| bucket.left(self.rate, Instant::now()))
    }

    /// The draft's `RateLimit-Policy`: the burst, over the time in which it refills.
    pub(crate) fn policy(&self) -> String {
        let window_s = self.rate.burst.div_ceil(self.rate.per_s.max(1)).max(1);
        format!("\"default\";q={};w={window_s}", self.rate.burst)
    }
}
