//! Holds the webinar and prints what came of it.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use stagedoor_webinar::{Size, run};

/// A host publishes a real clip to an audience; intruders are refused; everything is compared.
#[derive(Debug, Parser)]
struct Arguments {
    /// Audience members.
    #[arg(long, default_value_t = 200)]
    audience: usize,
    /// How long the clip is, in seconds.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Hold it again and again, for a soak.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let size = Size {
        audience: arguments.audience.max(2),
        late: arguments.audience / 10,
        seconds: arguments.seconds,
    };
    let mut good = true;
    let mut out = std::io::stdout();
    for _ in 0..arguments.times {
        let report = run(size).await?;
        good &= report.is_good();
        if arguments.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
        } else {
            write!(out, "{report}")?;
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
