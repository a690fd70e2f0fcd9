//! The results as a page. Pure.

use std::fmt::Write;

use crate::{
    chart::{Bar, Group},
    lines::{Line, Panel},
    peers::Kind,
    plan::{Bound, CPU, CURVE_TIMES_MAX, Goal, Measure, Plan, What},
    results::{Measured, Row},
};

/// Whether a goal is met.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// `None`: a server that it needs has no round that counts.
    pub met: Option<bool>,
    /// The goal, the figure, and whether it is met.
    pub text: String,
}

/// The verdicts on a plan's goals.
pub fn verdicts(plan: &Plan, measured: &Measured) -> Vec<Verdict> {
    match plan.what {
        What::Curve(_) => plan.measures.iter().map(|measure| grown(*measure, measured)).collect(),
        What::Scenario(_) => plan.goals.iter().map(|goal| verdict(goal, measured)).collect(),
    }
}

/// Whether the last size of a curve costs about as much as the first.
fn grown(measure: Measure, measured: &Measured) -> Verdict {
    let ends = measured.rows.first().zip(measured.rows.last());
    let times = ends.and_then(|(first, last)| {
        let ratio = measured.ratio(measure.name, &last.server, &first.server)?;
        Some((ratio, format!("with {} × with {}", grouped(&last.server), grouped(&first.server))))
    });
    let title = format!("{} ≤ {CURVE_TIMES_MAX}", measure.title);
    let Some((times, of)) = times else {
        return Verdict { met: None, text: format!("{title}: not measured") };
    };
    let met = times <= CURVE_TIMES_MAX;
    let word = if met { "met" } else { "**missed**" };
    Verdict { met: Some(met), text: format!("{title}, {of}: {times:.2}, {word}") }
}

fn verdict(goal: &Goal, measured: &Measured) -> Verdict {
    let server = goal.server.name();
    let (value, of) = match goal.to {
        Some(to) => {
            (measured.ratio(goal.measure.name, server, to.name()), format!(" × {}", to.name()))
        }
        None => {
            let row = measured.row(server);
            (row.and_then(|row| row.median(goal.measure.name)), String::new())
        }
    };
    let (sign, bound) = match goal.bound {
        Bound::AtMost(bound) => ("≤", bound),
        Bound::AtLeast(bound) => ("≥", bound),
    };
    let title = goal.measure.title;
    let Some(value) = value else {
        return Verdict { met: None, text: format!("{title} {sign} {bound}{of}: not measured") };
    };
    let met = match goal.bound {
        Bound::AtMost(bound) => value <= bound,
        Bound::AtLeast(bound) => value >= bound,
    };
    let word = if met { "met" } else { "**missed**" };
    Verdict {
        met: Some(met),
        text: format!("{title} {sign} {bound}{of}: {}, {word}", short(value)),
    }
}

/// The page.
pub fn page(kept: &[(&Plan, Measured)]) -> String {
    let mut out = String::from(
        "# Side by side\n\nStagedoor, with tokens and grants on, against a floor and the engines that one would pick \
         instead, in one run: `cargo xtask bench`, which writes this page. Each server in turn, round by round, \
         each started anew; medians, in brackets the least and the most. CPU seconds of the server per million \
         deliveries (or logins) are what holds on a noisy machine. Every member checks the number of every frame; \
         a round in which one was lost, reordered or went astray does not count.\n\n",
    );
    out += SERVERS;
    if let Some((_, latest)) = kept.iter().max_by_key(|(_, measured)| &measured.machine.date) {
        let machine = &latest.machine;
        let versions = machine.versions.iter().map(|(name, version)| format!("{name} {version}"));
        let pinned = if machine.pinned {
            "the server pinned to the first core, the generator to the second"
        } else {
            "**not pinned: server and generator share the cores**"
        };
        // Writing to a `String` cannot fail.
        let _ = write!(
            out,
            "\nMeasured until {} on {} with {} cores, Linux {}; {pinned}. {}.\n\n![CPU in multiples of the \
             floor](results.svg)\n",
            machine.date,
            machine.processor,
            machine.cores,
            machine.kernel,
            versions.collect::<Vec<_>>().join(", ")
        );
    }
    let mut curves_shown = false;
    for (plan, measured) in kept {
        if matches!(plan.what, What::Curve(_)) && !std::mem::replace(&mut curves_shown, true) {
            out += "\n## Cost against size\n\n![CPU of one operation against size](curves.svg)\n";
        }
        section(&mut out, plan, measured);
    }
    out
}

