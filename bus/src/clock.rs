//! The clock that server and relay share: monotonic time, wall-clock time, and settled time. Only this file asks the
//! system for the wall-clock time.
//!
//! Wall clocks jump: a machine slept, a time server was wrong, an operator mistyped. Tokens and bans are decided by the
//! wall clock; whether something is *deleted* for its age is decided by the settled time, which follows a jump forward
//! only after the wall clock has been steady for a while.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A difference between two checks, about a second apart, that counts as a jump instead of drift.
pub const JUMP_MS: u64 = 1_000;
/// How far the wall clock may drift before waits for wall-clock times are recomputed.
const DRIFT_MS: u64 = 250;
/// How long the wall clock must be steady after a jump, unless [`Clock::settle_after`] says otherwise.
const SETTLE_MS: u64 = 3_600_000;
/// The longest time between reading both clocks; after a longer interruption they are read again.
const READING_MAX: Duration = Duration::from_millis(20);

/// The clock. Its clones are one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How far a test has moved the wall clock.
    ahead_ms: AtomicI64,
    /// Rises whenever waits for wall-clock times must be recomputed.
    moves: AtomicU64,
    settle_ms: AtomicU64,
    wall_clock: Mutex<WallClock>,
}

/// The result of checking the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Whether waits for wall-clock times must be recomputed.
    pub moved: bool,
    /// The jump since the last check, in milliseconds: positive is forward.
    pub jump_ms: Option<i64>,
}

/// The wall clock relative to the monotonic clock. Offsets are wall-clock minus monotonic milliseconds.
#[derive(Debug)]
struct WallClock {
    offset_ms: i64,
    reckoned_ms: i64,
    /// The offset of the settled time.
    settled_ms: i64,
    /// The time of the last jump, on the monotonic clock.
    since_ms: u64,
}

impl WallClock {
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

    /// The settled time's offset: never ahead of the wall clock, and behind it until that has been steady.
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
    /// A clock that starts now.
    pub fn start() -> Self {
        let shared = Shared {
            ahead_ms: AtomicI64::new(0),
            moves: AtomicU64::new(0),
            settle_ms: AtomicU64::new(SETTLE_MS),
            wall_clock: Mutex::new(WallClock::begin(0)),
        };
        let clock = Self { start: Instant::now(), shared: Arc::new(shared) };
        let (offset_ms, _) = clock.read();
        *clock.wall_clock() = WallClock::begin(offset_ms);
        clock
    }

    fn wall_clock(&self) -> MutexGuard<'_, WallClock> {
        self.shared.wall_clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start; never decreases.
    pub fn now_ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }

    /// Milliseconds from the start to this moment.
    pub fn ms_at(&self, at: Instant) -> u64 {
        ms(at.saturating_duration_since(self.start))
    }

    /// Milliseconds since the Unix epoch, by the wall clock.
    pub fn unix_ms(&self) -> u64 {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, ms);
        unix_ms.saturating_add_signed(self.shared.ahead_ms.load(Ordering::Relaxed))
    }

    /// Seconds since the Unix epoch, by the wall clock.
    pub fn unix_s(&self) -> u64 {
        self.unix_ms() / 1_000
    }

    /// How often waits for wall-clock times had to be recomputed.
    pub fn moves(&self) -> u64 {
        self.shared.moves.load(Ordering::Relaxed)
    }

    /// The wall clock's offset, and the monotonic time of the reading.
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

    /// Checks whether the wall clock moved. Call it from one watcher, about once per second.
    pub fn look(&self) -> Looked {
        let (offset_ms, now_ms) = self.read();
        let settle_ms = self.shared.settle_ms.load(Ordering::Relaxed);
        let mut wall_clock = self.wall_clock();
        let looked = wall_clock.look(offset_ms, now_ms, settle_ms);
        if looked.moved {
            // Before anybody else checks: a move is found only once.
            self.shared.moves.fetch_add(1, Ordering::Relaxed);
        }
        looked
    }

    /// The time for deleting what is old, in Unix milliseconds. Never ahead of the wall clock, and behind it until that
    /// has been steady.
    pub fn settled_ms(&self) -> u64 {
        let (offset_ms, now_ms) = self.read();
        let settle_ms = self.shared.settle_ms.load(Ordering::Relaxed);
        let offset_ms = self.wall_clock().settled(offset_ms, now_ms, settle_ms);
        now_ms.saturating_add_signed(offset_ms)
    }

    /// The same in seconds.
    pub fn settled_s(&self) -> u64 {
        self.settled_ms() / 1_000
    }

    /// Sets how long the wall clock must be steady after a start and after a jump.
    pub fn settle_after(&self, wait: Duration) {
        self.shared.settle_ms.store(ms(wait), Ordering::Relaxed);
    }

    /// The settled time saved by an earlier run, in Unix milliseconds, from which it continues.
    pub fn settled_at(&self, known_ms: u64) {
        let (_, now_ms) = self.read();
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let mut wall_clock = self.wall_clock();
        wall_clock.settled_ms = wall_clock.settled_ms.min(signed(known_ms) - signed(now_ms));
    }

    /// Moves the wall clock by milliseconds, for tests.
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

    fn settled(wall_clock: &WallClock, offset_ms: i64, now_ms: u64) -> i64 {
        wall_clock.settled(offset_ms, now_ms, HOUR_MS)
    }

    #[test]
    fn a_jump_ages_nothing_until_the_clock_has_settled() {
        let mut wall_clock = WallClock::begin(500);
        assert_eq!(wall_clock.look(500, 1_000, HOUR_MS), STILL);
        assert_eq!(settled(&wall_clock, DAYS_MS, 1_500), 500, "nobody has looked yet");
        let jumped = wall_clock.look(DAYS_MS, 2_000, HOUR_MS);
        assert_eq!(jumped, Looked { moved: true, jump_ms: Some(DAYS_MS - 500) });
        for at_ms in (3_000..2_000 + HOUR_MS).step_by(1_000) {
            assert_eq!(wall_clock.look(DAYS_MS, at_ms, HOUR_MS), STILL);
            assert_eq!(settled(&wall_clock, DAYS_MS, at_ms), 500);
        }
        assert_eq!(settled(&wall_clock, DAYS_MS, 2_000 + HOUR_MS), DAYS_MS);
    }

    #[test]
    fn a_jump_back_is_followed_at_once_and_a_return_later() {
        let mut wall_clock = WallClock::begin(0);
        assert_eq!(wall_clock.look(-DAYS_MS, 5_000, HOUR_MS).jump_ms, Some(-DAYS_MS));
        assert_eq!(settled(&wall_clock, -DAYS_MS, 6_000), -DAYS_MS);
        assert_eq!(wall_clock.look(0, 7_000, HOUR_MS).jump_ms, Some(DAYS_MS));
        assert_eq!(settled(&wall_clock, 0, 7_000 + HOUR_MS - 1), -DAYS_MS);
        assert_eq!(settled(&wall_clock, 0, 7_000 + HOUR_MS), 0);
    }

    #[test]
    fn drift_is_followed_and_is_not_a_jump() {
        let mut wall_clock = WallClock::begin(0);
        let mut moves = 0;
        for second in 1..=7_200_u64 {
            // 500 parts in a million, as much as clocks are allowed to.
            let looked = wall_clock.look(second as i64 / 2, second * 1_000, HOUR_MS);
            assert_eq!(looked.jump_ms, None);
            moves += u64::from(looked.moved);
        }
        assert_eq!((moves, wall_clock.settled_ms), (3_600 / DRIFT_MS, 3_600));
    }

    #[test]
    fn the_settled_time_continues_from_an_earlier_run() {
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
