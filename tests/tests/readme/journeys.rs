//! `ARCHITECTURE.md` opens with three journeys through the code; what each line says about a file is in that file.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::blocks::{document, root};

/// The journeys, in order, and how many files each may have.
const JOURNEYS: [(&str, usize); 3] = [("a frame", 10), ("a login", 14), ("a revocation", 14)];

/// A line of a journey: the linked file, and what the line says.
fn step(line: &str) -> Result<(&str, &str)> {
    let (link, says) = line.split_once(')').context("no link")?;
    let (_, path) = link.split_once("](").context("no link")?;
    Ok((path, says))
}

/// The faults of one journey.
fn faults(text: &str, files_max: usize) -> Result<Vec<String>> {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    let is_step = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
    for line in text.lines().filter(is_step) {
        let (path, says) = step(line).with_context(|| line.to_owned())?;
        if !seen.insert(path) {
            faults.push(format!("{path} comes twice"));
        }
        if !root().join(path).is_file() {
            faults.push(format!("{path} is no file"));
            continue;
        }
        if !says.contains(" → ") {
            faults.push(format!("{path}: what it hands on is missing"));
        }
        let source = document(path)?;
        let has = |name: &&str| {
            ["(", "<"].iter().any(|after| source.contains(&format!("fn {name}{after}")))
        };
        if !says.split('`').skip(1).step_by(2).any(|name| has(&name)) {
            faults.push(format!("{path}: no function is named that is there"));
        }
    }
    if seen.len() < 8 || seen.len() > files_max {
        faults.push(format!("{} files, at most {files_max}", seen.len()));
    }
    Ok(faults)
}

#[test]
fn the_architecture_opens_with_three_true_journeys() -> Result<()> {
    let text = document("ARCHITECTURE.md")?;
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    for (section, (name, files_max)) in sections.iter().zip(JOURNEYS) {
        let heading = format!("Journey: {name}\n");
        ensure!(section.starts_with(&heading), "{heading:?} is not there in its order");
        let faults = faults(section, files_max)?;
        ensure!(faults.is_empty(), "{name}: {faults:#?}");
    }
    Ok(())
}

#[test]
fn a_false_line_in_a_journey_is_reported() -> Result<()> {
    let line = "1. [log](relay/src/log.rs): `nothing_of_this_name` → bytes.\n";
    let gone =
        "2. [gone](relay/src/gone.rs): `gone` → nothing.\n3. [log](relay/src/log.rs): says.\n";
    let found = faults(&format!("{line}{gone}"), 10)?;
    for fault in ["no function", "is no file", "comes twice", "hands on", "2 files"] {
        ensure!(found.iter().any(|found| found.contains(fault)), "{fault}: {found:?}");
    }
    Ok(())
}
