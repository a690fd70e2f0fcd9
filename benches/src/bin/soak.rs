//! A webinar of 200 for ten minutes while the same process is attacked: `cargo xtask soak --attack`. Exits with 1 if
//! the webinar silently lost something, if its p99 is too high, if memory or the audit trail grew too much, or if a
//! service does not answer at the end.

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use stagedoor_benches::soak::{
    attack::{Kind, Known, attack},
    raw::{request, web_socket},
    stage::Stage,
    webinar::{Noticed, Webinar},
};
use tokio::sync::watch;

/// The maximum 99th percentile of a delivery's latency, in milliseconds.
const P99_MS_MAX: f64 = 100.0;
/// Maximum ratio of resident memory after the attack to before.
const MEMORY_RATIO_MAX: f64 = 1.10;
/// The maximum growth of the data folder, in bytes.
const TRAIL_BYTES_MAX: u64 = 10_000_000;
/// How long the webinar runs alone before memory is measured, and how long the remains of the attack may take to go.
const SETTLE: Duration = Duration::from_secs(15);

/// A webinar, optionally with an attack on the same process.
#[derive(Parser)]
struct Arguments {
    /// Attack it; without this, the webinar runs alone for comparison.
    #[arg(long)]
    attack: bool,
    /// Only this kind of attack, to find out what each costs.
    #[arg(long, requires = "attack")]
    only: Option<Kind>,
    /// Duration in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The audience.
    #[arg(long, default_value_t = 200)]
    audience: usize,
    /// The program to test; by default the one built beside this.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// A line of the result.
struct Line {
    what: &'static str,
    measured: String,
    good: bool,
}

fn line(what: &'static str, measured: String, good: bool) -> Line {
    Line { what, measured, good }
}

/// Attacks from its own thread, so that the attackers' work does not delay the measurement.
fn attack_beside(
    known: Known,
    only: Option<Kind>,
    stop: watch::Receiver<bool>,
) -> std::thread::JoinHandle<Result<u64>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(attack(Arc::new(known), only, stop)).count())
    })
}

fn judge(noticed: &Noticed, before: u64, after: u64, grown: u64) -> Vec<Line> {
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
    let (untold, early) = (count(&noticed.lost_untold), count(&noticed.ended_early));
    let p99_ms = noticed.late_ms(0.99);
    let ratio = after as f64 / before as f64;
    vec![
        line("frames delivered", count(&noticed.frames).to_string(), count(&noticed.frames) > 0),
        line("frames lost and reported", count(&noticed.lost_told).to_string(), true),
        line("frames lost silently", untold.to_string(), untold == 0),
        line("seats that ended early", early.to_string(), early == 0),
        line("p50 of a delivery, ms", format!("{:.1}", noticed.late_ms(0.5)), true),
        line("p99 of a delivery, ms", format!("{p99_ms:.1}"), p99_ms < P99_MS_MAX),
        line(
            "resident memory, MB before and after",
            format!("{:.1} {:.1}, {ratio:.2}", before as f64 / 1e6, after as f64 / 1e6),
            ratio <= MEMORY_RATIO_MAX,
        ),
        line("data folder grew by, bytes", grown.to_string(), grown < TRAIL_BYTES_MAX),
    ]
}

/// Whether every service of the process answers.
async fn doors(stage: &Stage) -> Vec<Line> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n");
    let body = r#"{"room":"side","user":"last","role":"audience"}"#;
    let mint = format!(
        "POST /v1/apps/{}/tokens HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        stage.app.0,
        stage.api_key,
        body.len()
    );
    let mut lines = Vec::new();
    for (what, to, text, status) in [
        ("the front page answers", stage.address, get("/"), 200),
        ("the API mints", stage.address, mint, 201),
        ("/healthz answers", stage.operations, get("/healthz"), 200),
        ("/readyz answers", stage.operations, get("/readyz"), 200),
        ("/metrics answers", stage.operations, get("/metrics"), 200),
    ] {
        let answered = request(to, 1, text.as_bytes()).await;
        let good = answered.as_ref().is_ok_and(|answer| *answer == status);
        lines.push(line(what, format!("{answered:?}"), good));
    }
    let role = "host".parse().map_err(anyhow::Error::from);
    let token = role.and_then(|role| Ok(stage.minter.mint("side", "last", &role)?));
    let seated = match &token {
        Ok(token) => web_socket(stage.address, 1, Some(token)).await.is_ok(),
        Err(_) => false,
    };
    lines.push(line("a member gets its seat", seated.to_string(), seated));
    lines
}

async fn soak(arguments: &Arguments) -> Result<Vec<Line>> {
    let beside = std::env::current_exe()?.with_file_name("stagedoor");
    let mut stage = Stage::start(arguments.program.as_ref().unwrap_or(&beside))?;
    let webinar = Webinar::begin(stage.address, &stage.minter, arguments.audience).await?;
    tokio::time::sleep(SETTLE).await;
    let (memory, data) = (stage.resident_bytes()?, stage.data_bytes()?);
    let (stop, stopped) = watch::channel(false);
    let attacking = arguments.attack.then(|| {
        let known = Known {
            address: stage.address,
            app: stage.app,
            api_key: stage.api_key.clone(),
            minter: stage.minter.clone(),
        };
        attack_beside(known, arguments.only, stopped)
    });
    tokio::time::sleep(Duration::from_secs(arguments.seconds)).await;
    // Without an attack nobody listens.
    let _ = stop.send(true);
    let tries = match attacking {
        Some(attacking) => attacking.join().ok().context("the attackers")??,
        None => 0,
    };
    tokio::time::sleep(SETTLE).await;
    let after = stage.resident_bytes()?;
    let noticed = webinar.end().await?;
    let grown = stage.data_bytes()?.saturating_sub(data);
    let mut lines = vec![line("attempts of the attackers", tries.to_string(), true)];
    lines.extend(judge(&noticed, memory, after, grown));
    lines.extend(doors(&stage).await);
    let stopped = stage.stop();
    lines.push(line("SIGTERM ends it with 0", format!("{stopped:?}"), stopped.is_ok()));
    Ok(lines)
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(soak(&arguments))?;
    let mut out = std::io::stdout();
    for Line { what, measured, good } in &lines {
        writeln!(out, "{} {what:<40} {measured}", if *good { "ok    " } else { "MISSED" })?;
    }
    let good = lines.iter().all(|line| line.good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
