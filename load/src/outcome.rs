//! The result of a run: figures, and whether they count. A run in which a frame was lost, reordered or misdelivered
//! does not.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::{error::LoadError, watch::Sample};

/// The result of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The scenario, in a few words with its figures.
    pub scenario: String,
    /// The dialect.
    pub dialect: &'static str,
    /// What was counted: `deliveries`, `logins` or `connections`.
    pub unit: &'static str,
    /// How many.
    pub count: u64,
    /// The duration, in seconds.
    pub wall_s: f64,
    /// The server's CPU time in that duration, in seconds; 0 if it is not on this machine.
    pub server_cpu_s: f64,
    /// Cores that the server may use.
    pub server_cores: u32,
    /// The share of time in which the generator was busy, from 0 to 1.
    pub generator_busy: f64,
    /// Which side was at its limit.
    pub bottleneck: Bottleneck,
    /// Latencies of deliveries or logins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// What must not happen.
    pub faults: Faults,
    /// Further figures of this scenario, by name.
    pub figures: Vec<(&'static str, f64)>,
    /// Samples taken during the run.
    pub samples: Vec<Sample>,
}

/// What must not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Frames that a member should have got before a later one, and was not told it lost. If one still arrives, it is
    /// out of order as well.
    pub lost: u64,
    /// Frames that were repeated, or arrived after later ones.
    pub out_of_order: u64,
    /// Frames of a room or stream that the member is not in, or that nobody sent.
    pub foreign: u64,
    /// Bytes that are not a frame of the wire.
    pub garbage: u64,
    /// Connections that the server closed or refused.
    pub closed: u64,
}

impl Faults {
    /// Those of another part of the same run.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.out_of_order += other.out_of_order;
        self.foreign += other.foreign;
        self.garbage += other.garbage;
        self.closed += other.closed;
    }

    /// Whether there were no faults.
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// Which side was at its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bottleneck {
    /// The server kept its cores busy.
    Server,
    /// The generator was always busy: the server could have done more.
    Generator,
    /// Neither: the load was as requested.
    #[default]
    Neither,
}

/// A side that is busy for this share of the time is at its limit.
const BUSY: f64 = 0.9;

impl Outcome {
    /// The server's CPU time per item in microseconds, which equals seconds per million. The figure that is reliable on
    /// a noisy machine.
    pub fn cpu_us(&self) -> f64 {
        self.server_cpu_s * 1e6 / self.count.max(1) as f64
    }

    /// The rate per second.
    pub fn per_s(&self) -> f64 {
        self.count as f64 / self.wall_s.max(1e-9)
    }

    /// A further figure of the scenario, by name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Determines which side was at its limit. The server's share is of its cores.
    pub(crate) fn judge(&mut self) {
        let server =
            self.server_cpu_s / self.wall_s.max(1e-9) / f64::from(self.server_cores.max(1));
        self.bottleneck = if server >= BUSY {
            Bottleneck::Server
        } else if self.generator_busy >= BUSY {
            Bottleneck::Generator
        } else {
            Bottleneck::Neither
        };
    }
}

/// Times in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50_us: u64,
    /// The 90th percentile.
    pub p90_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// The 99.9th percentile.
    pub p999_us: u64,
    /// The maximum.
    pub max_us: u64,
    /// The curve: shares from 0 to 1, each with its time.
    pub curve: Vec<(f64, u64)>,
}

/// Points of the curve: from one half on, each is half as far from 1.
const CURVE_POINTS: i32 = 14;

/// Times are recorded in microseconds, up to an hour. Beyond its range a histogram would record a short time.
const TIME_US_MAX: u64 = 3_600_000_000;

/// A histogram of microseconds.
pub(crate) fn times() -> Result<Histogram<u64>, LoadError> {
    Histogram::new_with_bounds(1, TIME_US_MAX, 3)
        .map_err(|error| LoadError::Option(error.to_string()))
}

impl Latency {
    /// The summary of a histogram of microseconds; `None` if it is empty.
    pub(crate) fn of(times: &Histogram<u64>) -> Option<Self> {
        if times.is_empty() {
            return None;
        }
        let at = |share: f64| times.value_at_quantile(share);
        let shares = (0..CURVE_POINTS).map(|n| 1.0 - 0.5_f64.powi(n));
        Some(Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: times.max(),
            curve: shares.map(|share| (share, at(share))).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_recorded_as_long() {
        let mut times = times().expect("a histogram");
        [50, 3_000, 2_000_000].into_iter().for_each(|us| times.saturating_record(us));
        let latency = Latency::of(&times).expect("noted");
        let near = |us: u64, of: u64| us.abs_diff(of) <= of / 500;
        assert!(near(latency.p50_us, 3_000) && near(latency.max_us, 2_000_000), "{latency:?}");
    }
}
