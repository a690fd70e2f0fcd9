//! `bench`: the load tester. Against a running server, or one of its own that it starts for it.

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
    scenario::{Churn, FanOut, Idle, JoinStorm, OpenLoop, Rooms, Scenario, SlowReaders},
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
                        Exit code 1 when a frame was lost, reordered or went astray: such a run does not count."
)]
pub(super) struct Bench {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    scenario: Named,
}

/// Which server.
#[derive(Debug, Args)]
struct At {
    /// A running server, as `ws://host:port/v1/connect`; one is started for the run unless given.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The AppID, with --url.
    #[arg(long, global = true)]
    app: Option<AppId>,
    /// The key id, with --url.
    #[arg(long, global = true)]
    kid: Option<String>,
    /// The file with the key's secret in base64url, `-` for standard input; else STAGEDOOR_SECRET.
    #[arg(long, global = true, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The running server's process on this machine, for its processor time and memory.
    #[arg(long, global = true, value_name = "PID")]
    server_pid: Option<u32>,
    /// Worker threads of the server that is started; cores of the one that runs.
    #[arg(long, global = true, default_value_t = 1)]
    workers: u32,
    /// How long the server may be silent before the run ends with an error; at most 10m.
    #[arg(long, global = true, value_name = "DURATION", default_value = "20s", value_parser = patience)]
    patience: Span,
    /// Write a page with charts.
    #[arg(long, global = true, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Named {
    /// One publisher, many subscribers, frames in flight.
    #[command(name = "fanout")]
    FanOut {
        /// Subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        #[command(flatten)]
        frames: Frames,
        #[command(flatten)]
        time: Time,
    },
    /// Many small rooms in which all members publish.
    Rooms {
        /// Rooms.
        #[arg(long, default_value_t = 50)]
        rooms: usize,
        /// Members of each.
        #[arg(long, default_value_t = 4)]
        members: usize,
        /// Bytes of a payload.
        #[arg(long, default_value_t = 128)]
        payload: usize,
        /// Frames of each publisher in flight.
        #[arg(long, default_value_t = 1)]
        window: u64,
        #[command(flatten)]
        time: Time,
    },
    /// A fixed rate, whatever comes of it: how long deliveries take.
    Latency {
        /// Subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        /// Frames a second.
        #[arg(long, default_value_t = 200.0)]
        rate: f64,
        /// Bytes of a payload.
        #[arg(long, default_value_t = 64)]
        payload: usize,
        #[command(flatten)]
        time: Time,
    },
    /// Connect, log in with a real token, be seated, close; as fast as it goes.
    JoinStorm {
        /// Logins under way at once.
        #[arg(long, default_value_t = 16)]
        at_once: usize,
        /// Rooms that they are spread over.
        #[arg(long, default_value_t = 100)]
        rooms: usize,
        #[command(flatten)]
        time: Time,
    },
    /// Some members read at a trickle: what that costs the others, and what the slow ones are told.
    SlowReaders {
        /// Subscribers.
        #[arg(long, default_value_t = 100)]
        subscribers: usize,
        /// Of a hundred, those that become slow.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..100))]
        slow_percent: u8,
        /// Bytes a second that a slow one reads.
        #[arg(long, default_value_t = 2_000)]
        trickle: usize,
        /// Close slow members instead of letting them lose frames.
        #[arg(long)]
        reliable: bool,
        /// Bytes of a payload.
        #[arg(long, default_value_t = 1_024)]
        payload: usize,
        /// Frames in flight.
        #[arg(long, default_value_t = 64)]
        window: u64,
        #[command(flatten)]
        time: Time,
    },
    /// Members come, renew their tokens and go in a room that others sit in.
    Churn {
        /// Members that stay.
        #[arg(long, default_value_t = 100)]
        members: usize,
        /// Members that come and go at once.
        #[arg(long, default_value_t = 16)]
        at_once: usize,
        #[command(flatten)]
        time: Time,
    },
    /// Members that do nothing: what each costs in memory.
    Idle {
        /// Connections.
        #[arg(long, default_value_t = 1_000)]
        connections: usize,
    },
}

#[derive(Debug, Args)]
struct Frames {
    /// Bytes of a payload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Frames in flight.
    #[arg(long, default_value_t = 64)]
    window: u64,
}

#[derive(Debug, Args)]
struct Time {
    /// How long is measured: a duration such as 90s; a number alone is seconds, also a part of one.
    #[arg(long = "time", alias = "seconds", value_name = "DURATION", default_value = "5s", value_parser = seconds)]
    seconds: f64,
}

/// The longest measurement: no run goes on for ever.
const SECONDS_MAX: f64 = 3_600.0;

/// Seconds, or a duration.
fn seconds(text: &str) -> Result<f64, TimeError> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => text.parse().map(|span: Span| span.get().as_secs_f64()),
    }
}

/// The longest patience.
const PATIENCE_S_MAX: u64 = 600;

fn patience(text: &str) -> anyhow::Result<Span> {
    let span: Span = text.parse()?;
    anyhow::ensure!((1..=PATIENCE_S_MAX).contains(&span.s), "it is 1s to 10m");
    Ok(span)
}

impl Time {
    fn get(&self) -> Result<Duration, Failure> {
        if self.seconds > 0.0 && self.seconds <= SECONDS_MAX {
            Ok(Duration::from_secs_f64(self.seconds))
        } else {
            Err(usage("--time is above 0, and at most 1h"))
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
            Self::Latency { subscribers, rate, payload, ref time } => {
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

/// The address in a URL of the relay.
fn address(url: &str) -> Result<SocketAddr, Failure> {
    let rest = url
        .strip_prefix("ws://")
        .ok_or_else(|| usage("--url begins with ws://; put a proxy before wss for a load test"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let found = host.to_socket_addrs().with_context(|| host.to_owned());
    found
        .map_err(Failure::Unreachable)?
        .next()
        .ok_or_else(|| Failure::Unreachable(anyhow::anyhow!("{host} has no address")))
}

fn running(at: &At, url: &str) -> Result<Target, Failure> {
    let (Some(app), Some(kid)) = (at.app, &at.kid) else {
        return Err(usage("--url goes with --app and --kid"));
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

/// How long a run that a signal broke waits to be ended by it.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

fn is_interrupted(error: &LoadError) -> bool {
    matches!(error, LoadError::Connect { error, .. } | LoadError::Io { error }
        if error.kind() == std::io::ErrorKind::Interrupted)
}

/// Runs one.
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
        // A signal came in the middle of a system call; the thread that heard it ends the process.
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
