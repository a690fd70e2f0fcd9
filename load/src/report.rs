//! Results as a page with charts: a single file that loads nothing, readable in light and dark.

mod chart;

use std::fmt::Write;

use self::chart::{Line, chart};
use crate::outcome::Outcome;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--dim:#667;--paper:#fbfbf9;--rule:#d9d9d2;--a:#0b6bcb;--b:#c2410c}\
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e3;--dim:#9aa0aa;--paper:#15181d;--rule:#343a44;--a:#69b1ff;--b:#ff9a62}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:60rem;padding:0 1rem}\
table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{border-bottom:1px solid var(--rule);padding:.3rem .6rem;text-align:right}\
td:first-child,th:first-child{text-align:left}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2.5rem}\
svg{width:100%;height:auto}svg text{fill:var(--dim);font:11px system-ui,sans-serif}.a{stroke:var(--a)}.b{stroke:var(--b)}\
.fault{color:var(--b);font-weight:600}figure{margin:1rem 0}figcaption{color:var(--dim)}";

/// The page. `made` is a line that says when and where.
pub fn page(outcomes: &[Outcome], made: &str) -> String {
    let mut out = String::new();
    // Writing to a `String` does not fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Stagedoor under load</title>\
         <style>{STYLE}</style></head><body>\n<h1>Stagedoor under load</h1>\n<p>{}</p>\n",
        escape(made)
    );
    out += "<table><tr><th>scenario</th><th>counted</th><th>per second</th><th>server CPU, s per million</th>\
            <th>p50</th><th>p99</th><th>at its limit</th><th>faults</th></tr>\n";
    outcomes.iter().for_each(|outcome| row(&mut out, outcome));
    out += "</table>\n";
    outcomes.iter().for_each(|outcome| section(&mut out, outcome));
    out += "</body></html>\n";
    out
}

fn row(out: &mut String, outcome: &Outcome) {
    let time = |of: fn(&crate::Latency) -> u64| {
        outcome.latency.as_ref().map_or("–".into(), |latency| milliseconds(of(latency)))
    };
    let faults =
        if outcome.faults.none() { "none".into() } else { format!("{:?}", outcome.faults) };
    let class = if outcome.faults.none() { "" } else { " class=\"fault\"" };
    let _ = writeln!(
        out,
        "<tr><td>{} <small>({})</small></td><td>{} {}</td><td>{:.0}</td><td>{:.3}</td><td>{}</td><td>{}</td>\
         <td>{}</td><td{class}>{}</td></tr>",
        escape(&outcome.scenario),
        outcome.dialect,
        outcome.count,
        outcome.unit,
        outcome.per_s(),
        outcome.cpu_us(),
        time(|latency| latency.p50_us),
        time(|latency| latency.p99_us),
        format!("{:?}", outcome.bottleneck).to_lowercase(),
        escape(&faults),
    );
}

fn section(out: &mut String, outcome: &Outcome) {
    let _ = writeln!(out, "<h2>{}</h2>", escape(&outcome.scenario));
    if !outcome.figures.is_empty() {
        out.push_str("<table>");
        for (name, value) in &outcome.figures {
            let _ = write!(out, "<tr><td>{name}</td><td>{value:.2}</td></tr>");
        }
        out.push_str("</table>\n");
    }
    let points = |of: fn(&crate::watch::Sample) -> f64| -> Vec<(f64, f64)> {
        outcome.samples.iter().map(|sample| (sample.at_s, of(sample))).collect()
    };
    let rate = Line {
        name: format!("{} per second", outcome.unit),
        class: "a",
        points: points(|s| s.per_s),
    };
    figure(out, &[rate], "seconds", &format!("{} per second over the run", outcome.unit));
    let cores = Line { name: "cores".into(), class: "b", points: points(|s| s.cores) };
    figure(out, &[cores], "seconds", "cores that the server kept busy");
    if let Some(latency) = &outcome.latency {
        let nines = |share: f64| -(1.0 - share).log2();
        let curve = latency.curve.iter().map(|(share, us)| (nines(*share), *us as f64 / 1_000.0));
        let line = Line { name: "milliseconds".into(), class: "a", points: curve.collect() };
        figure(
            out,
            &[line],
            "halvings of the remainder: 1 is p50, 6.6 is p99, 10 is p99.9",
            "how long it took, ms",
        );
    }
}

fn figure(out: &mut String, lines: &[Line], x: &str, caption: &str) {
    if let Some(svg) = chart(lines, x) {
        let _ = writeln!(out, "<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption));
    }
}

fn milliseconds(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1_000.0)
}

/// Escapes a text for HTML and SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faults, watch::Sample};

    fn outcome() -> Outcome {
        let sample = |at_s: f64| Sample { at_s, per_s: at_s * 1e6, cores: 0.5, resident_bytes: 1 };
        Outcome {
            scenario: "1 to 9 <b>".into(),
            unit: "deliveries",
            count: 1_000,
            wall_s: 2.0,
            server_cpu_s: 0.5,
            samples: vec![sample(0.1), sample(0.2)],
            ..Outcome::default()
        }
    }

    #[test]
    fn a_page_is_self_contained_and_has_its_charts() {
        let page = page(&[outcome()], "a machine");
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains("1 to 9 &lt;b&gt;") && page.contains("<td>500.000</td>"));
        assert!(!page.contains("http") && !page.contains("src="), "{page}");
    }

    #[test]
    fn faults_are_highlighted() {
        assert!(page(&[outcome()], "").contains("<td>none</td>"));
        let faulty = Outcome { faults: Faults { lost: 3, ..Faults::default() }, ..outcome() };
        assert!(page(&[faulty], "").contains("class=\"fault\">Faults { lost: 3"));
    }
}
