//! How long to wait before the next attempt. Pure: the caller passes a random number.

use std::time::Duration;

use stagedoor_wire::close::Next;

/// The longest jitter of a reconnect that may come at once.
const NOW_JITTER: Duration = Duration::from_millis(300);
/// The first pause of one that comes later.
const LATER_FIRST: Duration = Duration::from_millis(500);
/// The longest pause.
const LATER_MAX: Duration = Duration::from_secs(20);

/// The pause before try number `attempt` (from 1), spread by `chance` (0 to 1), so that the members of a
/// room do not come back all at once. The first try that may come at once does; later ones back off.
pub(crate) fn delay(next: Next, attempt: u32, chance: f64) -> Duration {
    let at_once = matches!(next, Next::Now | Next::Token) && attempt <= 1;
    if at_once {
        return NOW_JITTER.mul_f64(chance);
    }
    let full = LATER_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LATER_MAX);
    full.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_comes_soon_and_the_others_back_off_up_to_a_bound() {
        assert!(delay(Next::Now, 1, 1.0) <= NOW_JITTER);
        assert_eq!(delay(Next::Now, 1, 0.0), Duration::ZERO);
        let mut before = Duration::ZERO;
        for attempt in 1..=6 {
            let now = delay(Next::Later, attempt, 0.5);
            assert!(now > before, "{attempt}");
            before = now;
        }
        assert_eq!(delay(Next::Later, 1_000, 1.0), LATER_MAX);
        assert!(delay(Next::Later, 1, 0.0) >= LATER_FIRST / 2);
    }
}
