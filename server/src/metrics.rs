//! The server's counters. They influence nothing.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

/// The server's counters, by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<(&'static str, String), u64>>);

/// Series that are kept separately; all others of a name share one more.
const SERIES_MAX: usize = 4_096;

const HELP: [(&str, &str); 4] = [
    ("stagedoor_server_requests_total", "HTTP requests answered, by route and status."),
    ("stagedoor_server_mints_total", "Tokens asked for, by outcome."),
    ("stagedoor_server_audit_records_total", "Audit records written, by kind."),
    (
        "stagedoor_server_audit_dropped_total",
        "Relay events that were lost before they were recorded.",
    ),
];

impl Metrics {
    fn add(&self, name: &'static str, labels: String, n: u64) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, labels);
        // All labels come from closed sets; this bounds memory even if one did not.
        let room = counters.len() < SERIES_MAX || counters.contains_key(&key);
        let key = if room { key } else { (name, "{overflow=\"true\"}".into()) };
        *counters.entry(key).or_default() += n;
    }

    /// `method` and `route` come from closed sets: the router's methods and paths, `other` and `none`.
    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16) {
        self.add(
            HELP[0].0,
            format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"),
            1,
        );
    }

    pub(crate) fn mint(&self, code: &'static str) {
        self.add(HELP[1].0, format!("{{code=\"{code}\"}}"), 1);
    }

    pub(crate) fn audit(&self, kind: &str, n: u64) {
        self.add(HELP[2].0, format!("{{kind=\"{kind}\"}}"), n);
    }

    pub(crate) fn dropped(&self, n: u64) {
        self.add(HELP[3].0, String::new(), n);
    }

    /// All counters in the Prometheus text format.
    pub(crate) fn render(&self) -> String {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        for (name, help) in HELP {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
            for ((of, labels), count) in counters.iter().filter(|((of, _), _)| *of == name) {
                let _ = writeln!(out, "{of}{labels} {count}");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_series_is_bounded() {
        let metrics = Metrics::default();
        for n in 0..2 * SERIES_MAX {
            metrics.audit(&n.to_string(), 1);
            metrics.request("GET", &n.to_string(), 200);
        }
        let text = metrics.render();
        let series = text.lines().filter(|line| line.starts_with("stagedoor_")).count();
        assert!(series <= SERIES_MAX + HELP.len(), "{series}");
        let counted: usize = text
            .lines()
            .filter(|line| line.starts_with("stagedoor_"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum();
        assert_eq!(counted, 4 * SERIES_MAX, "nothing is lost");
    }
}
