//! The documents say what is so: every command of the README is run as it stands, and every test and
//! dependency that the documents name is there.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::binary::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document(name: &str) -> Result<String> {
    std::fs::read_to_string(root().join(name)).with_context(|| name.to_owned())
}

/// The fenced blocks of a language, in order.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if found == language {
                blocks.push(block.join("\n"));
            }
        }
    }
    blocks
}

/// `cargo xtask dev` and all that it started; ended when dropped.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        // The group may be gone already.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// Runs the first command as it stands, on free ports and in a folder of its own; the line that it says is
/// for the walk-through.
fn dev(data: &Path) -> Result<(Dev, String)> {
    let command = "cargo xtask dev";
    ensure!(blocks(&document("README.md")?, "text").iter().any(|block| block == command));
    let child = Command::new("bash")
        .args(["-c", command])
        .current_dir(root())
        .env("STAGEDOOR_LISTEN__ADDRESS", "127.0.0.1:0")
        .env("STAGEDOOR_LISTEN__OPERATIONS", "127.0.0.1:0")
        .env("STAGEDOOR_SERVER__DATA_DIR", data)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut dev = Dev(child);
    let out = dev.0.stdout.take().context("its output")?;
    for line in BufReader::new(out).lines() {
        let line = line?;
        if line.trim_start().starts_with("export STAGEDOOR_URL=") {
            return Ok((dev, line));
        }
    }
    anyhow::bail!("it ended without the line for the walk-through")
}

/// The documents whose commands are run, in this order.
const TOUR: [&str; 1] = ["README.md"];
/// How long a walk through all of them may take.
const TOUR_TIMEOUT: &str = "600";

/// What the sections of a walk wrote, each by itself, and all that went to standard error.
struct Walked {
    sections: Vec<String>,
    errors: String,
}

impl Walked {
    fn shows(&self, at: usize, what: &str) -> Result<()> {
        let section = self.sections.get(at).map_or("", String::as_str);
        ensure!(section.contains(what), "section {at} does not say {what:?}:\n{section}");
        Ok(())
    }
}

/// Runs sections one after the other, as somebody does who pastes them into one terminal.
fn walk<'a>(
    export: &str,
    temporary: &Path,
    sections: impl Iterator<Item = &'a String>,
) -> Result<Walked> {
    let mut script = format!("set -euo pipefail\n{export}\n");
    for section in sections {
        script += section;
        script += "\necho '= done'\n";
    }
    let built = binary()?;
    let path = format!(
        "{}:{}",
        built.parent().context("its folder")?.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("timeout")
        .args([TOUR_TIMEOUT, "bash", "-c", &script])
        .current_dir(root())
        .env("PATH", path)
        .env("TMPDIR", temporary)
        .output()?;
    let out = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{out}\n{errors}");
    Ok(Walked { sections: out.split("= done\n").map(str::to_owned).collect(), errors })
}

/// The numbers below `count` in an order that a seed gives.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let (mut order, mut state) = ((0..count).collect::<Vec<_>>(), seed);
    for at in (1..count).rev() {
        // Knuth's generator, of which the high bits are good.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = (state >> 33) as usize % (at + 1);
        order.swap(at, other);
    }
    order
}

/// What the tour says when it is walked in order.
fn says_what_it_should(walked: &Walked) -> Result<()> {
    ensure!(walked.sections.len() > 12, "{} sections ran", walked.sections.len() - 1);
    for (at, what) in [
        (0, r#""expires_in_s":600"#),
        (1, "valid          true"),
        (2, "room_mismatch"),
        (2, "exit code 1"),
        (3, "exit code 1"),
        (4, "clock"),
        (5, "room.kick"),
        (6, "every picture, byte for byte"),
        (7, "ban"),
        (8, "seats"),
        (9, "reject"),
        (11, "to 50, 64 B, 64 in flight"),
        (11, "faults               none"),
        (11, r#""unit":"logins""#),
    ] {
        walked.shows(at, what)?;
    }
    let errors = &walked.errors;
    ensure!(errors.contains("clock #"), "no frame was received:\n{errors}");
    ensure!(errors.contains("grants_too_wide"), "the wide token was not refused:\n{errors}");
    ensure!(
        errors.contains(r#"code: 4301, reason: "kicked""#),
        "the publisher was not told why it was closed:\n{errors}"
    );
    Ok(())
}

#[test]
fn the_tour_runs_twice_and_then_in_any_order() -> Result<()> {
    let data = tempfile::tempdir()?;
    let (_dev, export) = dev(data.path())?;
    let mut sections = Vec::new();
    for name in TOUR {
        sections.extend(blocks(&document(name)?, "sh"));
    }
    let look = [r#"stagedoor role export "$APP"; stagedoor revoke list "$APP" --json | grep -c '"ban":true' || true"#.to_owned()];
    let found = walk(&export, data.path(), look.iter())?.sections;
    for time in ["first", "second"] {
        let walked = walk(&export, data.path(), sections.iter());
        says_what_it_should(&walked.with_context(|| format!("the {time} time"))?)?;
    }
    let page = std::fs::read_to_string(data.path().join("latency.html"))?;
    ensure!(page.contains("<svg"), "no chart in the page");
    for seed in [1, 2] {
        let order = shuffled(sections.len(), seed);
        eprintln!("seed {seed}: {order:?}");
        let shuffled = order.iter().filter_map(|at| sections.get(*at));
        let walked = walk(&export, data.path(), shuffled);
        walked.with_context(|| format!("seed {seed}: {order:?}"))?;
    }
    let left = walk(&export, data.path(), look.iter())?.sections;
    assert_eq!(left, found, "roles and bans are left as they were found");
    Ok(())
}

#[test]
fn ci_runs_the_test_command_of_the_readme_and_nothing_else() -> Result<()> {
    let ci = document(".ci/run")?;
    let commands: Vec<&str> = ci
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|line| !line.starts_with("set ") && !line.starts_with("cd "))
        .collect();
    assert_eq!(commands, ["cargo xtask test"]);
    assert!(blocks(&document("README.md")?, "text").iter().any(|block| block == commands[0]));
    Ok(())
}

/// The names of the tests in a source: functions with an attribute that makes them one.
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

/// Every name of a test in the sources of a folder.
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
fn every_test_that_a_document_names_is_there() -> Result<()> {
    let mut tests = BTreeSet::new();
    for folder in [
        "sdk",
        "bus",
        "server",
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
