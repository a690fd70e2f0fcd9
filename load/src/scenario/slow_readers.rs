//! `slow-readers`: some members read very slowly. First the fast ones are alone, then the slow ones are added: how much
//! of their rate the others keep, and what the slow ones receive.

use std::time::Duration;

use super::crowd::{crowd, warm_up};
use crate::{
    dialect::Target,
    error::LoadError,
    outcome::Outcome,
    run::{Pace, Run},
    watch::Tell,
};

/// The receive buffer of those who will be slow: bytes in the kernel do not count as behind.
const RECEIVE_BUFFER_BYTES: usize = 16_384;

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct SlowReaders {
    /// Subscribers.
    pub subscribers: usize,
    /// How many of them become slow.
    pub slow: usize,
    /// Bytes per second that a slow one reads.
    pub trickle_bytes_per_s: usize,
    /// Payload size in bytes.
    pub payload_bytes: usize,
    /// Frames that not every fast subscriber has yet, at most.
    pub window: u64,
    /// Whether slow ones skip frames and are told, or are closed and may resume.
    pub reliable: bool,
    /// How long to measure each half.
    pub time: Duration,
}

impl SlowReaders {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { subscribers, slow, payload_bytes, window, time, .. } = *self;
        if slow == 0 || slow >= subscribers {
            return Err(LoadError::Option("there must be both slow and fast subscribers".into()));
        }
        if self.trickle_bytes_per_s == 0 {
            return Err(LoadError::Option("the slow rate must be above 0".into()));
        }
        let delivery = if self.reliable { "reliable" } else { "latest" };
        let mut all = crowd(subscribers, delivery)?;
        for who in all.iter_mut().skip(1).take(slow) {
            who.receive_buffer_bytes = Some(RECEIVE_BUFFER_BYTES);
        }
        let fast = subscribers - slow;
        // The slow ones' small buffers would block the others from the start, so they join later.
        let mut alone = Run::new(target, Pace::Window(window), payload_bytes, &mut *tell)?;
        alone.connect(&crowd(fast, delivery)?, |_| 0)?;
        alone.measure("warming up", warm_up(time))?;
        let before = alone.measure("all are fast", time)?;
        let rate_before = before.deliveries as f64 / before.wall_s / fast as f64;
        let resident_before = alone.watch.resident_bytes();
        let alone = alone.finish(String::new(), before)?;

        all.iter_mut().for_each(|who| who.room = "slow-readers".into());
        let mut run = Run::new(target, Pace::Window(window), payload_bytes, tell)?;
        run.connect(&all, |_| 0)?;
        run.slow_down(slow, self.trickle_bytes_per_s)?;
        run.measure("some are slow", warm_up(time))?;
        let measured = run.measure("some are slow", time)?;
        let rate_after = measured.deliveries as f64 / measured.wall_s / fast as f64;
        let grown = run.watch.resident_bytes().saturating_sub(resident_before);
        let scenario =
            format!("{slow} of {subscribers} slow, {payload_bytes} B, {window} in flight");
        let mut outcome = run.finish(scenario, measured)?;
        outcome.faults.add(alone.faults);
        outcome.figures.extend([
            ("kept_of_rate", rate_after / rate_before),
            ("frames_per_s_before", rate_before),
            ("frames_per_s_after", rate_after),
            ("memory_grown_bytes", grown as f64),
        ]);
        Ok(outcome)
    }
}
