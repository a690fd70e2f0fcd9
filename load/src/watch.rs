//! A run's progress, and the server's CPU time and memory along the way.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::process::Process;

/// How often a run is sampled.
const INTERVAL: Duration = Duration::from_millis(100);

/// A sample of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since the run began.
    pub at_s: f64,
    /// The rate since the last sample, per second: deliveries or logins.
    pub per_s: f64,
    /// Cores that the server kept busy since the last sample.
    pub cores: f64,
    /// The server's resident memory in bytes.
    pub resident_bytes: u64,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The phase.
    pub phase: &'a str,
    /// From 0 to 1.
    pub done: f64,
    /// The latest sample.
    pub sample: Sample,
}

/// Receives a run's progress.
pub type Tell<'a> = &'a mut dyn FnMut(Progress<'_>);

/// Samples a run now and then.
pub(crate) struct Watch<'a> {
    process: Option<Process>,
    tell: Tell<'a>,
    /// When the run began, and its phase.
    run_begun: Instant,
    begun: Instant,
    end: Instant,
    phase: &'static str,
    looked: Instant,
    count: u64,
    cpu_s: f64,
    /// Every sample.
    pub(crate) samples: Vec<Sample>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(process: Option<Process>, tell: Tell<'a>) -> Self {
        let now = Instant::now();
        let cpu_s = process.and_then(|process| process.cpu_s().ok()).unwrap_or(0.0);
        Self {
            process,
            tell,
            run_begun: now,
            begun: now,
            end: now,
            phase: "connecting",
            looked: now,
            count: 0,
            cpu_s,
            samples: Vec::new(),
        }
    }

    /// CPU time of the server so far, in seconds.
    pub(crate) fn cpu_s(&self) -> f64 {
        self.process.and_then(|process| process.cpu_s().ok()).unwrap_or(0.0)
    }

    /// Resident memory of the server in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.process.and_then(|process| process.resident_bytes().ok()).unwrap_or(0)
    }

    /// Begins a phase that ends at `end`; counting starts at `count`.
    pub(crate) fn phase(&mut self, phase: &'static str, end: Instant, count: u64) {
        let now = Instant::now();
        (self.phase, self.begun, self.end, self.looked) = (phase, now, end, now);
        (self.count, self.cpu_s) = (count, self.cpu_s());
    }

    /// Reports how much of the set-up is done.
    pub(crate) fn connecting(&mut self, at: usize, of: usize) {
        if self.looked.elapsed() >= INTERVAL || at == of {
            self.looked = Instant::now();
            let done = at as f64 / of.max(1) as f64;
            (self.tell)(Progress { phase: "connecting", done, sample: Sample::default() });
        }
    }

    /// Takes a sample, if it is time.
    pub(crate) fn look(&mut self, now: Instant, count: u64) {
        let passed_s = (now - self.looked).as_secs_f64();
        if passed_s < INTERVAL.as_secs_f64() {
            return;
        }
        let cpu_s = self.cpu_s();
        let sample = Sample {
            at_s: (now - self.run_begun).as_secs_f64(),
            per_s: (count - self.count) as f64 / passed_s,
            cores: (cpu_s - self.cpu_s) / passed_s,
            resident_bytes: self.resident_bytes(),
        };
        (self.looked, self.count, self.cpu_s) = (now, count, cpu_s);
        let whole_s = (self.end - self.begun).as_secs_f64().max(1e-9);
        let phase_s = (now - self.begun).as_secs_f64();
        self.samples.push(sample);
        (self.tell)(Progress { phase: self.phase, done: (phase_s / whole_s).min(1.0), sample });
    }
}
