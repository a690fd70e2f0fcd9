//! `latency`: frames at a fixed rate. Each carries the time at which it was due, not at which it was written, so that a
//! server that stalls is charged for every frame that waited.

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
pub struct OpenLoop {
    /// Subscribers.
    pub subscribers: usize,
    /// Frames per second.
    pub per_s: f64,
    /// Payload size in bytes.
    pub payload_bytes: usize,
    /// How long to measure.
    pub time: Duration,
}

impl OpenLoop {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { subscribers, per_s, payload_bytes, time } = *self;
        let mut run = Run::new(target, Pace::Rate(per_s), payload_bytes, tell)?;
        run.connect(&crowd(subscribers, "reliable")?, |_| 0)?;
        run.begin();
        run.measure("warming up", warm_up(time))?;
        run.note_times()?;
        let measured = run.measure("measuring", time)?;
        let scenario = format!("{per_s} per second to {subscribers}, {payload_bytes} B");
        run.finish(scenario, measured)
    }
}
