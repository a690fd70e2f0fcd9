//! `bench`: the load tester, for a running server or one that it starts itself.

mod own;
mod show;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use stagedoor_load::{
    Dialect, LoadError, Minter, Outcome, Process, Target,
    scenario::{Churn, FanOut, Idle, JoinStorm, OpenLoop, Rooms, Scenario, SlowLine, SlowReaders},
};
use stagedoor_token::AppId;

use self::own::Own;
use super::{
    failure::{Done, Failure, usage},
    time::{Span, TimeError},
    token::key_of,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  stagedoor bench fanout\n  stagedoor bench latency --rate 200 --subscribers 100 --report report.html\n  \
                        STAGEDOOR_SECRET=… stagedoor bench join-storm --url ws://127.0.0.1:7880/v1/connect --app 7 --kid k_1\n\n\
                        Exit code 1 if a frame was lost, reordered or misdelivered: such a run does not count."
)]
pub(super) struct Bench {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    scenario: Named,
}

/// The server to test.
#[derive(Debug, Args)]
struct At {
    /// A running server, as `ws://host:port/v1/connect`; by default, one is started for the run.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The AppID; needed with --url.
    #[arg(long, global = true)]
    app: Option<AppId>,
    /// The key id; needed with --url.
    #[arg(long, global = true)]
    kid: Option<String>,
    /// The file with the key's secret, in base64url or as `sdsec_…`, `-` for standard input; by default STAGEDOOR_SECRET.
    #[arg(long, global = true, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The process id of the running server on this machine, to measure its CPU time and memory.
    #[arg(long, global = true, value_name = "PID")]
    server_pid: Option<u32>,
    /// Worker threads of the server that is started, or cores of the one that runs.
    #[arg(long, global = true, default_value_t = 1)]
    workers: u32,
    /// How long the server may be silent before the run fails; at most 10m.
    #[arg(long, global = true, value_name = "DURATION", default_value = "20s", value_parser = patience)]
    patience: Span,
    /// Write a report with charts to this file.
    #[arg(long, global = true, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Named {
    /// One publisher and many subscribers, with frames always in flight.
    #[command(name = "fanout")]
    FanOut {
        /// Number of subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        #[command(flatten)]
        frames: Frames,
        #[command(flatten)]
        time: Time,
    },
    /// Many small rooms in which all members publish.
    Rooms {
        /// Number of rooms.
        #[arg(long, default_value_t = 50)]
        rooms: usize,
        /// Members of each room.
        #[arg(long, default_value_t = 4)]
        members: usize,
        /// Payload size in bytes.
        #[arg(long, default_value_t = 128)]
        payload: usize,
        /// Frames in flight per publisher.
        #[arg(long, default_value_t = 1)]
        window: u64,
        #[command(flatten)]
        time: Time,
    },
    /// Publish at a fixed rate and measure how long deliveries take.
    Latency {
        /// Number of subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        /// Frames per second.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// Payload size in bytes.
        #[arg(long, default_value_t = 64)]
        payload: usize,
        /// Instead, one subscriber reads a picture of 1,500 kbit/s and a sound over a line of this many kbit/s.
        #[arg(long, value_name = "KBITS", conflicts_with_all = ["subscribers", "rate", "payload"])]
        link: Option<u32>,
        #[command(flatten)]
        time: Time,
    },
    /// Connect, log in with a real token, get a seat, close; as fast as possible.
    JoinStorm {
        /// Logins in progress at once.
        #[arg(long, default_value_t = 16)]
        at_once: usize,
        /// Rooms to spread them over.
        #[arg(long, default_value_t = 100)]
        rooms: usize,
        #[command(flatten)]
        time: Time,
    },
    /// Let some members read very slowly; measure the cost to the others, and what the slow ones receive.
    SlowReaders {
        /// Number of subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        /// Percentage that become slow.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..100))]
        slow_percent: u8,
        /// Bytes per second that a slow one reads.
        #[arg(long, default_value_t = 2_000)]
        trickle: usize,
        /// Close slow members instead of dropping frames for them.
        #[arg(long)]
        reliable: bool,
        /// Payload size in bytes.
        #[arg(long, default_value_t = 1_024)]
        payload: usize,
        /// Frames in flight.
        #[arg(long, default_value_t = 64)]
        window: u64,
        #[command(flatten)]
        time: Time,
    },
    /// Let members join, renew their tokens and leave in a room with others.
    Churn {
        /// Members that stay.
        #[arg(long, default_value_t = 100)]
        members: usize,
        /// Members that join and leave at once.
        #[arg(long, default_value_t = 16)]
        at_once: usize,
        #[command(flatten)]
        time: Time,
    },
    /// Members that do nothing; measure the memory that each takes.
    Idle {
        /// Number of connections.
        #[arg(long, default_value_t = 1_000)]
        connections: usize,
    },
}

#[derive(Debug, Args)]
struct Frames {
    /// Payload size in bytes.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Frames in flight.
    #[arg(long, default_value_t = 64)]
    window: u64,
}

#[derive(Debug, Args)]
struct Time {
    /// How long to measure: a duration such as 90s; a bare number is seconds and may have a fraction.
    #[arg(long = "time", alias = "seconds", value_name = "DURATION", default_value = "5s", value_parser = seconds)]
    seconds: f64,
}

/// The longest measurement.
const SECONDS_MAX: f64 = 3_600.0;

