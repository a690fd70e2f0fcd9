//! Tables of the documents that must agree.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::blocks::document;

/// The rows of a text's tables, as cells.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(str::trim).collect())
}

/// The text in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The section of a document below a second-level heading.
fn section<'a>(text: &'a str, heading: &str) -> Result<&'a str> {
    let after = text.split_once(&format!("\n## {heading}\n")).context(heading.to_owned())?.1;
    Ok(after.split("\n## ").next().unwrap_or_default())
}

/// How often each code has its own row.
fn coded(text: &str) -> BTreeMap<&str, usize> {
    let mut codes = BTreeMap::new();
    for row in rows(text) {
        let code = row.first().and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
        if let Some(code) = code {
            *codes.entry(code).or_default() += 1;
        }
    }
    codes
}

#[test]
fn troubleshooting_has_each_code_of_the_spec_once() -> Result<()> {
    let (spec, guide) = (document("spec/codes.md")?, document("docs/troubleshooting.md")?);
    let spec = coded(section(&spec, "Codes by name")?);
    ensure!(spec.len() > 100, "only {} codes", spec.len());
    assert_eq!(coded(&guide), spec);
    for row in rows(&guide).filter(|row| row.first().is_some_and(|cell| cell.starts_with('`'))) {
        let full = row.len() == 3 && row.iter().all(|cell| cell.len() > 3);
        ensure!(full, "a code, what it means, what to do: {row:?}");
    }
    Ok(())
}

/// The tests named in a document's tables.
fn shown(text: &str) -> impl Iterator<Item = &str> {
    rows(text)
        .filter_map(|row| row.last().copied())
        .flat_map(quoted)
        .filter(|name| name.matches('_').count() >= 3 && !name.contains([' ', '/', '.']))
}

#[test]
fn each_guarantee_is_in_one_document() -> Result<()> {
    let (security, architecture) = (document("SECURITY.md")?, document("ARCHITECTURE.md")?);
    let twice: Vec<&str> =
        shown(&security).filter(|name| shown(&architecture).any(|other| other == *name)).collect();
    ensure!(twice.is_empty(), "in SECURITY.md and in ARCHITECTURE.md: {twice:?}");
    ensure!(shown(&security).count() > 30 && shown(&architecture).count() > 60);
    Ok(())
}

/// The README's figures are on the page that the benchmark wrote, under the same command.
#[test]
fn the_readmes_figures_are_in_the_results() -> Result<()> {
    let (readme, results) = (document("README.md")?, document("benches/RESULTS.md")?);
    let mut seen = 0;
    for row in rows(section(&readme, "How fast")?) {
        let Some(command) = row.last().and_then(|cell| quoted(cell).next()) else { continue };
        let measured = results
            .split("\n## ")
            .find(|part| {
                part.contains(&format!("`{command}`")) || part.contains(&format!("`{command} "))
            })
            .with_context(|| format!("no results of {command}"))?;
        for figure in row.iter().flat_map(|cell| cell.split("**").skip(1).step_by(2)) {
            ensure!(measured.contains(figure), "{command}: {figure} is not in the results");
            seen += 1;
        }
    }
    ensure!(seen > 4, "only {seen} figures");
    Ok(())
}
