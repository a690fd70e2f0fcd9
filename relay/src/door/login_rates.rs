//! Limits how often one token and one address may log in. Successes and failures are counted separately, so that a
//! member's own logins never stop its address. Failures do: verifying a signature is the dearest thing that a stranger
//! can ask for, so an address that failed too often is refused before its tokens are looked at. A token is counted by
//! its id only if its signature was verified.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use stagedoor_token::AppId;
use stagedoor_wire::{
    limits::Limits,
    rate::{Bucket, Rate, source},
};

/// Sources that a table remembers, in each of two generations. A forgotten source starts with a full bucket, as if it
/// had stayed away that long.
const SOURCES_MAX: usize = 65_536;

/// Whether the rate was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften;

/// The rates of each token and each address.
#[derive(Debug)]
pub(crate) struct LoginRates {
    token: Rate,
    address: Rate,
    refusal: Rate,
    hashes: RandomState,
    tokens: Mutex<Sources>,
    addresses: Mutex<Sources>,
    /// Refused logins, by address.
    refusals: Mutex<Sources>,
}

impl LoginRates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let rate = |per_s, burst| Rate { per_s, burst };
        Self {
            token: rate(limits.logins_per_s, limits.logins_burst),
            address: rate(limits.address_logins_per_s, limits.address_logins_burst),
            refusal: rate(limits.login_refusals_per_s, limits.login_refusals_burst),
            hashes: RandomState::new(),
            tokens: Mutex::default(),
            addresses: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Whether a token of this address may be looked at; otherwise how long until one may.
    pub(crate) fn may_try(&self, address: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let Some(address) = address else { return Ok(()) };
        let address = self.hashes.hash_one(source(address));
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.wait(address, self.refusal, now).map_or(Ok(()), Err)
    }

    /// Counts a login that the door would allow. A peer on this machine has no address.
    pub(crate) fn login(
        &self,
        address: Option<IpAddr>,
        app: AppId,
        jti: &str,
        now: Instant,
    ) -> Result<(), TooOften> {
        self.take(&self.tokens, (app, jti), self.token, now)?;
        let Some(address) = address else { return Ok(()) };
        self.take(&self.addresses, source(address), self.address, now)
    }

    /// Counts a refused login; `token` is the app and the id, if the signature was verified. An error if that token
    /// was refused too often.
    pub(crate) fn refusal(
        &self,
        address: Option<IpAddr>,
        token: Option<(AppId, &str)>,
        now: Instant,
    ) -> Result<(), TooOften> {
        if let Some(address) = address {
            // What does not fit was looked at together with others; the next one waits all the same.
            let _ = self.take(&self.refusals, source(address), self.refusal, now);
        }
        token.map_or(Ok(()), |token| self.take(&self.tokens, token, self.token, now))
    }

    fn take(
        &self,
        sources: &Mutex<Sources>,
        source: impl Hash,
        rate: Rate,
        now: Instant,
    ) -> Result<(), TooOften> {
        let source = self.hashes.hash_one(source);
        sources.lock().unwrap_or_else(PoisonError::into_inner).take(source, rate, now)
    }
}

/// Buckets by a source's hash, in bounded memory. A bucket that would be full again is dropped before long.
#[derive(Debug, Default)]
struct Sources {
    newer: HashMap<u64, Bucket>,
    older: HashMap<u64, Bucket>,
    /// When `newer` was last empty.
    begun: Option<Instant>,
}

impl Sources {
    /// How long until a source has something left; `None` if it has, or is not known. Remembers nothing.
    fn wait(&self, source: u64, rate: Rate, now: Instant) -> Option<Duration> {
        let bucket = self.newer.get(&source).or_else(|| self.older.get(&source))?;
        bucket.wait(rate, now)
    }

    fn take(&mut self, source: u64, rate: Rate, now: Instant) -> Result<(), TooOften> {
        let age = now.saturating_duration_since(*self.begun.get_or_insert(now));
        let is_full = self.newer.len() >= SOURCES_MAX && !self.newer.contains_key(&source);
        if is_full || age > rate.refill() {
            self.older = std::mem::take(&mut self.newer);
            self.begun = Some(now);
        }
        let Self { newer, older, .. } = self;
        let bucket = newer
            .entry(source)
            .or_insert_with(|| older.remove(&source).unwrap_or_else(|| Bucket::full(rate, now)));
        bucket.take(rate, now).map_err(|_| TooOften)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    fn rates(burst: u32, address_burst: u32) -> LoginRates {
        LoginRates::new(&Limits {
            logins_per_s: 1,
            logins_burst: burst,
            address_logins_per_s: 1,
            address_logins_burst: address_burst,
            login_refusals_per_s: 1,
            login_refusals_burst: address_burst,
            ..Limits::default()
        })
    }

    fn address(n: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from_bits(n).into())
    }