const SERVERS: &str = "\
- **floor, coalescing**: ours, bare epoll; knows who is in a room, encodes a frame once, and writes all that is new \
to each member by one call. A login is the check of one signature. No rights, limits or presence.
- **floor, one write each**: the same, but each frame by a call of its own.
- **Bun**: its own publish and subscribe (uWebSockets), a script of 40 lines.
- **nats-server**: its WebSocket listener, a room as a subject; a login compares a token and signs nothing.
- **tokio::broadcast**: a relay as one writes it on tokio-tungstenite, which axum's `ws` stands on (axum's own release \
of it is an older one, and there may be one version only).
- **Stagedoor**: the release binary, `stagedoor dev --workers 1`.
";

fn section(out: &mut String, plan: &Plan, measured: &Measured) {
    let cores = if plan.both_cores {
        " The server may use both cores, one of which the generator keeps busy."
    } else {
        ""
    };
    // Writing to a `String` cannot fail.
    let _ = write!(
        out,
        "\n## {}\n\n`{}` ({} rounds of {:.1} s, {}).{cores}\n\n",
        plan.title, measured.command, measured.rounds, measured.seconds, measured.machine.date
    );
    table(out, plan, measured);
    out.push('\n');
    for verdict in verdicts(plan, measured) {
        let _ = writeln!(out, "- {}", verdict.text);
    }
    for row in measured.rows.iter().filter(|row| !row.faults.is_empty()) {
        let _ = writeln!(out, "- {}: {}", row.server, row.faults.join("; "));
    }
}

fn table(out: &mut String, plan: &Plan, measured: &Measured) {
    let Some(first) = plan.measures.first() else { return };
    let first_head = if matches!(plan.what, What::Curve(_)) { "size" } else { "server" };
    let mut heads = vec![first_head.to_owned()];
    heads.extend(plan.measures.iter().map(|measure| measure.title.to_owned()));
    let others: Vec<Kind> =
        [Kind::Floor, Kind::Bun].into_iter().filter(|kind| plan.servers.contains(kind)).collect();
    heads.extend(others.iter().map(|kind| match kind {
        Kind::Floor => format!("{} to floor", first.title),
        _ => format!("to {}", kind.name()),
    }));
    line(out, &heads);
    line(out, &vec!["---".to_owned(); heads.len()]);
    for row in &measured.rows {
        let mut cells = vec![row.server.clone()];
        cells.extend(plan.measures.iter().map(|measure| cell(row, *measure)));
        cells.extend(others.iter().map(|other| {
            let ratio = measured.ratio(first.name, &row.server, other.name());
            ratio.map_or_else(|| "–".into(), |ratio| format!("{ratio:.2} ×"))
        }));
        line(out, &cells);
    }
}

fn line(out: &mut String, cells: &[String]) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

