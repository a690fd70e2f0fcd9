//! The log, on standard error. What strangers are refused is logged line by line, and bounded: a minute has
//! so many lines of it at most, and the further ones are counted.

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

/// The name of an event that says a refusal, whichever crate it is of.
const REFUSED: &str = "refused";
/// A minute.
const MINUTE: Duration = Duration::from_secs(60);

/// Begins to log, until what is returned ends.
pub(crate) fn begin(log: &Log) -> Refusals {
    let refusals = Refusals(Arc::new(Lines::new(log.refusals_per_min)));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // A log that cannot be written is no reason to panic, which telling so on the same file would.
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

/// The bound of what is logged of refusals. Dropped, it says what was not logged of them.
pub(crate) struct Refusals(Arc<Lines>);

impl Refusals {
    /// Lets further lines through every minute.
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
                "refusals not logged; the audit trail has those that it may have"
            );
        }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        self.next();
    }
}

/// The lines of a minute.
#[derive(Debug)]
struct Lines {
    max: u64,
    left: AtomicU64,
    /// Refusals that had no line.
    missed: AtomicU64,
}

impl Lines {
    fn new(max: u64) -> Self {
        Self { max, left: AtomicU64::new(max), missed: AtomicU64::new(0) }
    }

    /// Whether there is a line left, which is taken; else it is counted.
    fn take(&self) -> bool {
        let relaxed = Ordering::Relaxed;
        let taken = self.left.fetch_update(relaxed, relaxed, |left| left.checked_sub(1)).is_ok();
        if !taken {
            self.missed.fetch_add(1, relaxed);
        }
        taken
    }

    /// Begins the next minute; how many had no line in the last.
    fn next(&self) -> u64 {
        self.left.store(self.max, Ordering::Relaxed);
        self.missed.swap(0, Ordering::Relaxed)
    }
}

/// Lets refusals through as long as there are lines left for them, and everything else.
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
    fn a_minute_has_so_many_lines_and_counts_the_rest() {
        let lines = Lines::new(2);
        assert_eq!([(); 5].map(|()| lines.take()), [true, true, false, false, false]);
        assert_eq!(lines.next(), 3);
        assert!(lines.take());
        assert_eq!(lines.next(), 0);
        let silent = Lines::new(0);
        assert_eq!((silent.take(), silent.next()), (false, 1));
    }
}