/// Seconds, or a duration.
fn seconds(text: &str) -> Result<f64, TimeError> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => text.parse().map(|span: Span| span.get().as_secs_f64()),
    }
}

/// The longest timeout.
const PATIENCE_S_MAX: u64 = 600;

fn patience(text: &str) -> anyhow::Result<Span> {
    let span: Span = text.parse()?;
    anyhow::ensure!((1..=PATIENCE_S_MAX).contains(&span.s), "it must be 1s to 10m");
    Ok(span)
}

impl Time {
    fn get(&self) -> Result<Duration, Failure> {
        if self.seconds > 0.0 && self.seconds <= SECONDS_MAX {
            Ok(Duration::from_secs_f64(self.seconds))
        } else {
            Err(usage("--time must be above 0 and at most 1h"))
        }
    }
}

impl Named {
    fn scenario(&self) -> Result<Scenario, Failure> {
        Ok(match *self {
            Self::FanOut { subscribers, frames: Frames { payload, window }, ref time } => {
                let time = time.get()?;
                Scenario::FanOut(FanOut { subscribers, payload_bytes: payload, window, time })
            }
            Self::Rooms { rooms, members, payload, window, ref time } => {
                let time = time.get()?;
                Scenario::Rooms(Rooms { rooms, members, payload_bytes: payload, window, time })
            }
            Self::Latency { link: Some(kbits), ref time, .. } => {
                Scenario::SlowLine(SlowLine { kbits, time: time.get()? })
            }
            Self::Latency { subscribers, rate, payload, link: None, ref time } => {
                let time = time.get()?;
                let options = OpenLoop { subscribers, per_s: rate, payload_bytes: payload, time };
                Scenario::OpenLoop(options)
            }
            Self::JoinStorm { at_once, rooms, ref time } => {
                Scenario::JoinStorm(JoinStorm { at_once, rooms, time: time.get()? })
            }
            Self::SlowReaders {
                subscribers,
                slow_percent,
                trickle,
                reliable,
                payload,
                window,
                ref time,
            } => Scenario::SlowReaders(SlowReaders {
                subscribers,
                slow: subscribers.saturating_mul(usize::from(slow_percent)) / 100,
                trickle_bytes_per_s: trickle,
                payload_bytes: payload,
                window,
                reliable,
                time: time.get()?,
            }),
            Self::Churn { members, at_once, ref time } => {
                Scenario::Churn(Churn { members, at_once, time: time.get()? })
            }
            Self::Idle { connections } => Scenario::Idle(Idle { connections }),
        })
    }
}

/// The address in a relay's URL.
fn address(url: &str) -> Result<SocketAddr, Failure> {
    let rest = url.strip_prefix("ws://").ok_or_else(|| {
        usage(
            "--url must begin with ws://; to test wss, put a TLS proxy in front of the load tester",
        )
    })?;
    let host = rest.split('/').next().unwrap_or_default();
    let found = host.to_socket_addrs().with_context(|| host.to_owned());
    found
        .map_err(Failure::Unreachable)?
        .next()
        .ok_or_else(|| Failure::Unreachable(anyhow::anyhow!("{host} has no address")))
}

fn running(at: &At, url: &str) -> Result<Target, Failure> {
    let (Some(app), Some(kid)) = (at.app, &at.kid) else {
        return Err(usage("--url needs --app and --kid"));
    };
    let address = address(url)?;
    let key = key_of(app, kid, at.secret_file.as_ref())?;
    Ok(Target {
        address,
        dialect: Dialect::Stagedoor(Minter::new(key)),
        process: at.server_pid.map(Process),
        cores: at.workers,
        patience: at.patience.get(),
    })
}

/// How long a run that a signal interrupted may take to end.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

fn is_interrupted(error: &LoadError) -> bool {
    matches!(error, LoadError::Connect { error, .. } | LoadError::Io { error }
        if error.kind() == std::io::ErrorKind::Interrupted)
}

/// Runs a scenario.
pub(super) fn run(bench: &Bench, json: bool) -> Done {
    let scenario = bench.scenario.scenario()?;
    let (target, own) = match &bench.at.url {
        Some(url) => (running(&bench.at, url)?, None),
        None => {
            let own = Own::start(bench.at.workers)?;
            (own.target(bench.at.patience.get())?, Some(own))
        }
    };
    let mut bar = show::Bar::default();
    let outcome = scenario.run(&target, &mut |progress| bar.show(progress));
    bar.clear();
    if own.is_some() && outcome.as_ref().is_err_and(is_interrupted) {
        // The signal interrupted a system call; the thread that received it ends the process.
        std::thread::park_timeout(SIGNAL_PATIENCE);
    }
    drop(own);
    let outcome = outcome.map_err(failure)?;
    show::outcome(&outcome, json)?;
    if let Some(file) = &bench.at.report {
        let page = stagedoor_load::report::page(std::slice::from_ref(&outcome), &show::made());
        std::fs::write(file, page).with_context(|| file.display().to_string())?;
    }
    judge(&outcome)
}

fn failure(error: LoadError) -> Failure {
    match error {
        LoadError::Option(_) => Failure::Usage(error.into()),
        LoadError::Connect { .. } => Failure::Unreachable(error.into()),
        _ => Failure::Refused(error.into()),
    }
}

fn judge(outcome: &Outcome) -> Done {
    if outcome.faults.none() {
        return Ok(());
    }
    Err(Failure::Refused(anyhow::anyhow!("the run does not count: {:?}", outcome.faults)))
}
