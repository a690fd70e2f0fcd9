//! `fanout`: one publisher, many subscribers, a fixed number of frames in flight.

use std::time::Duration;

use super::crowd::{crowd, warm_up};
use crate::{
    dialect::Target,
    error::LoadError,
    outcome::Outcome,
    run::{Pace, Run},
    watch::Tell,
};

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct FanOut {
    /// Subscribers.
    pub subscribers: usize,
    /// Payload size in bytes.
    pub payload_bytes: usize,
    /// Frames that not every subscriber has yet, at most.
    pub window: u64,
    /// How long to measure.
    pub time: Duration,
}

impl FanOut {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { subscribers, payload_bytes, window, time } = *self;
        let mut run = Run::new(target, Pace::Window(window), payload_bytes, tell)?;
        run.connect(&crowd(subscribers, "reliable")?, |_| 0)?;
        run.measure("warming up", warm_up(time))?;
        let measured = run.measure("measuring", time)?;
        let scenario = format!("1 to {subscribers}, {payload_bytes} B, {window} in flight");
        run.finish(scenario, measured)
    }
}
