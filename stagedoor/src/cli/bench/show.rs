//! The load tester's output: a line while it runs, and the result.

use std::{
    io::{IsTerminal, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use stagedoor_load::{Outcome, Progress};

use crate::cli::Done;

const BAR_CHARS: usize = 24;

/// A line that is redrawn while the run goes on; nothing if standard error is not a terminal.
#[derive(Debug, Default)]
pub(super) struct Bar {
    shown: bool,
}

impl Bar {
    pub(super) fn show(&mut self, progress: Progress<'_>) {
        let mut err = std::io::stderr();
        if !err.is_terminal() {
            return;
        }
        self.shown = true;
        let full = (progress.done * BAR_CHARS as f64) as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR_CHARS.saturating_sub(full));
        let (phase, sample) = (progress.phase, progress.sample);
        // Standard error is gone: nothing can be done.
        let _ = write!(
            err,
            "\r\x1b[2K{phase:<18} {bar} {:>12.0}/s  {:>5.2} cores  {:>6} MB",
            sample.per_s,
            sample.cores,
            sample.resident_bytes >> 20
        );
        let _ = err.flush();
    }

    pub(super) fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

/// When and where the run was made.
pub(super) fn made() -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "stagedoor {}, {} with {cores} cores, at Unix second {now_s}",
        env!("CARGO_PKG_VERSION"),
        model.unwrap_or("an unknown processor")
    )
}

/// Prints the result.
pub(super) fn outcome(outcome: &Outcome, json: bool) -> Done {
    let mut out = std::io::stdout();
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string(outcome)?)?);
    }
    let mut rows = vec![
        ("scenario", outcome.scenario.clone()),
        (outcome.unit, format!("{} in {:.2} s", outcome.count, outcome.wall_s)),
        ("rate", format!("{:.0} per second", outcome.per_s())),
        ("server CPU", format!("{:.3} s per million {}", outcome.cpu_us(), outcome.unit)),
        ("at its limit", format!("{:?}", outcome.bottleneck).to_lowercase()),
        ("generator", format!("busy {:.0} %", outcome.generator_busy * 100.0)),
    ];
    if outcome.server_cpu_s == 0.0 {
        rows[3].1 = "unknown; pass the server's process id with --server-pid".into();
    }
    if let Some(latency) = &outcome.latency {
        let ms = |us: u64| us as f64 / 1_000.0;
        let text = format!(
            "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
            ms(latency.p50_us),
            ms(latency.p90_us),
            ms(latency.p99_us),
            ms(latency.p999_us),
            ms(latency.max_us)
        );
        rows.push(("took", text));
    }
    for (name, value) in &outcome.figures {
        rows.push((name, format!("{value:.2}")));
    }
    let faults =
        if outcome.faults.none() { "none".into() } else { format!("{:?}", outcome.faults) };
    rows.push(("faults", faults));
    for (name, text) in rows {
        writeln!(out, "{name:<20} {text}")?;
    }
    Ok(())
}
