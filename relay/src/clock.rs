//! The two times that everybody here means. Last room of the relay, after `metrics`. The only place that
//! asks the system what time it is by the calendar.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A clock that counts from the relay's start, and tells the calendar's time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// How far the calendar was put forward.
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), ahead_ms: Arc::default() }
    }

    /// Milliseconds since the relay's start; never falls.
    pub(crate) fn now_ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }

    /// Milliseconds from the relay's start to this moment.
    pub(crate) fn ms_at(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.start);
        passed.as_secs() * 1_000 + u64::from(passed.subsec_millis())
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_ms(&self) -> u64 {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH);
        let unix_ms = passed.map_or(0, |passed| passed.as_millis() as u64);
        unix_ms + self.ahead_ms()
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn unix_s(&self) -> u64 {
        self.unix_ms() / 1_000
    }

    /// How far the calendar was put forward, in milliseconds.
    pub(crate) fn ahead_ms(&self) -> u64 {
        self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Puts the calendar forward.
    pub(crate) fn put_forward(&self, by: Duration) {
        self.ahead_ms.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }
}
