//! `idle`: members that do nothing: the memory that each takes, and whether it is freed.

use std::time::{Duration, Instant};

use super::crowd::crowd;
use crate::{
    dialect::Target,
    error::LoadError,
    frames::MARK_BYTES,
    outcome::Outcome,
    run::{Pace, Run},
    watch::Tell,
};

/// How long the server has to become idle.
const REST: Duration = Duration::from_secs(2);

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Connections.
    pub connections: usize,
}

impl Idle {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let process = target.process.ok_or_else(|| {
            LoadError::Option(
                "memory can only be measured on this machine; name the server's process".into(),
            )
        })?;
        let all = crowd(self.connections, "reliable")?;
        let mut run = Run::new(target, Pace::Window(1), MARK_BYTES, tell)?;
        let (begun, cpu_s) = (Instant::now(), run.watch.cpu_s());
        let before = process.resident_bytes()?;
        run.connect(&all[1..], |_| 0)?;
        let (wall_s, server_cpu_s) = (begun.elapsed().as_secs_f64(), run.watch.cpu_s() - cpu_s);
        // The last joins are announced in batches; then nothing happens any more.
        run.rest(REST)?;
        let held = process.resident_bytes()?;
        drop(run);
        std::thread::sleep(REST);
        let after = process.resident_bytes()?;
        let mut outcome = Outcome {
            scenario: format!("{} idle members in one room", self.connections),
            dialect: target.dialect.name(),
            unit: "connections",
            count: self.connections as u64,
            wall_s,
            server_cpu_s,
            server_cores: target.cores,
            figures: vec![
                (
                    "bytes_per_connection",
                    held.saturating_sub(before) as f64 / self.connections as f64,
                ),
                ("resident_before_bytes", before as f64),
                ("resident_held_bytes", held as f64),
                ("resident_after_bytes", after as f64),
            ],
            ..Outcome::default()
        };
        outcome.judge();
        Ok(outcome)
    }
}