    #[test]
    fn a_token_and_an_address_have_their_rates() {
        let (rates, now) = (rates(2, 3), Instant::now());
        let log_in = |at, jti: &str| rates.login(address(at), AppId(1), jti, now);
        assert_eq!([1, 1, 1].map(|at| log_in(at, "a").is_ok()), [true, true, false]);
        assert!(log_in(2, "a").is_err(), "from another address as well");
        assert!(rates.login(address(2), AppId(2), "a", now).is_ok(), "of another app");
        assert_eq!(["b", "c", "d"].map(|jti| log_in(3, jti).is_ok()), [true, true, true]);
        assert!(log_in(3, "e").is_err());
        let later = now + Duration::from_secs(1);
        assert!(rates.login(address(3), AppId(1), "f", later).is_ok());
    }

    #[test]
    fn an_address_that_failed_too_often_may_not_try() {
        let (rates, now) = (rates(9, 2), Instant::now());
        let may_try = |n, now| rates.may_try(address(n), now);
        for at in [1, 1, 1] {
            assert_eq!(may_try(2, now), Ok(()));
            assert!(rates.refusal(address(at), None, now).is_ok());
        }
        let wait = may_try(1, now).expect_err("two failed");
        assert!(wait > Duration::from_millis(900) && wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(may_try(1, now + wait), Ok(()));
        assert!(rates.login(address(1), AppId(1), "a", now).is_ok(), "counted separately");
        assert_eq!(rates.may_try(None, now), Ok(()), "a peer on this machine");
        let known = rates.refusals.lock().expect("no panic").newer.len();
        assert_eq!(known, 1, "asking remembers nothing");
    }

    #[test]
    fn a_token_that_was_refused_too_often_is_told() {
        let (rates, now) = (rates(2, 99), Instant::now());
        let refused = |n| rates.refusal(address(n), Some((AppId(1), "a")), now).is_ok();
        assert_eq!([1, 2, 3].map(refused), [true, true, false]);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let of = |text: &str| source(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn changing_sources_take_bounded_memory() {
        let (mut sources, now) = (Sources::default(), Instant::now());
        let rate = Rate { per_s: 1, burst: 1 };
        for source in 0..5 * SOURCES_MAX as u64 {
            assert!(sources.take(source, rate, now).is_ok());
        }
        assert!(sources.newer.len() <= SOURCES_MAX && sources.older.len() <= SOURCES_MAX);
        let last = 5 * SOURCES_MAX as u64 - 1;
        assert!(sources.take(last, rate, now).is_err(), "who came last is known");
        assert!(sources.take(0, rate, now).is_ok(), "who came first is forgotten");
    }

    #[test]
    fn a_source_with_a_full_bucket_takes_no_memory() {
        let (mut sources, start) = (Sources::default(), Instant::now());
        let rate = Rate { per_s: 1, burst: 10 };
        for second in 0..600 {
            for n in 0..50 {
                let now = start + Duration::from_secs(second);
                assert!(sources.take(second * 50 + n, rate, now).is_ok());
            }
        }
        let known = sources.newer.len() + sources.older.len();
        assert!(known <= 50 * 23, "{known} of the last 600 seconds are known");
    }

    #[test]
    fn no_source_is_forgotten_before_its_bucket_is_full() {
        let (mut sources, start) = (Sources::default(), Instant::now());
        let rate = Rate { per_s: 1, burst: 10 };
        let mut taken = 0;
        for second in 0..100 {
            let now = start + Duration::from_secs(second);
            assert!(sources.take(2, rate, now).is_ok());
            let tries = if second % 4 == 0 { 20 } else { 0 };
            taken += (0..tries).filter(|_| sources.take(1, rate, now).is_ok()).count();
        }
        assert!(taken <= 10 + 100, "{taken} in 100 seconds");
    }
}
