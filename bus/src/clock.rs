//! The clock that server and relay share: monotonic time, the calendar, and by which time things are old. The
//! only place that asks the system what time it is by the calendar.
//!
//! Calendars jump: a machine that slept, a time server that was wrong, an operator's typing error. What the
//! calendar says now decides about tokens and bans; whether something is *deleted* for being old is decided by
//! the settled time, which follows a jump forward only once the calendar has stood there for a while.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A difference between two looks, which are about a second apart, that is a jump and no drift.
pub const JUMP_MS: u64 = 1_000;
/// How far the calendar may drift before whoever waits for a time by it reckons again.
const DRIFT_MS: u64 = 250;
/// How long the calendar must have stood after a jump, unless [`Clock::settle_after`] says otherwise.
const SETTLE_MS: u64 = 3_600_000;
/// Between the readings of both clocks, at most; a task that was held up in between reads them again.
const READING_MAX: Duration = Duration::from_millis(20);

/// The clock. Its clones are one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How far a test put the calendar forward, or back.
    ahead_ms: AtomicI64,
    /// Grows whenever what was reckoned by the calendar is to be reckoned again.
    moves: AtomicU64,
    settle_ms: AtomicU64,
    calendar: Mutex<Calendar>,
}

/// What a look at the calendar came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Whether what was reckoned by the calendar is to be reckoned again.
    pub moved: bool,
    /// How far the calendar jumped since the last look, in milliseconds: forward, or back when negative.
    pub jump_ms: Option<i64>,
}

/// The calendar beside the monotonic clock. Offsets are the calendar's milliseconds less the monotonic ones.
#[derive(Debug)]
struct Calendar {
    offset_ms: i64,
    reckoned_ms: i64,
    /// By which things are old.
    settled_ms: i64,
    /// Since when there was no jump, on the monotonic clock.
    since_ms: u64,
}

impl Calendar {
    fn begin(offset_ms: i64) -> Self {
        Self { offset_ms, reckoned_ms: offset_ms, settled_ms: offset_ms, since_ms: 0 }
    }

    fn look(&mut self, offset_ms: i64, now_ms: u64, settle_ms: u64) -> Looked {
        self.settled_ms = self.settled(offset_ms, now_ms, settle_ms);
        let step_ms = offset_ms - std::mem::replace(&mut self.offset_ms, offset_ms);
        let jumped = step_ms.unsigned_abs() >= JUMP_MS;
        if jumped {
            self.since_ms = now_ms;
        }
        let moved = offset_ms.abs_diff(self.reckoned_ms) >= DRIFT_MS;
        if moved {
            self.reckoned_ms = offset_ms;
        }
        Looked { moved, jump_ms: jumped.then_some(step_ms) }
    }

    /// The offset by which things are old: never ahead of the calendar, and behind it while that has not stood
    /// where it is.
    fn settled(&self, offset_ms: i64, now_ms: u64, settle_ms: u64) -> i64 {
        let same = offset_ms.abs_diff(self.offset_ms) < JUMP_MS;
        let stood = same && now_ms.saturating_sub(self.since_ms) >= settle_ms;
        if stood { offset_ms } else { self.settled_ms.min(offset_ms) }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::start()
    }
}

fn ms(passed: Duration) -> u64 {
    passed.as_secs() * 1_000 + u64::from(passed.subsec_millis())
}

impl Clock {
    /// A clock that counts from now.
    pub fn start() -> Self {
        let shared = Shared {
            ahead_ms: AtomicI64::new(0),
            moves: AtomicU64::new(0),
            settle_ms: AtomicU64::new(SETTLE_MS),
            calendar: Mutex::new(Calendar::begin(0)),
        };
        let clock = Self { start: Instant::now(), shared: Arc::new(shared) };
        let (offset_ms, _) = clock.read();
        *clock.calendar() = Calendar::begin(offset_ms);
        clock
    }

