//! The results as a bar chart, in groups, on a scale on which each step doubles. Pure; readable on light and dark
//! backgrounds.

use std::fmt::Write;

use stagedoor_load::report::escape;

/// Bars of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The scenario.
    pub title: String,
    /// One per server.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The server.
    pub name: String,
    /// Its length, above 0.
    pub times: f64,
    /// Whether it belongs to Stagedoor.
    pub is_ours: bool,
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 60.0;
const BAR: f64 = 14.0;
const STEP: f64 = 18.0;
const TITLE: f64 = 30.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 26.0;
/// The value at the left end of the scale.
const LEAST: f64 = 0.5;

const STYLE: &str = "<style>text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.bar{fill:#8c96a3}\
    .ours{fill:#0969da}.grid{stroke:#24292f;stroke-opacity:.15}.floor{stroke:#24292f;stroke-opacity:.6}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7781}.ours{fill:#4c9aff}\
    .grid{stroke:#e6edf3}.floor{stroke:#e6edf3}}</style>";

/// The chart.
pub fn chart(groups: &[Group]) -> String {
    let most = groups.iter().flat_map(|group| &group.bars).map(|bar| bar.times).fold(2.0, f64::max);
    let doublings = (most / LEAST).log2().ceil();
    let at = |times: f64| {
        let share = (times / LEAST).log2().max(0.0) / doublings;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let rows: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + groups.len() as f64 * TITLE + rows as f64 * STEP + BOTTOM;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Processor time of the server in multiples of the floor\">{STYLE}\n\
         <text class=\"title\" x=\"8\" y=\"18\">CPU of the server, in multiples of the coalescing floor (shorter is better)</text>\n"
    );
    for doubling in 0..=doublings as i32 {
        let times = LEAST * 2.0_f64.powi(doubling);
        let (x, class) = (at(times), if doubling == 1 { "floor" } else { "grid" });
        // Writing to a `String` does not fail.
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{times} ×</text>",
            height - BOTTOM,
            height - 8.0
        );
    }
    let mut y = TOP;
    for group in groups {
        let _ = writeln!(
            out,
            "<text class=\"title\" x=\"8\" y=\"{}\">{}</text>",
            y + 20.0,
            escape(&group.title)
        );
        y += TITLE;
        for bar in &group.bars {
            let (class, end) = (if bar.is_ours { "ours" } else { "bar" }, at(bar.times));
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{:.2}</text>",
                LEFT - 8.0,
                y + 11.0,
                escape(&bar.name),
                (end - LEFT).max(1.0),
                end + 6.0,
                y + 11.0,
                bar.times
            );
            y += STEP;
        }
    }
    out + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_the_scale_doubles() {
        let bar = |name: &str, times| Bar { name: name.into(), times, is_ours: name == "b" };
        let bars = vec![bar("a", 1.0), bar("b", 2.0), bar("<c>", 4.0)];
        let svg = chart(&[Group { title: "one".into(), bars }]);
        // Three doublings from 0.5 to 4 over 510.
        assert!(svg.contains("class=\"bar\" x=\"190\" y=\"60\" width=\"170.0\""), "{svg}");
        assert!(svg.contains("class=\"ours\" x=\"190\" y=\"78\" width=\"340.0\""), "{svg}");
        assert!(svg.contains("width=\"510.0\"") && svg.contains("&lt;c&gt;"), "{svg}");
    }

    #[test]
    fn nothing_measured_is_an_empty_chart() {
        assert!(chart(&[]).ends_with("</svg>\n"));
    }
}
