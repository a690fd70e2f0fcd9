//! What the server counts. After `secret`, before `config`. Counting decides nothing.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

/// Every counter of the server, by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<(&'static str, String), u64>>);

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
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((name, labels))
            .or_default() += n;
    }

    pub(crate) fn request(&self, method: &str, route: &str, status: u16) {
        self.add(
            HELP[0].0,
            format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"),
            1,
        );
    }

    pub(crate) fn mint(&self, code: &str) {
        self.add(HELP[1].0, format!("{{code=\"{code}\"}}"), 1);
    }

    pub(crate) fn audit(&self, kind: &str, n: u64) {
        self.add(HELP[2].0, format!("{{kind=\"{kind}\"}}"), n);
    }

    pub(crate) fn dropped(&self, n: u64) {
        self.add(HELP[3].0, String::new(), n);
    }

    /// All of it in Prometheus' text format.
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
