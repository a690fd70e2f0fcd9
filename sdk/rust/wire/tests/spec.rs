//! The tables of `spec/wire.md` against this crate's: closes, limits, error codes. Not beside the code, because the
//! specification is not in the crate's package.

// What reads the specification fails as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use stagedoor_wire::{close::Close, code::ErrorCode, limits::Limits};

const SPEC: &str = include_str!("../../../../spec/wire.md");

#[test]
fn every_close_in_the_spec_is_in_the_table_and_back() {
    for close in Close::ALL {
        let row = format!("| {} | `{}` |", close.code(), close.reason());
        assert!(SPEC.contains(&row), "spec/wire.md lacks {row}");
    }
    let is_close_code = |cell: &str| cell.len() == 4 && cell.starts_with('4');
    let rows = SPEC
        .lines()
        .filter(|line| line.split('|').nth(1).is_some_and(|cell| is_close_code(cell.trim())));
    assert_eq!(rows.count(), Close::ALL.len(), "spec/wire.md has rows that the table lacks");
}

#[test]
fn every_limit_and_its_default_is_in_the_spec_and_back() {
    let table = SPEC.split("## Limits").nth(1).expect("the spec has the section");
    let rows: Vec<String> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').take(3).collect::<Vec<_>>().join("|"))
        .collect();
    let ours: Vec<String> = Limits::default()
        .list()
        .iter()
        .map(|(name, value)| format!("| `{name}` | {value} "))
        .collect();
    assert_eq!(rows, ours);
}

#[test]
fn every_code_is_in_the_spec_and_back() {
    let table = SPEC.split("## Error codes").nth(1).expect("the spec has the section");
    let table = table.split("\n## ").next().expect("a section ends");
    let listed: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let ours: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, ours);
}
