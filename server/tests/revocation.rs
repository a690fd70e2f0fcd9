//! What `spec/revocation.md` says of limits is what the code says.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use stagedoor_server::Config;

#[test]
fn every_limit_of_revocations_and_its_default_is_in_the_spec_and_back() {
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
