//! Measures a run, and computes its result.

use std::time::{Duration, Instant};

use mio::Events;

use super::{EVENTS_MAX, Pace, READ_BYTES, Run};
use crate::{
    error::LoadError,
    member::Member,
    outcome::{Latency, Outcome, times},
};

/// How long the last frames may take once publishing has stopped.
const DRAIN: Duration = Duration::from_secs(5);

/// A measurement between two moments.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) deliveries: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) busy: f64,
}

impl Run<'_> {
    /// Records times from now on.
    pub(crate) fn note_times(&mut self) -> Result<(), LoadError> {
        self.ledger.times = Some(times()?);
        Ok(())
    }

    /// Publishes for a while, and measures.
    pub(crate) fn measure(
        &mut self,
        phase: &'static str,
        time: Duration,
    ) -> Result<Measured, LoadError> {
        let begun = Instant::now();
        self.watch.phase(phase, begun + time, self.ledger.deliveries);
        let (before, cpu_s) = (self.ledger.deliveries, self.watch.cpu_s());
        self.idle = Duration::ZERO;
        self.until(begun + time, |_| false)?;
        let (wall, cpu_s) = (begun.elapsed(), self.watch.cpu_s() - cpu_s);
        Ok(Measured {
            deliveries: self.ledger.deliveries - before,
            wall_s: wall.as_secs_f64(),
            cpu_s,
            busy: 1.0 - self.idle.as_secs_f64() / wall.as_secs_f64(),
        })
    }

    /// Only listens for a while.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(Duration::from_millis(20)))?;
            self.hear(&events)?;
        }
        Ok(())
    }

    /// Stops publishing, waits for frames in flight, and returns the result. Slow members read everything, so that each
    /// learns what it lost.
    pub(crate) fn finish(
        mut self,
        scenario: String,
        measured: Measured,
    ) -> Result<Outcome, LoadError> {
        self.due.clear();
        self.pace = Pace::Window(0);
        self.trickle_bytes = self.trickle_bytes.min(1) * READ_BYTES;
        let samples = std::mem::take(&mut self.watch.samples);
        let end = Instant::now() + DRAIN;
        match self.until(end, |run| run.ledger.owed == 0 && run.behind() == 0) {
            // What has not arrived is lost.
            Ok(()) | Err(LoadError::Silence(_)) => {}
            Err(error) => return Err(error),
        }
        self.ledger.faults.lost += self.ledger.owed;
        if measured.deliveries == 0 {
            return Err(LoadError::Silence(Duration::from_secs_f64(measured.wall_s)));
        }
        let mut outcome = Outcome {
            scenario,
            dialect: self.target.dialect.name(),
            unit: "deliveries",
            count: measured.deliveries,
            wall_s: measured.wall_s,
            server_cpu_s: measured.cpu_s,
            server_cores: self.target.cores,
            generator_busy: measured.busy,
            latency: self.ledger.times.as_ref().and_then(Latency::of),
            faults: self.ledger.faults,
            figures: self.slow_figures(),
            samples,
            ..Outcome::default()
        };
        outcome.judge();
        Ok(outcome)
    }

    /// What became of the slow members: each was told what it lost, was closed, or is behind.
    fn slow_figures(&self) -> Vec<(&'static str, f64)> {
        let slow: Vec<&Member> = self.members.iter().filter(|member| member.slow).collect();
        if slow.is_empty() {
            return Vec::new();
        }
        let count =
            |of: fn(&Member) -> bool| slow.iter().filter(|member| of(member)).count() as f64;
        let told: u64 = slow.iter().map(|member| member.told_lost).sum();
        vec![
            ("slow", slow.len() as f64),
            ("slow_told", count(|member| member.told_lost > 0)),
            (
                "slow_closed",
                count(|member| member.code == stagedoor_wire::close::Close::Slow.code()),
            ),
            ("slow_behind", self.behind() as f64),
            ("frames_told_lost", told as f64),
        ]
    }
}
