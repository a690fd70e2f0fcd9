//! The curves as a line chart: the cost of each operation with ten of something, and with thousands, in multiples of
//! the cost at the smallest size. Pure; readable on light and dark backgrounds.

use std::fmt::Write;

use stagedoor_load::report::escape;

/// One curve's lines, in their own plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What grows.
    pub title: String,
    /// One per operation.
    pub lines: Vec<Line>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The operation.
    pub name: String,
    /// Size, and cost in multiples of the cost at the smallest size; ordered by size, all above 0.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 190.0;
const PLOT: f64 = 130.0;
const TITLE: f64 = 34.0;
const BELOW: f64 = 30.0;
const TOP: f64 = 24.0;
/// The minimum of the scale's upper end.
const TIMES: f64 = 2.0;

const STYLE: &str = "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}\
    polyline{fill:none;stroke-width:2}.l0{stroke:#0969da}.l1{stroke:#bf8700}.l2{stroke:#1a7f37}.k0{fill:#0969da}\
    .k1{fill:#bf8700}.k2{fill:#1a7f37}.grid{stroke:#24292f;stroke-opacity:.15}.goal{stroke:#cf222e;\
    stroke-dasharray:5 4}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#e6edf3}}</style>";

/// The chart; a dashed line marks the goal.
pub fn chart(panels: &[Panel], goal: f64) -> String {
    let height = TOP + panels.len() as f64 * (TITLE + PLOT + BELOW);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Cost of an operation against size, in multiples of its cost at the least size\">{STYLE}\n\
         <text class=\"title\" x=\"8\" y=\"18\">CPU of one operation, in multiples of its cost at the least size (dashed: \
         the goal)</text>\n"
    );
    let mut top = TOP;
    for panel in panels {
        draw(&mut out, panel, top, goal);
        top += TITLE + PLOT + BELOW;
    }
    out + "</svg>\n"
}

fn draw(out: &mut String, panel: &Panel, top: f64, goal: f64) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let least = points().map(|point| point.0).fold(f64::INFINITY, f64::min).log10();
    let most = points().map(|point| point.0).fold(1.0, f64::max).log10();
    let times = points().map(|point| point.1).fold(TIMES, f64::max);
    let plot = top + TITLE;
    let x = |size: f64| {
        let share = (size.log10() - least) / (most - least).max(f64::EPSILON);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let y = |multiple: f64| plot + PLOT * (1.0 - multiple / times);
    // Writing to a `String` does not fail.
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"8\" y=\"{}\">{}</text>",
        top + 22.0,
        escape(&panel.title)
    );
    for (class, multiple) in [("grid", 0.0), ("grid", 1.0), ("grid", times), ("goal", goal)] {
        let at = y(multiple);
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{multiple:.1} ×</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    // All lines of a panel have the same sizes.
    for (size, _) in panel.lines.iter().take(1).flat_map(|line| &line.points) {
        let (at, under) = (x(*size), plot + PLOT + 16.0);
        let _ =
            writeln!(out, "<text x=\"{at:.1}\" y=\"{under}\" text-anchor=\"middle\">{size}</text>");
    }
    for (n, line) in panel.lines.iter().enumerate() {
        let places =
            line.points.iter().map(|(size, times)| format!("{:.1},{:.1}", x(*size), y(*times)));
        let _ = writeln!(
            out,
            "<polyline class=\"l{}\" points=\"{}\"/><text class=\"k{}\" x=\"{}\" y=\"{}\">{}</text>",
            n % 3,
            places.collect::<Vec<_>>().join(" "),
            n % 3,
            WIDTH - RIGHT + 14.0,
            plot + 14.0 + 18.0 * n as f64,
            escape(&line.name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_logarithmic_and_costs_are_multiples() {
        let points = vec![(10.0, 1.0), (100.0, 2.0), (1_000.0, 1.0)];
        let panel =
            Panel { title: "<rooms>".into(), lines: vec![Line { name: "join".into(), points }] };
        let svg = chart(&[panel], 1.5);
        // 510 wide from 60, 130 high under 58; 2 is the upper end.
        assert!(svg.contains("points=\"60.0,123.0 315.0,58.0 570.0,123.0\""), "{svg}");
        assert!(svg.contains("class=\"goal\" x1=\"60\" x2=\"570\" y1=\"90.5\""), "{svg}");
        assert!(svg.contains("&lt;rooms&gt;") && svg.contains(">1000</text>"), "{svg}");
    }

    #[test]
    fn nothing_measured_is_an_empty_chart() {
        assert!(chart(&[], 1.5).ends_with("</svg>\n"));
    }
}
