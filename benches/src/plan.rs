//! What is measured, and the figures to reach.

use std::time::Duration;

use stagedoor_load::scenario::{FanOut, Idle, JoinStorm, OpenLoop, Rooms, Scenario, SlowReaders};

use crate::{
    curve::{Curve, DELIVERY, JOIN, LEAVE},
    peers::Kind,
};

/// A scenario of this duration.
pub type ForTime = fn(Duration) -> Scenario;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A scenario, for this long.
    Scenario(ForTime),
    /// Few of something, then more and more.
    Curve(Curve),
}

/// The most that a curve's last size may cost, as a multiple of its first.
pub const CURVE_TIMES_MAX: f64 = 1.5;

/// A scenario, its servers and its goals.
#[derive(Debug)]
pub struct Plan {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// The servers, in the order of their turns.
    pub servers: &'static [Kind],
    /// The reported measures; the first is in the chart.
    pub measures: &'static [Measure],
    /// The figures to reach.
    pub goals: Vec<Goal>,
    /// What is done.
    pub what: What,
    /// Seconds of each measurement.
    pub seconds: f64,
    /// The maximum number of rounds, if rounds hardly differ.
    pub rounds_max: usize,
    /// Whether the server may use both cores, of which the generator keeps one busy.
    pub both_cores: bool,
}

/// A reported measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name in the results.
    pub name: &'static str,
    /// The heading of its column.
    pub title: &'static str,
}

/// A figure to reach.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The measure.
    pub measure: Measure,
    /// The server.
    pub server: Kind,
    /// The server whose figure is the unit; `None`: the figure itself.
    pub to: Option<Kind>,
    /// The bound.
    pub bound: Bound,
}

/// A bound.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// At most.
    AtMost(f64),
    /// At least.
    AtLeast(f64),
}

/// CPU time of the server.
pub const CPU: Measure = Measure { name: "cpu_us", title: "CPU s per million" };
/// The rate per second.
pub const RATE: Measure = Measure { name: "per_s", title: "a second" };
const P50: Measure = Measure { name: "p50_us", title: "p50 µs" };
const P99: Measure = Measure { name: "p99_us", title: "p99 µs" };
const MEMORY: Measure = Measure { name: "bytes_per_connection", title: "bytes each" };
const AFTER: Measure = Measure { name: "after_to_before", title: "memory after to before" };
const KEPT: Measure = Measure { name: "kept_of_rate", title: "kept of the rate without them" };
const TOLD: Measure = Measure { name: "slow_told_share", title: "slow ones notified" };
const GROWN: Measure = Measure { name: "memory_grown_bytes", title: "memory grown, bytes" };

const RECORDS: Measure =
    Measure { name: "records_per_delivery", title: "TLS records per delivery" };
/// The cost of joining, leaving, and of a frame.
const VISIT: &[Measure] = &[
    Measure { name: JOIN, title: "join, CPU µs" },
    Measure { name: LEAVE, title: "leave, CPU µs" },
    Measure { name: DELIVERY, title: "delivery, CPU µs" },
];
const SUBSCRIPTION: &[Measure] = &[
    Measure { name: JOIN, title: "subscribe, CPU µs" },
    Measure { name: LEAVE, title: "unsubscribe, CPU µs" },
    Measure { name: DELIVERY, title: "delivery, CPU µs" },
];

use Kind::{Broadcast, Bun, Floor, FloorOneByOne, Nats, Stagedoor, StagedoorTls, StagedoorTwo};

const ALL: &[Kind] = &[Floor, Stagedoor, Bun, Nats, Broadcast, FloorOneByOne];

fn goal(measure: Measure, to: Option<Kind>, bound: Bound) -> Goal {
    Goal { measure, server: Stagedoor, to, bound }
}

/// CPU time in multiples of the coalescing floor's and of Bun's.
fn cpu_goals(floor: f64, bun: f64) -> Vec<Goal> {
    vec![goal(CPU, Some(Floor), Bound::AtMost(floor)), goal(CPU, Some(Bun), Bound::AtMost(bun))]
}

fn cpu(name: &'static str, title: &'static str, [floor, bun]: [f64; 2], scenario: ForTime) -> Plan {
    Plan {
        name,
        title,
        servers: ALL,
        measures: &[CPU, RATE],
        goals: cpu_goals(floor, bun),
        what: What::Scenario(scenario),
        seconds: 2.0,
        rounds_max: usize::MAX,
        both_cores: false,
    }
}

fn fan_out(subscribers: usize, payload_bytes: usize, window: u64, time: Duration) -> Scenario {
    Scenario::FanOut(FanOut { subscribers, payload_bytes, window, time })
}

fn rooms_of(rooms: usize, time: Duration) -> Scenario {
    Scenario::Rooms(Rooms { rooms, members: 4, payload_bytes: 128, window: 1, time })
}

fn rooms(time: Duration) -> Scenario {
    rooms_of(500, time)
}

