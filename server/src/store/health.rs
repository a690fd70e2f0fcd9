//! Whether the database can be written, and why not. While writes fail, one is attempted now and then and the others
//! are refused at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::error::{Reason, StoreError};

/// While writes fail, one is attempted this often.
pub(super) const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// Whether writes fail.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<Failing>>);

/// The reason, and when a write was last attempted.
#[derive(Clone, Copy, Debug)]
struct Failing {
    reason: Reason,
    tried: Instant,
}

impl Health {
    /// Whether no write has failed since the last success.
    pub(super) fn is_good(&self) -> bool {
        self.lock().is_none()
    }

    /// Records a successful write.
    pub(super) fn succeeded(&self) {
        self.set(None);
    }

    /// Records a failure, if the database is to blame.
    pub(super) fn noted(&self, error: sqlx::Error) -> StoreError {
        if let Some(reason) = Reason::of(&error) {
            self.set(Some(Failing { reason, tried: Instant::now() }));
        }
        StoreError::Sql(error)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, failing: Option<Failing>) {
        let mut now = self.lock();
        match (&*now, failing) {
            (None, Some(Failing { reason, .. })) => {
                tracing::warn!(%reason, "the store cannot be written");
            }
            (Some(_), None) => tracing::info!("the store can be written again"),
            _ => {}
        }
        *now = failing;
    }

    /// Whether to attempt a write now. `Ok` counts as an attempt.
    pub(super) fn may_try(&self, now: Instant) -> Result<(), Reason> {
        let mut failing = self.lock();
        match failing.as_mut() {
            Some(Failing { reason, tried }) if now.duration_since(*tried) < TRY_INTERVAL => {
                Err(*reason)
            }
            Some(Failing { tried, .. }) => {
                *tried = now;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