fn cell(row: &Row, measure: Measure) -> String {
    match (row.median(measure.name), row.spread(measure.name)) {
        (Some(median), Some((least, most))) => {
            format!("{} ({}..{})", short(median), short(least), short(most))
        }
        _ => "–".into(),
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let head = if first > 0 { Some(digits[..first].into()) } else { None };
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// A figure with about three digits.
fn short(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        return grouped(&format!("{value:.0}"));
    }
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The chart's figures: CPU time in multiples of the coalescing floor's, for the plans that measure it.
pub fn bars(kept: &[(&Plan, Measured)]) -> Vec<Group> {
    let shown = kept.iter().filter(|(plan, _)| {
        plan.measures.first() == Some(&CPU) && plan.servers.contains(&Kind::Floor)
    });
    let bar = |measured: &Measured, row: &Row| {
        let times = measured.ratio(CPU.name, &row.server, Kind::Floor.name())?;
        Some(Bar { name: row.server.clone(), times, is_ours: row.server == Kind::Stagedoor.name() })
    };
    shown
        .map(|(plan, measured)| Group {
            title: plan.title.into(),
            bars: measured.rows.iter().filter_map(|row| bar(measured, row)).collect(),
        })
        .collect()
}

/// The line chart's figures: the curves, each operation in multiples of its cost at the smallest size.
pub fn panels(kept: &[(&Plan, Measured)]) -> Vec<Panel> {
    let line = |measure: &Measure, measured: &Measured| {
        let least = &measured.rows.first()?.server;
        let point = |row: &Row| {
            let times = measured.ratio(measure.name, &row.server, least)?;
            Some((row.server.parse().ok()?, times))
        };
        let points = measured.rows.iter().filter_map(point).collect();
        Some(Line { name: measure.title.trim_end_matches(", CPU µs").into(), points })
    };
    kept.iter()
        .filter(|(plan, _)| matches!(plan.what, What::Curve(_)))
        .map(|(plan, measured)| Panel {
            title: plan.title.trim_start_matches("cost against size: ").into(),
            lines: plan.measures.iter().filter_map(|measure| line(measure, measured)).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine::Machine, plan::plans};

    fn row(server: Kind, cpu_us: &[f64]) -> Row {
        let values = [("cpu_us".to_owned(), cpu_us.to_vec())].into();
        Row { server: server.name().into(), values, faults: Vec::new() }
    }

    fn measured() -> Measured {
        let mut bun = row(Kind::Bun, &[]);
        bun.faults.push("could not be installed here".into());
        Measured {
            name: "fanout-1000".into(),
            rounds: 3,
            seconds: 2.0,
            machine: Machine { date: "2026-01-01 00:00 UTC".into(), ..Machine::default() },
            command: "cargo xtask bench fanout-1000 --rounds 3".into(),
            rows: vec![
                row(Kind::Floor, &[0.2, 0.1, 0.3]),
                row(Kind::Stagedoor, &[0.25, 0.3, 0.2]),
                bun,
            ],
        }
    }

    #[test]
    fn the_page_has_medians_spread_ratios_goals_and_gaps() {
        let plans = plans();
        let page = page(&[(&plans[0], measured())]);
        for part in [
            "| floor, coalescing | 0.200 (0.100..0.300) | – | 1.00 × | – |",
            "| Stagedoor | 0.250 (0.200..0.300) | – | 1.25 × | – |",
            "- CPU s per million ≤ 1.4 × floor, coalescing: 1.25, met",
            "- CPU s per million ≤ 0.75 × Bun: not measured",
            "- Bun: could not be installed here",
            "`cargo xtask bench fanout-1000 --rounds 3` (3 rounds of 2.0 s, 2026-01-01 00:00 UTC)",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }

    #[test]
    fn a_goal_is_missed_on_the_wrong_side_of_its_bound() {
        let plans = plans();
        let mut slow = measured();
        slow.rows[1] = row(Kind::Stagedoor, &[0.29]);
        assert_eq!(verdicts(&plans[0], &slow)[0].met, Some(false));
        assert_eq!(verdicts(&plans[0], &slow)[1].met, None);
        let kept = plans.iter().find(|plan| plan.name == "slow-readers").expect("a plan");
        slow.rows[1].values = [("kept_of_rate".into(), vec![0.94])].into();
        assert_eq!(verdicts(kept, &slow)[0].met, Some(false));
    }

    #[test]
    fn figures_are_short() {
        let texts = [0.1234, 1.234, 12.34, 123.4, 1_234.5, 1_234_567.0].map(short);
        assert_eq!(texts, ["0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn lines_show_multiples_of_the_cost_at_the_smallest_size() {
        let plans = plans();
        let plan = plans.iter().find(|plan| plan.name == "curve-members").expect("a plan");
        let mut grown = measured();
        let sized = |size: &str, join_us: f64| Row {
            server: size.into(),
            values: [("join_us".to_owned(), vec![join_us])].into(),
            faults: Vec::new(),
        };
        grown.rows = vec![sized("10", 50.0), sized("1000", 75.0)];
        let panels = panels(&[(plan, grown)]);
        let join = panels[0].lines.iter().find(|line| line.name == "join").expect("a line");
        assert_eq!(join.points, [(10.0, 1.0), (1_000.0, 1.5)]);
        assert!(panels[0].title.starts_with("members of one room"));
    }

    #[test]
    fn the_chart_shows_multiples_of_the_floor() {
        let plans = plans();
        let groups = bars(&[(&plans[0], measured())]);
        let times: Vec<_> = groups[0].bars.iter().map(|bar| (bar.times * 100.0).round()).collect();
        assert_eq!((times, groups[0].bars[1].is_ours), (vec![100.0, 125.0], true));
    }
}
