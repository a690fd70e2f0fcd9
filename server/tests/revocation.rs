//! The limits in `spec/revocation.md` match the code.

// Helpers may panic, like tests.
#![allow(clippy::expect_used)]

use stagedoor_server::Config;

#[test]
fn the_specs_revocation_limits_and_defaults_match_the_code() {
    let spec = include_str!("../../spec/revocation.md");
    let (_, limits) = spec.split_once("\n## Limits\n").expect("the spec has the section");
    let rows: Vec<String> = limits
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').skip(1).take(2).map(str::trim).collect::<Vec<_>>().join(" "))
        .collect();
    let config = serde_json::to_value(Config::default()).expect("JSON");
    let config = config.as_object().expect("an object");
    let mut ours: Vec<String> = config
        .iter()
        .filter(|(name, _)| name.starts_with("revocation"))
        .map(|(name, value)| format!("`{name}` {value}"))
        .collect();
    let mut told = rows.clone();
    ours.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, ours);
}
