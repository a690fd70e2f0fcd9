//! Fan-out: what the server spends on one delivery, against the floor in the same run.

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use stagedoor::{Config, assemble};
use stagedoor_benches::{
    floor,
    load::{Shape, fan_out},
    server::{Server, Told},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

/// CPU of the server for one delivery, Stagedoor against a bare coalescing epoll writer, interleaved.
#[derive(Debug, Parser)]
struct Arguments {
    /// Subscribers.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Bytes of a payload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Frames in flight.
    #[arg(long, default_value_t = 64)]
    window: u64,
    /// Rounds; the medians are told.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Exit with 1 when Stagedoor spends more than twice the floor.
    #[arg(long)]
    check: bool,
    /// Be a server: `floor` or `stagedoor`.
    #[arg(long, hide = true)]
    role: Option<String>,
}

/// The budget: CPU for one delivery, in multiples of the floor's.
const RATIO_MAX: f64 = 2.0;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.role.as_deref() {
        Some("floor") => floor::run(|address| tell(&Told { address, tokens: Vec::new() })),
        Some(_) => serve(arguments.subscribers),
        None => compare(&arguments),
    }
}

fn tell(told: &Told) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(told)?)?;
    Ok(out.flush()?)
}

/// Stagedoor as it ships, on one worker thread.
fn serve(subscribers: usize) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let data = tempfile::tempdir()?;
        let mut config = Config::default();
        config.listen.address = "127.0.0.1:0".into();
        config.listen.operations = "127.0.0.1:0".into();
        config.server.data_dir = data.path().to_owned();
        config.relay.limits.connections_per_address_max = 100_000;
        let running = assemble(&config).await?;
        let app = running.server.create_app("bench").await?;
        let secret = stagedoor_benches::server::decode_secret(&app.key.secret)?;
        let key = Key::hs256(AppId(app.app), &app.key.kid, &secret, KeyState::Current)?;
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let token = |user: &str, role: &str| -> Result<String> {
            let claims =
                Claims::new(AppId(app.app), "bench", user, role.parse()?, user, now_s, 3_600);
            Ok(mint(&claims, &key)?)
        };
        let mut tokens = vec![token("host", "host")?];
        for at in 0..subscribers {
            tokens.push(token(&format!("u{at}"), "audience")?);
        }
        tell(&Told { address: running.http, tokens })?;
        std::future::pending().await
    })
}

/// The generator keeps off the server's core where that can be had.
fn pin_to_the_other_core() {
    let pid = std::process::id().to_string();
    // Without `taskset` the system places it.
    let _ = std::process::Command::new("taskset")
        .args(["-cp", "1", &pid])
        .stdout(std::process::Stdio::null())
        .status();
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(arguments: &Arguments) -> Result<()> {
    let Arguments { subscribers, payload, window, rounds, seconds, .. } = *arguments;
    let shape = Shape { subscribers, payload_bytes: payload.max(8), window: window.max(1) };
    let count = subscribers.to_string();
    pin_to_the_other_core();
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    let mut out = std::io::stdout();
    writeln!(
        out,
        "1 publisher, {subscribers} subscribers, {payload} B, {window} in flight; CPU us of the server a delivery"
    )?;
    for round in 1..=rounds.max(1) {
        for (role, values) in [("floor", &mut floor), ("stagedoor", &mut ours)] {
            let server = Server::start(&["--role", role, "--subscribers", &count])?;
            let outcome = fan_out(&server, shape, Duration::from_secs(seconds))
                .with_context(|| role.to_owned())?;
            let rate = outcome.deliveries as f64 / outcome.wall_s / 1e6;
            writeln!(out, "round {round} {role:>9}: {:.3} us, {rate:.2} M/s", outcome.cpu_us())?;
            values.push(outcome.cpu_us());
        }
    }
    let (floor, ours) = (median(&mut floor), median(&mut ours));
    let ratio = ours / floor;
    writeln!(
        out,
        "median: floor {floor:.3} us, stagedoor {ours:.3} us, ratio {ratio:.2} (budget {RATIO_MAX})"
    )?;
    ensure!(
        !arguments.check || ratio <= RATIO_MAX,
        "the ratio {ratio:.2} is over its budget {RATIO_MAX}"
    );
    Ok(())
}
