//! Token buckets: a rate with a burst. Pure: the caller passes the time.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// A bucket that refills at a rate up to a burst, and from which each act takes what it costs.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    left: f32,
    at: Instant,
}

/// How a bucket refills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many units are added in a second.
    pub per_s: u32,
    /// How many units the bucket holds; 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// How long an empty bucket takes to fill.
    pub fn refill(self) -> Duration {
        Duration::from_secs_f64(f64::from(self.burst.max(1)) / f64::from(self.per_s.max(1)))
    }
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst.max(1) as f32, at: now }
    }

    /// How many units can be taken now.
    pub fn left(&self, rate: Rate, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        (self.left + passed * rate.per_s as f32).min(rate.burst.max(1) as f32) as u32
    }

    /// How long until one unit can be taken; `None` if one can be taken now.
    pub fn wait(&self, rate: Rate, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        let missing = 1.0 - (self.left + passed * rate.per_s as f32);
        (missing > 0.0).then(|| Duration::from_secs_f32(missing / rate.per_s.max(1) as f32))
    }

    /// Takes one unit.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.take_many(1, rate, now)
    }

    /// Takes this many units, at most as many as the bucket holds.
    ///
    /// # Errors
    ///
    /// How long to wait until there are enough.
    pub fn take_many(&mut self, many: usize, rate: Rate, now: Instant) -> Result<(), Duration> {
        let burst = rate.burst.max(1) as f32;
        let cost = (many as f32).min(burst);
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        self.at = now;
        self.left = (self.left + passed * rate.per_s as f32).min(burst);
        if self.left >= cost {
            self.left -= cost;
            return Ok(());
        }
        let wait_s = (cost - self.left) / rate.per_s.max(1) as f32;
        Err(Duration::from_secs_f32(wait_s))
    }
}

/// The address by which connections are counted: that of IPv4, and the network of 64 bits for IPv6, because one client
/// has all addresses of such a network.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate { per_s: 10, burst: 3 };
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        for _ in 0..3 {
            assert!(bucket.take(rate, start).is_ok());
        }
        let wait = bucket.take(rate, start).expect_err("the burst is used up");
        assert_eq!(bucket.wait(rate, start), Some(wait));
        assert_eq!(bucket.wait(rate, start + wait), None);
        assert!(wait <= Duration::from_millis(101) && wait > Duration::from_millis(90));
        let mut passed = 0;
        for ms in 1..=1_000 {
            passed += u32::from(bucket.take(rate, start + Duration::from_millis(ms)).is_ok());
        }
        assert!((9..=11).contains(&passed), "{passed}");
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        for (address, under) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(source(address).to_string(), under);
        }
    }

    #[test]
    fn a_higher_cost_waits_longer_and_every_wait_ends() {
        let rate = Rate { per_s: 100, burst: 1_000 };
        let start = Instant::now();
        let mut bucket = Bucket::full(rate, start);
        assert!(bucket.take_many(5_000, rate, start).is_ok(), "as much as there can be");
        let wait = bucket.take_many(500, rate, start).expect_err("it is empty");
        assert_eq!(wait.as_secs(), 5);
        assert!(bucket.take_many(500, rate, start + wait).is_ok());
    }
}
