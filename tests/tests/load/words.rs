//! `stagedoor bench` as its users run it: the built binary, with small numbers.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stagedoor_tests::binary::binary;

/// Runs it; the exit code, and what it wrote to standard output and error.
fn bench(arguments: &str) -> Result<(i32, String, String)> {
    let mut command = Command::new(binary()?);
    command.arg("bench").args(arguments.split(' ')).stdin(Stdio::null());
    let output = command.current_dir(std::env::temp_dir()).output()?;
    let code = output.status.code().context("it was killed")?;
    Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

/// The result of a run that must count.
fn outcome(arguments: &str) -> Result<Value> {
    let (code, out, err) = bench(&format!("{arguments} --json"))?;
    ensure!(code == 0, "{arguments}: {code} {err}");
    let outcome: Value = serde_json::from_str(&out).with_context(|| out.clone())?;
    let faults = outcome["faults"].as_object().context("faults")?;
    ensure!(faults.len() == 5 && faults.values().all(|count| *count == 0), "{outcome}");
    ensure!(outcome["dialect"] == "stagedoor" && outcome["server_cores"] == 1, "{outcome}");
    ensure!(outcome["server_cpu_s"].as_f64().is_some_and(|cpu_s| cpu_s > 0.0), "{outcome}");
    Ok(outcome)
}

/// A figure that only this scenario reports.
fn figure(outcome: &Value, name: &str) -> Result<f64> {
    let figures = outcome["figures"].as_array().context("figures")?;
    let found = figures.iter().find(|figure| figure[0] == name);
    found.and_then(|figure| figure[1].as_f64()).with_context(|| format!("no {name}: {outcome}"))
}

#[test]
fn each_scenario_of_frames_or_logins_runs_without_a_fault() -> Result<()> {
    for (arguments, scenario, unit) in [
        ("fanout --subscribers 5", "1 to 5, 64 B, 64 in flight", "deliveries"),
        (
            "rooms --rooms 2 --members 3 --window 2",
            "2 rooms of 3, 128 B, all publish, 2 in flight each",
            "deliveries",
        ),
        ("latency --subscribers 5 --rate 100", "100 per second to 5, 64 B", "deliveries"),
        ("join-storm --at-once 2 --rooms 3", "logins, 2 at once into 3 rooms", "logins"),
        (
            "slow-readers --subscribers 10 --slow-percent 20",
            "2 of 10 slow, 1024 B, 64 in flight",
            "deliveries",
        ),
        ("churn --members 5 --at-once 2", "2 join, renew and leave in a room of 5", "logins"),
    ] {
        let outcome = outcome(&format!("{arguments} --seconds 0.3"))?;
        ensure!(outcome["scenario"] == scenario && outcome["unit"] == unit, "{outcome}");
        ensure!(outcome["count"].as_u64().is_some_and(|count| count > 0), "{outcome}");
        ensure!(outcome["wall_s"].as_f64().is_some_and(|wall_s| wall_s >= 0.3), "{outcome}");
        let timed = ["latency", "join-storm", "churn"].iter().any(|n| arguments.starts_with(n));
        ensure!(timed == outcome["latency"]["p50_us"].is_u64(), "{outcome}");
        match arguments.split(' ').next() {
            // 30 frames were due, each to five.
            Some("latency") => ensure!(outcome["count"].as_u64() <= Some(35 * 5), "{outcome}"),
            Some("slow-readers") => ensure!(figure(&outcome, "slow")? == 2.0, "{outcome}"),
            Some("churn") => {
                ensure!(figure(&outcome, "joins_per_s")? > 0.0, "{outcome}");
                // A member seated when the time was up had not renewed yet.
                let renewals = figure(&outcome, "renewals")?;
                let logins = outcome["count"].as_f64().unwrap_or_default();
                ensure!(renewals > 0.0 && renewals >= logins - 2.0, "{outcome}");
                ensure!(figure(&outcome, "renewal_p99_us")? > 0.0, "{outcome}");
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn idle_members_are_counted_and_cost_memory() -> Result<()> {
    let outcome = outcome("idle --connections 10")?;
    ensure!(outcome["count"] == 10 && outcome["unit"] == "connections", "{outcome}");
    ensure!(figure(&outcome, "resident_held_bytes")? > 0.0, "{outcome}");
    Ok(())
}

#[test]
fn a_report_is_a_page_with_its_charts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("page.html");
    let (code, out, err) = bench(&format!(
        // A chart needs two samples of 100 ms each, even on a busy machine.
        "latency --subscribers 5 --seconds 3 --report {}",
        file.to_str().context("a path")?
    ))?;
    ensure!(code == 0, "{code} {err}");
    ensure!(out.contains("p99.9") && out.contains("faults               none"), "{out}");
    let page = std::fs::read_to_string(&file)?;
    // The rate, the cores and the curve.
    ensure!(page.matches("<svg").count() == 3 && page.ends_with("</html>\n"), "{page}");
    let missing = folder.path().join("nowhere/page.html");
    let missing = missing.to_str().context("a path")?;
    let (code, out, err) = bench(&format!("fanout --seconds 0.1 --report {missing}"))?;
    ensure!(code == 1 && err.contains("nowhere") && out.contains("faults"), "{code} {out} {err}");
    Ok(())
}

#[test]
fn options_that_make_no_sense_are_usage_errors() -> Result<()> {
    for (arguments, said) in [
        ("fanout --window 0", "a window must be from 1 to"),
        ("fanout --window 18446744073709551615", "a window must be from 1 to"),
        ("fanout --payload 19", "a payload must have 20 bytes"),
        ("fanout --payload 99999999999", "a payload must have 20 bytes"),
        ("fanout --subscribers 0", "from 1 to 1000000 members"),
        ("fanout --subscribers 18446744073709551615", "from 1 to 1000000 members"),
        ("fanout --seconds 0", "--time must be above 0"),
        ("fanout --seconds NaN", "--time must be above 0"),
        ("fanout --seconds 3601", "--time must be above 0"),
        ("fanout --workers 0", "--workers must be at least 1"),
        ("latency --rate 0", "a rate must be above 0"),
        ("latency --rate inf", "a rate must be above 0"),
        ("rooms --members 1", "one room of two members"),
        ("rooms --rooms 18446744073709551615", "one room of two members"),
        ("join-storm --at-once 0", "from 1 to 20000 logins at once"),
        ("slow-readers --slow-percent 100", "--slow-percent"),
        ("slow-readers --subscribers 5", "both slow and fast"),
        ("slow-readers --trickle 0", "the slow rate must be above 0"),
        ("idle --connections 0", "from 1 to 1000000 members"),
        ("fanout --url ws://127.0.0.1:1/v1/connect", "--url needs --app and --kid"),
        (
            "fanout --url wss://127.0.0.1:1/v1/connect --app 1 --kid k",
            "--url must begin with ws://",
        ),
    ] {
        let (code, out, err) = bench(arguments)?;
        ensure!(
            code == 2 && out.is_empty() && err.contains(said),
            "{arguments}: {code} {out}{err}"
        );
    }
    Ok(())
}

#[test]
fn a_missing_server_is_unreachable() -> Result<()> {
    let secret = tempfile::NamedTempFile::new()?;
    std::fs::write(secret.path(), "A".repeat(43))?;
    let secret = secret.path().to_str().context("a path")?;
    // Nobody listens on a port that was just given back.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (code, out, err) = bench(&format!(
        "fanout --url ws://{gone}/v1/connect --app 7 --kid k_1 --secret-file {secret}"
    ))?;
    ensure!(code == 3 && out.is_empty(), "{code} {out}{err}");
    ensure!(err.contains("connection 1 of 101: Connection refused"), "{err}");
    Ok(())
}
