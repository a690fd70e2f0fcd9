//! A line chart as SVG. Pure; takes its colours from the page.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
const STEPS: u32 = 4;

/// A line.
pub(super) struct Line {
    pub(super) name: String,
    /// The CSS class that gives it its colour.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// The chart; `None` with fewer than two points.
pub(super) fn chart(lines: &[Line], x_name: &str) -> Option<String> {
    let all = || lines.iter().flat_map(|line| &line.points);
    if all().count() < 2 {
        return None;
    }
    let x_max = all().map(|point| point.0).fold(f64::MIN_POSITIVE, f64::max);
    let y_max = round_up(all().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max));
    let place = |(x, y): (f64, f64)| {
        (
            LEFT + x / x_max * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - y / y_max * (HEIGHT - TOP - BOTTOM),
        )
    };
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        names.join(", ")
    );
    for step in 0..=STEPS {
        let share = f64::from(step) / f64::from(STEPS);
        let (value, at) = (y_max * share, place((0.0, y_max * share)).1);
        // Writing to a `String` does not fail.
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(value)
        );
        let (value, at) = (x_max * share, place((x_max * share, 0.0)).0);
        let _ = write!(
            out,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM + 14.0,
            short(value)
        );
    }
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x_name}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 4.0
    );
    for line in lines {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|point| place(*point))
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = write!(
            out,
            "<polyline class=\"{}\" fill=\"none\" stroke-width=\"2\" points=\"{}\"/>",
            line.class,
            points.join(" ")
        );
    }
    out += "</svg>";
    Some(out)
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(value)
}

/// A number in few characters.
fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, "G"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_axes_end_on_round_ones() {
        let texts: Vec<String> = [0.0, 0.25, 12.0, 1_500.0, 2_000_000.0].map(short).into();
        assert_eq!(texts, ["0", "0.25", "12", "1.5k", "2M"]);
        assert_eq!([0.7, 1.0, 21.0, 260.0].map(round_up), [1.0, 1.0, 25.0, 500.0]);
    }

    #[test]
    fn one_point_gives_no_chart() {
        let line = |points| [Line { name: "n".into(), class: "a", points }];
        assert!(chart(&line(vec![(1.0, 1.0)]), "x").is_none());
        let svg = chart(&line(vec![(0.0, 0.0), (1.0, 2.0)]), "x").expect("a chart");
        assert!(svg.contains("points=\"64.0,166.0 708.0,12.0\""), "{svg}");
    }
}
