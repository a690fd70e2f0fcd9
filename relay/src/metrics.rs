//! The relay's counters, in Prometheus format. Counting is one addition, and influences nothing.

mod delays;

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use self::delays::Delays;

/// A counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The sum.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Threads with a slot of their own.
const LANES: usize = 32;

static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// No two threads have the same.
    static LANE: usize = NEXT_LANE.fetch_add(1, Ordering::Relaxed);
}

/// A counter that grows in each turn of each connection: every thread adds to its own slot, so that threads never
/// contend.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    lanes: [Lane; LANES],
    /// Shared by the threads beyond those.
    others: Counter,
}

/// Alone in its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Lane(AtomicU64);

impl Busy {
    /// Adds.
    pub(crate) fn add(&self, n: u64) {
        match self.lanes.get(LANE.with(|lane| *lane)) {
            Some(Lane(own)) => own.store(own.load(Ordering::Relaxed) + n, Ordering::Relaxed),
            None => self.others.add(n),
        }
    }

    /// The sum.
    pub(crate) fn get(&self) -> u64 {
        let lanes = self.lanes.iter().map(|Lane(own)| own.load(Ordering::Relaxed));
        lanes.sum::<u64>() + self.others.get()
    }
}

/// Counters by a label that comes from a closed set.
#[derive(Debug, Default)]
pub(crate) struct Labelled(Mutex<BTreeMap<&'static str, u64>>);

impl Labelled {
    /// Adds one.
    pub(crate) fn one(&self, label: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(label).or_default() += 1;
    }

    fn render(&self, out: &mut String, name: &str, label: &str) {
        for (value, count) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {count}");
        }
    }
}

macro_rules! metrics {
    (
        counters { $($(#[doc = $doc:literal])* $name:ident: $counter:ty;)* }
        labelled { $($(#[doc = $ldoc:literal])* $lname:ident by $label:literal;)* }
        delays { $($(#[doc = $ddoc:literal])* $dname:ident;)* }
    ) => {
        /// Every counter of the relay.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[doc = $doc])* pub(crate) $name: $counter,)*
            $($(#[doc = $ldoc])* pub(crate) $lname: Labelled,)*
            $($(#[doc = $ddoc])* pub(crate) $dname: Delays,)*
        }

        impl Metrics {
            /// All counters in the Prometheus text format.
            pub(crate) fn render(&self) -> String {
                let mut out = String::new();
                $(
                    let name = concat!("stagedoor_relay_", stringify!($name), "_total");
                    let _ = writeln!(out, "# HELP {name}{}\n# TYPE {name} counter\n{name} {}", concat!($($doc),*), self.$name.get());
                )*
                $(
                    let name = concat!("stagedoor_relay_", stringify!($lname), "_total");
                    let _ = writeln!(out, "# HELP {name}{}\n# TYPE {name} counter", concat!($($ldoc),*));
                    self.$lname.render(&mut out, name, $label);
                )*
                $(
                    let name = concat!("stagedoor_relay_", stringify!($dname), "_seconds");
                    let _ = writeln!(out, "# HELP {name}{}\n# TYPE {name} histogram", concat!($($ddoc),*));
                    self.$dname.render(&mut out, name);
                )*
                out
            }
        }
    };
}

metrics! {
    counters {
        /// Connections accepted.
        connections: Counter;
        /// Upgrades on connections that had served other requests before.
        upgrades_later: Counter;
        /// Seats taken.
        seats: Counter;
        /// Data frames received from publishers.
        frames_in: Counter;
        /// Payload bytes of data frames received from publishers.
        frame_bytes_in: Counter;
        /// Data frames and room events handed to connections.
        frames_out: Busy;
        /// Bytes written to connections.
        bytes_out: Busy;
        /// Writes made to connections.
        writes: Busy;
        /// Data frames that slow subscribers missed and were notified of.
        frames_lost: Counter;
        /// Times that a subscriber skipped ahead.
        jumps: Counter;
        /// Times that a subscriber skipped ahead because its next frame came too long ago.
        jumps_by_time: Counter;
        /// Wishes of readers for a keyframe passed on to the publisher.
        keyframe_wishes: Counter;
        /// Wishes of readers for a keyframe held back because another was passed on just before.
        keyframe_wishes_held: Counter;
        /// Data frames dropped because the relay had ended their stream.
        frames_dropped: Counter;
        /// Messages received.
        messages: Counter;
        /// Tokens of logins and renewals that the door checked, which costs a signature each.
        tokens_checked: Counter;
        /// Times that the wall clock jumped.
        clock_jumps: Counter;
    }
    labelled {
        /// Logins refused, by exact code.
        logins_refused by "code";
        /// Renewals refused, by exact code.
        renewals_refused by "code";
        /// Requests refused, by code.
        requests_refused by "code";
        /// Connections closed by the relay, by reason.
        closes by "reason";
        /// Requests handled, by operation.
        requests by "op";
        /// Handshakes refused with an HTTP answer, by code.
        handshakes_refused by "code";
    }
    delays {
        /// How long ago a data frame came when it was written to a subscriber, by delivery: a sample of one read in 64.
        frame_delay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_adds_up() {
        let busy = Busy::default();
        for _ in 0..4 {
            std::thread::scope(|scope| {
                for _ in 0..LANES {
                    scope.spawn(|| (0..100).for_each(|n| busy.add(n)));
                }
            });
        }
        assert_eq!(busy.get(), 4 * LANES as u64 * 4_950);
    }
}
