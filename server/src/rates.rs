//! Rates by name, in bounded memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use stagedoor_wire::rate::{Bucket, Rate};

/// Full buckets carry no information; they are looked for at most this often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Buckets that are kept before full ones are looked for.
const SWEEP_BUCKETS_MIN: usize = 1_000;

/// A bucket for each name.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    /// Names that are counted separately; further ones share one bucket.
    names_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    by_name: HashMap<Box<str>, Bucket>,
    /// The bucket of all further names.
    others: Bucket,
    /// Full buckets are looked for above this number of buckets, and not before this time.
    sweep: (usize, Instant),
}

impl Buckets {
    /// Buckets for names that strangers choose: beyond `names_max`, further names share one.
    pub(crate) fn bounded(rate: Rate, names_max: usize) -> Self {
        let now = Instant::now();
        let kept = Kept {
            by_name: HashMap::new(),
            others: Bucket::full(rate, now),
            sweep: (SWEEP_BUCKETS_MIN.min(names_max), now),
        };
        Self { rate, names_max, kept: Mutex::new(kept) }
    }

    /// Buckets for names that exist in the store, which bounds their number.
    pub(crate) fn of_known(rate: Rate) -> Self {
        Self::bounded(rate, usize::MAX)
    }

    /// Takes one token; returns how many remain, or how long to wait.
    pub(crate) fn take(&self, name: &str) -> Result<u32, Duration> {
        let (now, rate) = (Instant::now(), self.rate);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { by_name, others, sweep } = &mut *kept;
        if let Some(bucket) = by_name.get_mut(name) {
            bucket.take(rate, now)?;
            return Ok(bucket.left(rate, now));
        }
        if by_name.len() >= sweep.0 && now >= sweep.1 {
            by_name.retain(|_, bucket| bucket.left(rate, now) < rate.burst);
            let next = by_name.len().saturating_mul(2).max(SWEEP_BUCKETS_MIN);
            by_name.shrink_to(next);
            *sweep = (next.min(self.names_max), now + SWEEP_INTERVAL);
        }
        let bucket = if by_name.len() < self.names_max {
            by_name.entry(name.into()).or_insert_with(|| Bucket::full(rate, now))
        } else {
            others
        };
        bucket.take(rate, now)?;
        Ok(bucket.left(rate, now))
    }

    /// The value of `RateLimit-Policy` (IETF draft): the burst, over the time in which it refills.
    pub(crate) fn policy(&self) -> String {
        let window_s = self.rate.burst.div_ceil(self.rate.per_s.max(1)).max(1);
        format!("\"default\";q={};w={window_s}", self.rate.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_above_the_bound_share_one_bucket() {
        let buckets = Buckets::bounded(Rate { per_s: 1, burst: 2 }, 3);
        let mut taken = [0; 2];
        for n in 0..10 {
            for _ in 0..3 {
                taken[usize::from(n >= 3)] += usize::from(buckets.take(&n.to_string()).is_ok());
            }
        }
        assert_eq!(taken, [6, 2], "two of each kept name, and two of all others");
        assert_eq!(buckets.kept.lock().expect("kept").by_name.len(), 3);
    }

    #[test]
    fn full_buckets_are_dropped_before_many_are_kept() {
        let rate = Rate { per_s: 1_000_000, burst: 1 };
        for buckets in [Buckets::bounded(rate, 5_000), Buckets::of_known(rate)] {
            for n in 0..20_000 {
                assert!(buckets.take(&n.to_string()).is_ok());
                buckets.kept.lock().expect("kept").sweep.1 = Instant::now();
            }
            let kept = buckets.kept.lock().expect("kept");
            assert!(kept.by_name.len() <= 2 * SWEEP_BUCKETS_MIN, "{}", kept.by_name.len());
        }
    }
}