fn latency(name: &'static str, title: &'static str, scenario: ForTime) -> Plan {
    Plan {
        measures: &[P50, P99, CPU],
        goals: vec![
            goal(P50, Some(Floor), Bound::AtMost(1.15)),
            goal(P99, Some(Bun), Bound::AtMost(1.0)),
        ],
        seconds: 4.0,
        ..cpu(name, title, [0.0; 2], scenario)
    }
}

fn workers(name: &'static str, title: &'static str, scenario: ForTime) -> Plan {
    let server = StagedoorTwo;
    let bound = Bound::AtMost(1.15);
    Plan {
        servers: &[Stagedoor, StagedoorTwo],
        goals: vec![Goal { measure: CPU, server, to: Some(Stagedoor), bound }],
        both_cores: true,
        ..cpu(name, title, [0.0; 2], scenario)
    }
}

/// All of them.
pub fn plans() -> Vec<Plan> {
    let mut plans = of_processor_time();
    plans.extend([
        latency("latency-100", "200 a second to 100", |time| {
            Scenario::OpenLoop(OpenLoop { subscribers: 100, per_s: 200.0, payload_bytes: 64, time })
        }),
        latency("latency-1000", "20 a second to 1,000", |time| {
            Scenario::OpenLoop(OpenLoop {
                subscribers: 1_000,
                per_s: 20.0,
                payload_bytes: 64,
                time,
            })
        }),
        Plan {
            measures: &[MEMORY, AFTER],
            goals: vec![
                goal(MEMORY, None, Bound::AtMost(4_500.0)),
                goal(AFTER, None, Bound::AtMost(1.2)),
            ],
            rounds_max: 2,
            ..cpu("idle", "10,000 idle members of one room", [0.0; 2], |_| {
                Scenario::Idle(Idle { connections: 10_000 })
            })
        },
        Plan {
            servers: &[Stagedoor],
            measures: &[KEPT, TOLD, GROWN, CPU],
            goals: vec![
                goal(KEPT, None, Bound::AtLeast(0.95)),
                goal(TOLD, None, Bound::AtLeast(1.0)),
            ],
            seconds: 3.0,
            ..cpu("slow-readers", "100 of 1,000 read at a trickle", [0.0; 2], slow_readers)
        },
        workers("workers-one-room", "two workers against one, 1 → 1,000, 64 B", |time| {
            fan_out(1_000, 64, 64, time)
        }),
        Plan {
            servers: &[Stagedoor, StagedoorTls],
            measures: &[CPU, RATE, RECORDS],
            // Coalescing works: records of many frames, not one for each.
            goals: vec![Goal { server: StagedoorTls, ..goal(RECORDS, None, Bound::AtMost(0.25)) }],
            ..cpu("tls", "TLS on, 1 → 100, 64 B, 64 in flight", [0.0; 2], |time| {
                fan_out(100, 64, 64, time)
            })
        },
        workers("workers-rooms", "two workers against one, 500 rooms of 4", rooms),
        // What both workers and the generator touch fits into the caches of the two cores that they share.
        workers("workers-rooms-100", "two workers against one, 100 rooms of 4", |time| {
            rooms_of(100, time)
        }),
    ]);
    plans.extend(Curve::ALL.map(|curve| Plan {
        servers: &[Stagedoor],
        measures: if curve == Curve::Subscriptions { SUBSCRIPTION } else { VISIT },
        goals: Vec::new(),
        what: What::Curve(curve),
        rounds_max: 3,
        ..cpu(curve.name(), curve.title(), [0.0; 2], rooms)
    }));
    plans
}

fn of_processor_time() -> Vec<Plan> {
    vec![
        cpu("fanout-1000", "1 → 1,000, 64 B, 64 in flight", [1.4, 0.75], |time| {
            fan_out(1_000, 64, 64, time)
        }),
        cpu("fanout-100", "1 → 100, 64 B, 64 in flight", [1.5, 0.75], |time| {
            fan_out(100, 64, 64, time)
        }),
        cpu("fanout-1k", "1 → 1,000, 1 KiB, 64 in flight", [1.3, 0.8], |time| {
            fan_out(1_000, 1_024, 64, time)
        }),
        cpu("fanout-16k", "1 → 1,000, 16 KiB, 8 in flight", [1.2, 0.5], |time| {
            fan_out(1_000, 16_384, 8, time)
        }),
        cpu("fanout-one", "1 → 1,000, 64 B, one in flight", [1.2, 1.0], |time| {
            fan_out(1_000, 64, 1, time)
        }),
        cpu("rooms", "500 rooms of 4, 128 B, all publish", [1.3, 1.0], rooms),
        cpu("logins", "connect, log in, join, close", [2.0, 0.9], |time| {
            Scenario::JoinStorm(JoinStorm { at_once: 16, rooms: 100, time })
        }),
    ]
}

fn slow_readers(time: Duration) -> Scenario {
    Scenario::SlowReaders(SlowReaders {
        subscribers: 1_000,
        slow: 100,
        trickle_bytes_per_s: 2_000,
        payload_bytes: 1_024,
        window: 64,
        reliable: false,
        time,
    })
}
