//! The two times that everybody here means. Last room of the relay, after `metrics`. The only place that
//! asks the system what time it is by the calendar.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that counts from the relay's start, and tells the calendar's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the relay's start; never falls.
    pub(crate) fn now_ms(self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_ms(self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn unix_s(self) -> u64 {
        self.unix_ms() / 1_000
    }
}
