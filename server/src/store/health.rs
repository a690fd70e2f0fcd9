//! Whether the database can be written, and why not. While writes fail one is tried now and then, and the
//! others are refused at once.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::error::{Reason, StoreError};

/// While writes fail one is tried this often.
pub(super) const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// Whether writes fail.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<Failing>>);

/// For this reason, and when a write was last tried.
#[derive(Clone, Copy, Debug)]
struct Failing {
    reason: Reason,
    tried: Instant,
}

impl Health {
    /// Whether no write failed since one last succeeded.
    pub(super) fn is_good(&self) -> bool {
        self.lock().is_none()
    }

    /// A write succeeded.
    pub(super) fn succeeded(&self) {
        self.set(None);
    }

    /// Something failed; whether the database is to blame is kept in mind.
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
            (Some(_), None) => tracing::info!("the store is written again"),
            _ => {}
        }
        *now = failing;
    }

    /// Whether a write may be tried now. After `Ok` it counts as tried.
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