    fn calendar(&self) -> MutexGuard<'_, Calendar> {
        self.shared.calendar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start; never falls.
    pub fn now_ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }

    /// Milliseconds from the start to this moment.
    pub fn ms_at(&self, at: Instant) -> u64 {
        ms(at.saturating_duration_since(self.start))
    }

    /// Milliseconds since the Unix epoch, by the calendar.
    pub fn unix_ms(&self) -> u64 {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, ms);
        unix_ms.saturating_add_signed(self.shared.ahead_ms.load(Ordering::Relaxed))
    }

    /// Seconds since the Unix epoch, by the calendar.
    pub fn unix_s(&self) -> u64 {
        self.unix_ms() / 1_000
    }

    /// How often what was reckoned by the calendar was to be reckoned again.
    pub fn moves(&self) -> u64 {
        self.shared.moves.load(Ordering::Relaxed)
    }

    /// The calendar's offset, and the monotonic time of the reading.
    fn read(&self) -> (i64, u64) {
        loop {
            let before = Instant::now();
            let unix_ms = self.unix_ms();
            if before.elapsed() < READING_MAX {
                let now_ms = self.ms_at(before);
                let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
                return (signed(unix_ms) - signed(now_ms), now_ms);
            }
        }
    }

    /// Looks whether the calendar moved. To be called by one watcher, about once a second.
    pub fn look(&self) -> Looked {
        let (offset_ms, now_ms) = self.read();
        let settle_ms = self.shared.settle_ms.load(Ordering::Relaxed);
        let looked = self.calendar().look(offset_ms, now_ms, settle_ms);
        if looked.moved {
            self.shared.moves.fetch_add(1, Ordering::Relaxed);
        }
        looked
    }

    /// The time by which things are old enough to be deleted, in Unix milliseconds. It never is ahead of the
    /// calendar, and does not follow it forward until it has stood where it is.
    pub fn settled_ms(&self) -> u64 {
        let (offset_ms, now_ms) = self.read();
        let settle_ms = self.shared.settle_ms.load(Ordering::Relaxed);
        let offset_ms = self.calendar().settled(offset_ms, now_ms, settle_ms);
        now_ms.saturating_add_signed(offset_ms)
    }

    /// The same in seconds.
    pub fn settled_s(&self) -> u64 {
        self.settled_ms() / 1_000
    }

    /// Sets how long the calendar must have stood after a start and after a jump.
    pub fn settle_after(&self, wait: Duration) {
        self.shared.settle_ms.store(ms(wait), Ordering::Relaxed);
    }

    /// What an earlier run knew last, in Unix milliseconds: the settled time goes on from there.
    pub fn settled_at(&self, known_ms: u64) {
        let (_, now_ms) = self.read();
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let mut calendar = self.calendar();
        calendar.settled_ms = calendar.settled_ms.min(signed(known_ms) - signed(now_ms));
    }

    /// Puts the calendar forward, or back, in milliseconds: for tests of what happens by it.
    pub fn put(&self, by_ms: i64) {
        self.shared.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const DAYS_MS: i64 = 2 * 24 * 3_600_000;
    const STILL: Looked = Looked { moved: false, jump_ms: None };

    fn settled(calendar: &Calendar, offset_ms: i64, now_ms: u64) -> i64 {
        calendar.settled(offset_ms, now_ms, HOUR_MS)
    }

    #[test]
    fn a_jump_ages_nothing_until_the_calendar_has_stood_there() {
        let mut calendar = Calendar::begin(500);
        assert_eq!(calendar.look(500, 1_000, HOUR_MS), STILL);
        assert_eq!(settled(&calendar, DAYS_MS, 1_500), 500, "nobody has looked yet");
        let jumped = calendar.look(DAYS_MS, 2_000, HOUR_MS);
        assert_eq!(jumped, Looked { moved: true, jump_ms: Some(DAYS_MS - 500) });
        for at_ms in (3_000..2_000 + HOUR_MS).step_by(1_000) {
            assert_eq!(calendar.look(DAYS_MS, at_ms, HOUR_MS), STILL);
            assert_eq!(settled(&calendar, DAYS_MS, at_ms), 500);
        }
        assert_eq!(settled(&calendar, DAYS_MS, 2_000 + HOUR_MS), DAYS_MS);
    }

    #[test]
    fn a_jump_back_is_followed_at_once_and_forth_again_later() {
        let mut calendar = Calendar::begin(0);
        assert_eq!(calendar.look(-DAYS_MS, 5_000, HOUR_MS).jump_ms, Some(-DAYS_MS));
        assert_eq!(settled(&calendar, -DAYS_MS, 6_000), -DAYS_MS);
        assert_eq!(calendar.look(0, 7_000, HOUR_MS).jump_ms, Some(DAYS_MS));
        assert_eq!(settled(&calendar, 0, 7_000 + HOUR_MS - 1), -DAYS_MS);
        assert_eq!(settled(&calendar, 0, 7_000 + HOUR_MS), 0);
    }

    #[test]
    fn drift_is_no_jump_and_is_followed() {
        let mut calendar = Calendar::begin(0);
        let mut moves = 0;
        for second in 1..=7_200_u64 {
            // 500 parts in a million, as much as clocks are allowed to.
            let looked = calendar.look(second as i64 / 2, second * 1_000, HOUR_MS);
            assert_eq!(looked.jump_ms, None);
            moves += u64::from(looked.moved);
        }
        assert_eq!((moves, calendar.settled_ms), (3_600 / DRIFT_MS, 3_600));
    }

    #[test]
    fn the_settled_time_goes_on_from_an_earlier_run() {
        let clock = Clock::start();
        let now_ms = clock.unix_ms();
        assert!(clock.settled_ms().abs_diff(now_ms) < 1_000);
        clock.settled_at(now_ms - 100_000);
        assert!(clock.settled_ms().abs_diff(now_ms - 100_000) < 1_000);
        clock.settled_at(now_ms + 100_000);
        assert!(clock.settled_ms().abs_diff(now_ms - 100_000) < 1_000, "it is never put forward");
        clock.settle_after(Duration::ZERO);
        assert!(clock.settled_ms().abs_diff(now_ms) < 1_000);
        clock.put(-5_000);
        let looked = clock.look();
        assert!(looked.moved && looked.jump_ms.is_some_and(|jump_ms| jump_ms <= -4_000));
        assert_eq!((clock.moves(), clock.look()), (1, STILL));
    }
}
