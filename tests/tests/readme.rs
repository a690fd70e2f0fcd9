//! The documents are true: every command of the guides is run as written, and every test, dependency and code that the
//! documents name exists.

#[path = "readme/blocks.rs"]
mod blocks;
#[path = "readme/guides.rs"]
mod guides;
#[path = "readme/journeys.rs"]
mod journeys;
#[path = "readme/tables.rs"]
mod tables;
#[path = "readme/tour.rs"]
mod tour;
#[path = "readme/walk.rs"]
mod walk;

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};

use crate::blocks::{bodies, document, root};

#[test]
fn ci_runs_the_test_command_of_the_readme_and_nothing_else() -> Result<()> {
    let ci = document(".ci/run")?;
    let commands: Vec<&str> = ci
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|line| !line.starts_with("set ") && !line.starts_with("cd "))
        .collect();
    assert_eq!(commands, ["cargo xtask test"]);
    assert!(bodies(&document("README.md")?, "text").iter().any(|block| block == commands[0]));
    Ok(())
}

/// The names of the tests in a source: functions with a test attribute.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut attributes = String::new();
    let mut open = false;
    for line in source.lines().map(str::trim) {
        if open || line.starts_with("#[") {
            attributes += line;
            open = attributes.matches('[').count() > attributes.matches(']').count();
        } else if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
            let is_test = ["#[test]", "#[tokio::test]", "#[tokio::test("]
                .iter()
                .any(|attribute| attributes.contains(attribute));
            if is_test && !attributes.contains("#[ignore") {
                tests.extend(rest.split('(').next());
            }
            attributes.clear();
        } else if !line.starts_with("//") {
            attributes.clear();
        }
    }
    tests
}

#[test]
fn a_function_is_a_test_by_its_attribute_alone() {
    let source = "
        proptest! {
            #![proptest_config(config())]

            fn helper_of_a_property(a: u8) {}

            /// Sampled.
            #[test]
            fn sampled(a in 0..9) {
                fn within() {}
            }
        }
        #[test]
        #[should_panic]
        fn plain() {}
        #[tokio::test(
            flavor = \"multi_thread\"
        )]
        // A word.
        async fn parallel() -> Result<()> {}
        #[tokio::test]
        async fn single() {}
        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}
        // #[test]
        fn commented() {}
        #[test]
        const BETWEEN: u8 = 0;
        fn after() {}
        #[cfg(test)]
        fn configured() {}";
    let tests: Vec<&str> = tests_in(source).into_iter().collect();
    assert_eq!(tests, ["parallel", "plain", "sampled", "single"]);
}

/// Every test's name in the sources of a folder.
fn tests_of(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "node_modules") {
                tests_of(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            found.extend(tests_in(&text).into_iter().map(str::to_owned));
        }
    }
    Ok(())
}

#[test]
fn every_test_named_in_a_document_exists() -> Result<()> {
    let mut tests = BTreeSet::new();
    for folder in [
        "sdk",
        "bus",
        "server",
        "trail",
        "relay",
        "load",
        "stagedoor",
        "examples",
        "tests",
        "benches",
        "xtask",
    ] {
        tests_of(&root().join(folder), &mut tests)?;
    }
    let mut named = 0;
    for name in ["README.md", "ARCHITECTURE.md", "SECURITY.md"] {
        for row in document(name)?.lines().filter(|line| line.starts_with('|')) {
            let shown = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
            let quoted = shown.split('`').skip(1).step_by(2);
            for test in quoted.filter(|quoted| {
                quoted.matches('_').count() >= 3 && !quoted.contains([' ', '/', '.'])
            }) {
                assert!(tests.contains(test), "{name} names {test}, which is no test");
                named += 1;
            }
        }
    }
    assert!(named > 40, "only {named} tests are named");
    Ok(())
}

#[test]
fn every_dependency_has_its_reason() -> Result<()> {
    let manifest = document("Cargo.toml")?;
    let after = manifest.split("[workspace.dependencies]").nth(1).context("the section")?;
    let section = after.split("\n[").next().unwrap_or_default();
    let reasons = document("ARCHITECTURE.md")?;
    let mut seen = 0;
    for line in section.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once(" = ") else { continue };
        if !value.contains("path =") {
            assert!(reasons.contains(&format!("`{name}`")), "{name} has no reason");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} dependencies were seen");
    Ok(())
}
