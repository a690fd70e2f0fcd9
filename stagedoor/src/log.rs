//! The log, on standard error. Lines about refusals, which strangers cause, are bounded per minute; further ones are
//! counted.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::{Event, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    layer::{Context, Filter, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// The name of events about refusals, in all crates.
const REFUSED: &str = "refused";
/// A minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Logs until the returned value is dropped.
pub(crate) fn begin(log: &Log) -> Refusals {
    let refusals = Refusals(Arc::new(Lines::new(log.refusals_per_min)));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that cannot be written is no reason to panic, which reporting it to the same file would do.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let lines: Box<dyn Layer<_> + Send + Sync> = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let level = Registry::default().with(EnvFilter::new(&log.level));
    level.with(lines.with_filter(Bounded(refusals.0.clone()))).init();
    refusals
}

/// The bound on lines about refusals. When dropped, it logs how many were left out.
pub(crate) struct Refusals(Arc<Lines>);

impl Refusals {
    /// Allows further lines every minute.
    pub(crate) async fn refill(&self) {
        loop {
            tokio::time::sleep(MINUTE).await;
            self.next();
        }
    }

    fn next(&self) {
        let count = self.0.next();
        if count > 0 {
            tracing::info!(
                count,
                "some refusals were not logged; see the audit trail for those that it records"
            );
        }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        self.next();
    }
}

/// The lines left in this minute.
#[derive(Debug)]
struct Lines {
    max: u64,
    left: AtomicU64,
    /// Refusals without a line.
    missed: AtomicU64,
}

impl Lines {
    fn new(max: u64) -> Self {
        Self { max, left: AtomicU64::new(max), missed: AtomicU64::new(0) }
    }

    /// Whether a line is left, which this uses; otherwise the refusal is counted.
    fn take(&self) -> bool {
        let relaxed = Ordering::Relaxed;
        let taken = self.left.fetch_update(relaxed, relaxed, |left| left.checked_sub(1)).is_ok();
        if !taken {
            self.missed.fetch_add(1, relaxed);
        }
        taken
    }

    /// Begins the next minute; returns how many refusals had no line in the last.
    fn next(&self) -> u64 {
        self.left.store(self.max, Ordering::Relaxed);
        self.missed.swap(0, Ordering::Relaxed)
    }
}

/// Passes refusals while lines are left, and everything else.
struct Bounded(Arc<Lines>);

impl<S> Filter<S> for Bounded {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        event.metadata().name() != REFUSED || self.0.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_per_minute_are_bounded_and_the_rest_counted() {
        let lines = Lines::new(2);
        assert_eq!([(); 5].map(|()| lines.take()), [true, true, false, false, false]);
        assert_eq!(lines.next(), 3);
        assert!(lines.take());
        assert_eq!(lines.next(), 0);
        let silent = Lines::new(0);
        assert_eq!((silent.take(), silent.next()), (false, 1));
    }
}
