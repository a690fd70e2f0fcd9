//! How often and how much a member may request and publish.

use std::{
    num::NonZero,
    time::{Duration, Instant},
};

use stagedoor_token::Grants;
use stagedoor_wire::{
    limits::Limits,
    rate::{Bucket, Rate},
};

/// Whether a refusal for the rate closes the connection, or what the member is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Throttled {
    /// `rate_refusals_max` refusals.
    TooOften,
    /// Refused.
    Once {
        /// When to try again.
        retry_ms: u64,
        /// Whether an event says so too; once per second.
        says_so: bool,
    },
}

/// A member's requests, against their limits.
#[derive(Debug)]
pub(super) struct Rates {
    requests: Bucket,
    bytes: Bucket,
    sends: Bucket,
    refusals: u32,
    throttled_at: Option<Instant>,
}

impl Rates {
    /// No request yet.
    pub(super) fn new(limits: &Limits, grants: &Grants, now: Instant) -> Self {
        Self {
            requests: Bucket::full(request_rate(limits), now),
            bytes: Bucket::full(byte_rate(limits), now),
            sends: Bucket::full(send_rate(limits, grants), now),
            refusals: 0,
            throttled_at: None,
        }
    }

    /// Counts a request of `bytes` bytes. An error is how long to wait.
    pub(super) fn request(
        &mut self,
        bytes: usize,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        self.requests.take(request_rate(limits), now)?;
        self.bytes.take_many(bytes, byte_rate(limits), now)
    }

    /// Counts a message. An error is how long to wait.
    pub(super) fn send(
        &mut self,
        limits: &Limits,
        grants: &Grants,
        now: Instant,
    ) -> Result<(), Duration> {
        self.sends.take(send_rate(limits, grants), now)
    }

    /// A request was within its limits.
    pub(super) fn passed(&mut self) {
        self.refusals = self.refusals.saturating_sub(1);
    }

    /// A request was not within its limits.
    pub(super) fn throttle(&mut self, wait: Duration, limits: &Limits, now: Instant) -> Throttled {
        self.refusals += 1;
        if self.refusals > limits.rate_refusals_max {
            return Throttled::TooOften;
        }
        let says_so =
            self.throttled_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
        if says_so {
            self.throttled_at = Some(now);
        }
        Throttled::Once { retry_ms: wait.as_millis() as u64 + 1, says_so }
    }
}

/// `sends_per_s`, or less if the role's `caps.messages_per_s` says so.
fn send_rate(limits: &Limits, grants: &Grants) -> Rate {
    let cap = grants.caps.messages_per_s.map_or(u32::MAX, NonZero::get);
    Rate { per_s: limits.sends_per_s.min(cap), burst: limits.sends_burst.min(cap) }
}

fn byte_rate(limits: &Limits) -> Rate {
    Rate { per_s: limits.control_bytes_per_s, burst: limits.control_bytes_burst }
}

fn request_rate(limits: &Limits) -> Rate {
    Rate { per_s: limits.requests_per_s, burst: limits.requests_burst }
}

/// A member's published bytes, against `caps.bytes_per_s`. One second's worth may come at once.
#[derive(Debug)]
pub(super) struct Pacing {
    /// Until when reading is paused.
    paused: Option<Instant>,
    /// Until when what was published exceeds the rate.
    paid_until: Instant,
}

impl Pacing {
    /// Nothing published yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { paused: None, paid_until: now }
    }

    /// Until when reading is paused, because the member published faster than its role allows.
    pub(super) fn paused(&self) -> Option<Instant> {
        self.paused
    }

    /// Counts published bytes.
    #[inline]
    pub(super) fn count(&mut self, bytes: usize, grants: &Grants, now: Instant) {
        let Some(bytes_per_s) = grants.caps.bytes_per_s else { return };
        let burst = Duration::from_secs(1);
        let cost = Duration::from_secs_f64(bytes as f64 / f64::from(bytes_per_s.get()));
        self.paid_until = self.paid_until.max(now) + cost;
        let free_at = self.paid_until.checked_sub(burst).filter(|free_at| *free_at > now);
        self.paused = free_at.or(self.paused);
    }

    /// Ends an expired pause; returns whether there was one.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        self.paused.take_if(|until| *until <= now).is_some()
    }
}
