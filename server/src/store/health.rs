//! Whether the database can be written, and why not, of `store`. While writes fail one is tried now and then, and the
//! others are refused at once.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::StoreError;

/// While writes fail one is tried this often.
pub(super) const TRY_INTERVAL: Duration = Duration::from_millis(500);

/// Why the database cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No room on the disk.
    Full,
    /// The disk reports an error, or a file may not grow.
    Disk,
    /// Another process holds it.
    Locked,
    /// It may be read only.
    ReadOnly,
    /// What is there is no database any more.
    Damaged,
    /// Its file cannot be opened.
    Closed,
    /// This process has more to do with it than it can.
    Busy,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::Disk => "the disk reports an error, or a file may not grow",
            Self::Locked => "another process keeps it locked",
            Self::ReadOnly => "it is read-only",
            Self::Damaged => "it is damaged",
            Self::Closed => "its file cannot be opened",
            Self::Busy => "it is too busy",
        })
    }
}

impl Reason {
    /// By SQLite's primary result code (<https://www.sqlite.org/rescode.html>).
    fn of_code(code: u32) -> Option<Self> {
        match code & 0xff {
            5 | 6 | 15 => Some(Self::Locked),
            8 => Some(Self::ReadOnly),
            7 | 10 | 22 => Some(Self::Disk),
            11 | 26 => Some(Self::Damaged),
            13 => Some(Self::Full),
            14 => Some(Self::Closed),
            _ => None,
        }
    }

    /// `None`: the database works, and what was asked of it was wrong.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Database(error) => Self::of_code(error.code()?.parse().ok()?),
            sqlx::Error::PoolTimedOut => Some(Self::Busy),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Some(Self::Closed),
            sqlx::Error::Io(_) => Some(Self::Disk),
            _ => None,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_reason() {
        for (code, reason) in [
            (5, Some(Reason::Locked)),
            (261, Some(Reason::Locked)),
            (8, Some(Reason::ReadOnly)),
            (778, Some(Reason::Disk)),
            (11, Some(Reason::Damaged)),
            (13, Some(Reason::Full)),
            (14, Some(Reason::Closed)),
            (19, None),
            (2067, None),
            (1, None),
        ] {
            assert_eq!(Reason::of_code(code), reason, "{code}");
        }
    }
}
