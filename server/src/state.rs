//! What every request has in common. After `role_set`, before `recorder`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use stagedoor_bus::Bus;
use stagedoor_token::AppId;
use stagedoor_wire::rate::{Bucket, Rate};

use crate::{
    config::Config,
    doors::{Doors, News, app_of},
    error::ApiError,
    metrics::Metrics,
    recorder::Recorder,
    revoker::Revoker,
    store::{Store, apps::AppRow, write::Tx},
    under_way::{Acts, Marks},
};

/// Buckets that are kept before the full ones are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// The state.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) recorder: Recorder,
    pub(crate) revoker: Revoker,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) requests: Buckets,
    pub(crate) refusals: Buckets,
    pub(crate) doors: Arc<Doors>,
    pub(crate) acts: Acts,
    pub(crate) marks: Arc<Marks>,
}

/// Milliseconds since the Unix epoch, for what only notes when it happened; what is decided by time asks
/// [`State::unix_ms`].
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}

impl State {
    /// Milliseconds since the Unix epoch, by the clock of the bus.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.bus.clock().unix_ms()
    }

    /// Seconds since the Unix epoch, by the clock of the bus.
    pub(crate) fn unix_s(&self) -> u64 {
        self.bus.clock().unix_s()
    }

    /// Commits what was done to an app, and tells the doors what it is now.
    pub(crate) async fn commit_app(&self, mut tx: Tx, id: AppId) -> Result<(), ApiError> {
        let row = tx.app(id).await?.ok_or(ApiError::Internal)?;
        let (keys, roles) = (tx.keys(id).await?, tx.role_set(id).await?);
        let news = News::App(app_of(&row, &keys, roles.as_ref())?);
        Ok(self.doors.commit(tx, id, news).await?)
    }

    /// Tells the doors of an app as it is stored. At the start, while nobody acts.
    pub(crate) async fn tell_app(&self, row: &AppRow) -> Result<(), ApiError> {
        let (keys, roles) = (self.store.keys(row.id).await?, self.store.role_set(row.id).await?);
        Ok(self.bus.put_app(app_of(row, &keys, roles.as_ref())?).await?)
    }
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
