//! An act over HTTP, once begun, is done exactly once and completely, whatever its client, other callers, the disk or
//! the end of the process do.

#[path = "acts/broken_off.rs"]
mod broken_off;
#[path = "acts/child.rs"]
mod child;
#[path = "acts/full.rs"]
mod full;
#[path = "acts/idempotency.rs"]
mod idempotency;

#[path = "acts/numbers.rs"]
mod numbers;
#[path = "acts/oauth.rs"]
mod oauth;
#[path = "acts/operation.rs"]
mod operation;
#[path = "acts/races.rs"]
mod races;
#[path = "acts/verify.rs"]
mod verify;

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};

/// With this variable, randomized tests try more often, with more time.
const ROUNDS: &str = "STAGEDOOR_FIELD_ROUNDS";

/// Runs a test that must end in time.
async fn within<T>(limit_s: u64, test: impl Future<Output = Result<T>>) -> Result<T> {
    let more = if std::env::var_os(ROUNDS).is_some() { 20 } else { 1 };
    let limit = Duration::from_secs(limit_s * more);
    tokio::time::timeout(limit, test).await.with_context(|| format!("not done in {limit:?}"))?
}

/// How often a randomized test tries.
fn rounds(usual: usize) -> usize {
    std::env::var(ROUNDS).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Pseudo-random numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    /// A moment during a request: 0.3 to 8 ms after it was sent.
    fn moment(&mut self) -> Duration {
        Duration::from_micros(300 + self.below(7_700))
    }
}
