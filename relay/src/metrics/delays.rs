//! A histogram of delays, by delivery.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use stagedoor_wire::member::Delivery;

/// Upper bounds of the buckets, in milliseconds, and in seconds as they are written.
const BUCKETS: [(u64, &str); 10] = [
    (1, "0.001"),
    (5, "0.005"),
    (20, "0.02"),
    (50, "0.05"),
    (100, "0.1"),
    (250, "0.25"),
    (500, "0.5"),
    (1_000, "1"),
    (2_000, "2"),
    (5_000, "5"),
];

const DELIVERIES: [(Delivery, &str); 3] =
    [(Delivery::Media, "media"), (Delivery::Latest, "latest"), (Delivery::Reliable, "reliable")];

/// The histogram.
#[derive(Debug, Default)]
pub(crate) struct Delays([OfDelivery; DELIVERIES.len()]);

#[derive(Debug, Default)]
struct OfDelivery {
    /// Each counts its own; the last, those beyond all bounds.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_ms: AtomicU64,
}

impl Delays {
    /// Records one.
    pub(crate) fn note(&self, delivery: Delivery, delay_ms: u64) {
        let at = DELIVERIES.iter().position(|(known, _)| *known == delivery);
        let Some(of) = at.and_then(|at| self.0.get(at)) else { return };
        of.buckets[BUCKETS.partition_point(|(bound_ms, _)| *bound_ms < delay_ms)]
            .fetch_add(1, Ordering::Relaxed);
        of.sum_ms.fetch_add(delay_ms, Ordering::Relaxed);
    }

    /// Writes it in the Prometheus text format.
    pub(super) fn render(&self, out: &mut String, name: &str) {
        for (of, (_, delivery)) in self.0.iter().zip(DELIVERIES) {
            let mut count = 0;
            let bounds = BUCKETS.iter().map(|(_, bound_s)| *bound_s).chain(["+Inf"]);
            for (bucket, bound_s) in of.buckets.iter().zip(bounds) {
                count += bucket.load(Ordering::Relaxed);
                let labels = format!("delivery=\"{delivery}\",le=\"{bound_s}\"");
                let _ = writeln!(out, "{name}_bucket{{{labels}}} {count}");
            }
            let sum_s = of.sum_ms.load(Ordering::Relaxed) as f64 / 1e3;
            let _ = writeln!(out, "{name}_sum{{delivery=\"{delivery}\"}} {sum_s}");
            let _ = writeln!(out, "{name}_count{{delivery=\"{delivery}\"}} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delay_is_counted_in_every_bucket_that_holds_it() {
        let delays = Delays::default();
        [0, 1, 2, 900, 9_000].iter().for_each(|ms| delays.note(Delivery::Latest, *ms));
        let mut text = String::new();
        delays.render(&mut text, "delay");
        for line in [
            "delay_bucket{delivery=\"latest\",le=\"0.001\"} 2",
            "delay_bucket{delivery=\"latest\",le=\"0.005\"} 3",
            "delay_bucket{delivery=\"latest\",le=\"1\"} 4",
            "delay_bucket{delivery=\"latest\",le=\"5\"} 4",
            "delay_bucket{delivery=\"latest\",le=\"+Inf\"} 5",
            "delay_sum{delivery=\"latest\"} 9.903",
            "delay_count{delivery=\"latest\"} 5",
            "delay_count{delivery=\"media\"} 0",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} is not in {text}");
        }
    }
}
