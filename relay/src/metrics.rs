//! What the relay counts, and how Prometheus reads it. Last room of the relay. Counting is one relaxed
//! addition; nothing here decides.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A number that only grows.
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
        counters { $($(#[doc = $doc:literal])* $name:ident;)* }
        labelled { $($(#[doc = $ldoc:literal])* $lname:ident by $label:literal;)* }
    ) => {
        /// Every counter of the relay.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[doc = $doc])* pub(crate) $name: Counter,)*
            $($(#[doc = $ldoc])* pub(crate) $lname: Labelled,)*
        }

        impl Metrics {
            /// All of it in Prometheus' text format.
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
                out
            }
        }
    };
}

metrics! {
    counters {
        /// Connections accepted.
        connections;
        /// Seats taken.
        seats;
        /// Data frames taken from publishers.
        frames_in;
        /// Payload bytes of data frames taken from publishers.
        frame_bytes_in;
        /// Data frames and room events handed to connections.
        frames_out;
        /// Bytes written to connections.
        bytes_out;
        /// Writes made to connections.
        writes;
        /// Data frames that subscribers lost by falling behind; each was told.
        frames_lost;
        /// Times that a subscriber jumped ahead.
        jumps;
        /// Data frames dropped because the relay had ended their stream.
        frames_dropped;
        /// Messages taken.
        messages;
    }
    labelled {
        /// Logins refused, by exact code.
        logins_refused by "code";
        /// Requests refused, by code.
        requests_refused by "code";
        /// Connections closed by the relay, by reason.
        closes by "reason";
        /// Requests taken, by operation.
        requests by "op";
        /// Handshakes refused with an HTTP answer, by code.
        handshakes_refused by "code";
    }
}
