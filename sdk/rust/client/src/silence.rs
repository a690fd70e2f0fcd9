//! How long nothing came from the relay, and what follows. Pure: the caller passes the time. The relay pings only
//! clients that are silent, so a client that sends has to ping by itself.

use std::time::{Duration, Instant};

/// Added to the relay's own intervals for the way and a slow start of either side.
const SLACK: Duration = Duration::from_secs(15);
/// No wait is longer; after it the time is looked at again.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// The silence of a connection.
#[derive(Debug)]
pub(crate) struct Silence {
    heard_at: Instant,
    ask_after: Duration,
    lost_after: Duration,
    asked: bool,
}

/// What a silence asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To wait for this long.
    Wait(Duration),
    /// To ask whether the relay is there; once.
    Ask,
    /// The connection counts as lost.
    Lost,
}

impl Silence {
    /// By the intervals that the relay tells at login; `max` is the application's own patience.
    pub(crate) fn new(
        ping_interval_ms: u64,
        pong_timeout_ms: u64,
        max: Option<Duration>,
        now: Instant,
    ) -> Self {
        let ask_after = Duration::from_millis(ping_interval_ms);
        let pong_timeout = Duration::from_millis(pong_timeout_ms);
        let lost_after = ask_after.saturating_add(pong_timeout).saturating_add(SLACK);
        Self { heard_at: now, ask_after, lost_after: max.unwrap_or(lost_after), asked: false }
    }

    /// Something came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.asked = false;
    }

    /// What the silence asks for now.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let quiet = now.saturating_duration_since(self.heard_at);
        if quiet >= self.lost_after {
            return Next::Lost;
        }
        if quiet >= self.ask_after && !std::mem::replace(&mut self.asked, true) {
            return Next::Ask;
        }
        let until = if self.asked { self.lost_after } else { self.ask_after.min(self.lost_after) };
        Next::Wait(until.saturating_sub(quiet).min(WAIT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_relay_is_asked_once_and_then_counts_as_lost() {
        let began = Instant::now();
        let at = |s| began + Duration::from_secs(s);
        let wait = |s| Next::Wait(Duration::from_secs(s));
        let mut silence = Silence::new(15_000, 10_000, None, began);
        assert_eq!(silence.next(at(5)), wait(10));
        assert_eq!((silence.next(at(15)), silence.next(at(15))), (Next::Ask, wait(25)));
        assert_eq!(silence.next(at(40)), Next::Lost);
        silence.heard(at(41));
        assert_eq!((silence.next(at(41)), silence.next(at(56))), (wait(15), Next::Ask));
        let mut impatient = Silence::new(15_000, 10_000, Some(Duration::from_secs(3)), began);
        assert_eq!((impatient.next(began), impatient.next(at(3))), (wait(3), Next::Lost));
        let mut patient = Silence::new(u64::MAX, u64::MAX, Some(Duration::MAX), began);
        assert_eq!(patient.next(at(1)), wait(86_400));
    }
}
