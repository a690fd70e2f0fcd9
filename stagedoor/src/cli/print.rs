//! Prints answers for people: tables with the most important columns first, and readable times. JSON is printed as the
//! API sent it.

use std::io::Write;

use serde_json::Value;

use super::{failure::Done, time::utc};

/// Columns that come first, in this order.
const FIRST: [&str; 16] = [
    "app",
    "generation",
    "id",
    "kid",
    "room",
    "user",
    "name",
    "role",
    "target",
    "kind",
    "code",
    "state",
    "ban",
    "version",
    "rank",
    "members",
];
/// Names of times in Unix seconds; names of those in milliseconds end in `_ms`.
const SECONDS: [&str; 8] = ["at", "exp", "iat", "nbf", "ends_at", "over_at", "left_at", "until"];
/// Fields whose numbers are durations, not times.
const TIMES_FROM_S: u64 = 1_000_000_000;

/// Prints a value: as JSON, or for people.
pub(super) fn print(value: &Value, json: bool) -> Done {
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{value}")?;
        return Ok(());
    }
    let Some(items) = value.get("items").and_then(Value::as_array) else {
        return Ok(write!(out, "{}", lines(value, 0))?);
    };
    write!(out, "{}", table(items, 0))?;
    if let Some(next) = value.get("next").filter(|next| !next.is_null()) {
        writeln!(out, "more: --after {}", plain("next", next))?;
    }
    Ok(())
}

/// Names in the order in which they are printed.
fn ordered<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&name.as_str()) {
            all.push(name);
        }
    }
    let place = |name: &&str| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len());
    all.sort_by_key(place);
    all
}

/// One row per item.
fn table(items: &[Value], depth: usize) -> String {
    let objects = items.iter().filter_map(Value::as_object);
    let names = ordered(objects.flat_map(|item| item.keys()));
    let indent = "  ".repeat(depth);
    if names.is_empty() {
        return format!("{indent}none\n");
    }
    let mut rows = vec![names.iter().map(|name| label(name).to_owned()).collect::<Vec<_>>()];
    let cell = |item: &Value, name: &str| {
        item.get(name).map_or_else(|| "-".into(), |value| plain(name, value))
    };
    rows.extend(items.iter().map(|item| names.iter().map(|name| cell(item, name)).collect()));
    let widths: Vec<usize> = (0..names.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out += &format!("{indent}{}\n", cells.join("  ").trim_end());
    }
    out
}

/// A column's heading: times are no longer printed in milliseconds.
fn label(name: &str) -> &str {
    name.strip_suffix("_ms").filter(|_| is_time_ms(name)).unwrap_or(name)
}

/// In the API's answers nothing else has this suffix.
fn is_time_ms(name: &str) -> bool {
    name.ends_with("_ms")
}

/// A value in one cell.
fn plain(name: &str, value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(ms) if is_time_ms(name) => utc(ms / 1_000),
            Some(s) if SECONDS.contains(&name) && s >= TIMES_FROM_S => utc(s),
            _ => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(items) => {
            items.iter().map(|item| plain(name, item)).collect::<Vec<_>>().join(",")
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| match value {
                Value::Object(_) => format!("{name}({})", plain(name, value)),
                value => format!("{name}={}", plain(name, value)),
            });
            fields.collect::<Vec<_>>().join(" ")
        }
        Value::Bool(is) => is.to_string(),
    }
}

/// One line per field; nested fields are indented, and a list of objects is a table.
pub(super) fn lines(value: &Value, depth: usize) -> String {
    let Some(object) = value.as_object() else { return format!("{}\n", plain("", value)) };
    let mut out = String::new();
    let indent = "  ".repeat(depth);
    for name in ordered(object.keys()) {
        match &object[name] {
            below @ Value::Object(_) => {
                out += &format!("{indent}{name}\n{}", lines(below, depth + 1));
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                out += &format!("{indent}{name}\n{}", table(items, depth + 1));
            }
            value => out += &format!("{indent}{:<14} {}\n", label(name), plain(name, value)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_all_columns_and_readable_times() {
        let items = [
            json!({"created_ms": 0, "kid": "k_1", "z": true}),
            json!({"created_ms": 1_801_418_400_000_u64, "kid": "k_22", "more": {"user": "anna"}}),
        ];
        assert_eq!(
            table(&items, 0),
            "kid   created               z     more\n\
             k_1   1970-01-01T00:00:00Z  true  -\n\
             k_22  2027-01-31T18:00:00Z  -     user=anna\n"
        );
        assert_eq!(table(&[], 1), "  none\n");
    }

    #[test]
    fn fields_are_lines_and_nested_lists_are_tables() {
        let value = json!({"b": 1, "app": 7, "exp": 1_801_418_400_u64, "list": [{"user": "a"}], "in": {"x": null}});
        assert_eq!(
            lines(&value, 0),
            "app            7\nb              1\nexp            2027-01-31T18:00:00Z\nin\n  x              -\nlist\n  \
             user\n  a\n"
        );
    }
}
