//! Runs scenarios against servers, round by round, so that drift of the machine affects all alike.

use std::{io::Write, path::Path, time::Duration};

use anyhow::{Result, ensure};
use stagedoor_load::{Outcome, watch::Sample};

use crate::{
    curve::Curve,
    machine::{Machine, root},
    peers::{self, Kind},
    plan::{CURVE_TIMES_MAX, ForTime, Plan, What, plans},
    report,
    results::{Measured, Row},
};

/// The options of a comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// Scenarios by name; all by default.
    pub names: Vec<String>,
    /// Rounds.
    pub rounds: usize,
    /// Whether to run two short rounds, which are kept separately.
    pub quick: bool,
}

const QUICK_ROUNDS: usize = 2;
/// The share of a scenario's time that a quick round takes.
const QUICK_SHARE: f64 = 0.3;

/// Figures by name.
type Values = Vec<(&'static str, f64)>;

/// Prints progress to standard error.
fn say(text: &str) {
    // A failure means that nobody listens.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Measures, saves and writes; returns the goals that are missed.
pub fn run(options: &Options) -> Result<Vec<String>> {
    let plans = plans();
    for name in &options.names {
        let known: Vec<&str> = plans.iter().map(|plan| plan.name).collect();
        ensure!(known.contains(&name.as_str()), "{name} is not one of {}", known.join(", "));
    }
    let pinned = peers::can_pin();
    if pinned {
        peers::pin_generator()?;
    } else {
        say("server and generator share the cores: there is no second core, or no taskset");
    }
    let bench = root().join("target/bench");
    let folder = if options.quick { bench.join("quick") } else { bench };
    let mut missed = Vec::new();
    for plan in plans.iter().filter(|plan| is_asked(options, plan)) {
        let measured = measure(plan, options, pinned)?;
        measured.keep(&folder)?;
        for verdict in report::verdicts(plan, &measured) {
            say(&format!("  {}", verdict.text));
            if verdict.met != Some(true) {
                missed.push(format!("{}: {}", plan.name, verdict.text));
            }
        }
    }
    write(&plans, &folder, options.quick)?;
    Ok(missed)
}

fn is_asked(options: &Options, plan: &Plan) -> bool {
    options.names.is_empty() || options.names.iter().any(|name| name == plan.name)
}

/// Writes page and charts of all saved results; those of quick rounds beside them, not where they would be committed.
fn write(plans: &[Plan], folder: &Path, quick: bool) -> Result<()> {
    let mut kept = Vec::new();
    for plan in plans {
        if let Some(measured) = Measured::kept(folder, plan.name)? {
            kept.push((plan, measured));
        }
    }
    let into = if quick { folder.to_owned() } else { root().join("benches") };
    std::fs::write(into.join("RESULTS.md"), report::page(&kept))?;
    std::fs::write(into.join("results.svg"), crate::chart::chart(&report::bars(&kept)))?;
    let curves = crate::lines::chart(&report::panels(&kept), CURVE_TIMES_MAX);
    std::fs::write(into.join("curves.svg"), curves)?;
    Ok(())
}

fn measure(plan: &Plan, options: &Options, pinned: bool) -> Result<Measured> {
    let (rounds, seconds) = if options.quick {
        (QUICK_ROUNDS.min(plan.rounds_max), plan.seconds * QUICK_SHARE)
    } else {
        (options.rounds.min(plan.rounds_max), plan.seconds)
    };
    say(&format!("\n{}: {}, {rounds} rounds of {seconds:.1} s", plan.name, plan.title));
    let cores = match (pinned, plan.both_cores) {
        (true, false) => Some("0"),
        (true, true) => Some("0-1"),
        (false, _) => None,
    };
    let rows = match plan.what {
        What::Scenario(scenario) => {
            take_turns(plan, scenario, rounds, cores, Duration::from_secs_f64(seconds))
        }
        What::Curve(curve) => grow(plan, curve, rounds, cores),
    };
    let programs: Vec<_> = [Kind::Bun, Kind::Nats]
        .iter()
        .filter_map(|kind| Some((kind.name(), kind.program()?)))
        .collect();
    let flags =
        if options.quick { " --quick".into() } else { format!(" --rounds {}", options.rounds) };
    Ok(Measured {
        name: plan.name.into(),
        rounds,
        seconds,
        machine: Machine::here(pinned, &programs),
        command: format!("cargo xtask bench {}{flags}", plan.name),
        rows,
    })
}

/// The servers' rows, with the servers taking turns.
fn take_turns(
    plan: &Plan,
    scenario: ForTime,
    rounds: usize,
    cores: Option<&str>,
    time: Duration,
) -> Vec<Row> {
    let mut rows: Vec<Row> = plan.servers.iter().map(|kind| named(kind.name())).collect();
    let there = |kind: Kind| kind.program().is_none_or(|program| program.exists());
    for (kind, row) in plan.servers.iter().zip(&mut rows) {
        if !there(*kind) {
            row.faults.push("could not be installed here".into());
        }
    }
    for round in 1..=rounds {
        for (kind, row) in plan.servers.iter().zip(&mut rows) {
            if there(*kind) {
                note(plan, row, round, turn(scenario, *kind, cores, time));
            }
        }
    }
    rows
}

/// A curve's rows, one per size, each round with a new server.
fn grow(plan: &Plan, curve: Curve, rounds: usize, cores: Option<&str>) -> Vec<Row> {
    let mut rows: Vec<Row> = curve.sizes().iter().map(|size| named(&size.to_string())).collect();
    for round in 1..=rounds {
        match curve.run(cores) {
            Ok(sizes) => {
                for (row, (_, values)) in rows.iter_mut().zip(sizes) {
                    note(plan, row, round, Ok(values));
                }
            }
            Err(error) => {
                if let Some(row) = rows.last_mut() {
                    note(plan, row, round, Err(error));
                }
            }
        }
    }
    rows
}

/// A server's turn: all figures of the run, by name. A run in which a frame was lost, reordered or misdelivered does
/// not count.
fn turn(scenario: ForTime, kind: Kind, cores: Option<&str>, time: Duration) -> Result<Values> {
    let peer = peers::start(kind, cores)?;
    let mut looks = Vec::new();
    let outcome = scenario(time).run(&peer.target, &mut |progress| {
        if let Some(tunnel) = peer.tunnel.as_ref().filter(|_| progress.phase == "measuring") {
            looks.push((progress.sample, tunnel.records()));
        }
    })?;
    let mut values = values(&counting(outcome)?);
    values.extend(records_per_delivery(&looks).map(|records| ("records_per_delivery", records)));
    Ok(values)
}

/// TLS records per delivery, from the samples of a run and the record counts at those times.
fn records_per_delivery(looks: &[(Sample, u64)]) -> Option<f64> {
    let deliveries = |two: &[(Sample, u64)]| two[1].0.per_s * (two[1].0.at_s - two[0].0.at_s);
    let deliveries: f64 = looks.windows(2).map(deliveries).sum();
    let records = looks.last()?.1 - looks.first()?.1;
    (deliveries > 0.0).then(|| records as f64 / deliveries)
}

/// The result, if it counts.
fn counting(outcome: Outcome) -> Result<Outcome> {
    ensure!(outcome.faults.none(), "does not count: {:?}", outcome.faults);
    Ok(outcome)
}

fn named(server: &str) -> Row {
    Row { server: server.into(), ..Row::default() }
}

/// Records a round.
fn note(plan: &Plan, row: &mut Row, round: usize, values: Result<Values>) {
    let server = row.server.clone();
    match values {
        Ok(values) => {
            let shown = plan.measures.iter().filter_map(|measure| {
                let value = values.iter().find(|(name, _)| *name == measure.name)?.1;
                Some(format!("{} {value:.3}", measure.title))
            });
            say(&format!("  round {round} {server:<24} {}", shown.collect::<Vec<_>>().join(", ")));
            for (name, value) in values {
                row.values.entry(name.into()).or_default().push(value);
            }
        }
        Err(error) => {
            let fault = format!("round {round}: {error:#}");
            say(&format!("  {server}: {fault}"));
            row.faults.push(fault);
        }
    }
}

/// All figures of a run, by name.
fn values(outcome: &Outcome) -> Values {
    let mut values = vec![
        ("cpu_us", outcome.cpu_us()),
        ("per_s", outcome.per_s()),
        ("generator_busy", outcome.generator_busy),
    ];
    if let Some(latency) = &outcome.latency {
        values.push(("p50_us", latency.p50_us as f64));
        values.push(("p99_us", latency.p99_us as f64));
    }
    values.extend(&outcome.figures);
    let figure = |name| outcome.figure(name);
    if let (Some(before), Some(after)) =
        (figure("resident_before_bytes"), figure("resident_after_bytes"))
    {
        values.push(("after_to_before", after / before.max(1.0)));
    }
    if let (Some(slow), Some(told), Some(closed)) =
        (figure("slow"), figure("slow_told"), figure("slow_closed"))
    {
        values.push(("slow_told_share", (told + closed) / slow.max(1.0)));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_from_the_first_sample_to_the_last() {
        let look = |at_s, per_s, records| (Sample { at_s, per_s, ..Sample::default() }, records);
        // 100 and 300 deliveries, and what came before the first sample.
        let looks = [look(0.1, 9e9, 1_000), look(0.2, 1_000.0, 1_010), look(0.4, 1_500.0, 1_040)];
        let ratio = records_per_delivery(&looks).expect("deliveries");
        assert!((ratio - 0.1).abs() < 1e-9, "{ratio}");
        assert_eq!(records_per_delivery(&looks[..1]), None);
    }

    #[test]
    fn a_round_with_a_fault_does_not_count() {
        let plans = plans();
        let mut row = Row::default();
        let mut outcome = Outcome { count: 10, server_cpu_s: 0.000_02, ..Outcome::default() };
        let noted = |outcome: &Outcome| counting(outcome.clone()).map(|outcome| values(&outcome));
        note(&plans[0], &mut row, 1, noted(&outcome));
        outcome.faults.lost = 1;
        note(&plans[0], &mut row, 2, noted(&outcome));
        note(&plans[0], &mut row, 3, Err(anyhow::anyhow!("it crashed")));
        assert_eq!(row.values["cpu_us"], [2.0]);
        assert_eq!(row.faults.len(), 2, "{:?}", row.faults);
    }
}
