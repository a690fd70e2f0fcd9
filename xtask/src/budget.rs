//! `cargo xtask budget`: compares how many instructions each hot path takes with `benches/budget.toml`. Valgrind counts
//! instructions instead of timing them, so a busy machine gives the same result.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};

use crate::{
    install,
    step::{Steps, command, root, say},
};

/// The package whose binary runs the paths.
const PACKAGE: &str = "stagedoor-counts";
/// The function in it whose instructions are counted.
const COUNTED: &str = "*::count::counted*";
/// The share by which a count may differ from its budget.
const TOLERANCE_PERCENT: u64 = 10;

/// A path, and another whose count it may exceed by this much: what must cost the same small and large.
const RATIOS_PERCENT: &[(&str, &str, u64)] = &[
    ("drain_10_000_seats", "drain_1_000_seats", 150),
    ("drain_50_000_seats", "drain_1_000_seats", 150),
];

/// The beginning of the names of paths that must cost the same, and how far the cheapest and the dearest may lie apart,
/// in percent: whoever measured a difference would learn a secret (`spec/token04.md` §What CBC costs).
const SAME_PERCENT: &[(&str, u64)] = &[("token04_unproven_", 2), ("token04_gcm_", 2)];
/// Paths that differ from those on purpose, which the comparison must find.
const PLANTED: &[(&str, &str)] = &[("token04_planted_", "token04_unproven_")];

const HEAD: &str = "\
# Instructions that one run of each hot path takes, counted by valgrind in a release build on x86-64.
# `cargo xtask budget` fails on a count that is more than 10 % off, and `cargo xtask budget --write` writes
# this file; a commit that changes a budget says why.
";

/// Instructions per path.
type Counts = BTreeMap<String, u64>;

/// `cargo xtask budget`.
pub(crate) fn task(write: bool) -> bool {
    let mut steps = Steps::default();
    if !write {
        step(&mut steps);
    } else if let Some(counts) = count(&mut steps) {
        let faults = save(&counts).err().map(|error| format!("{error:#}"));
        steps.note("budgets are written", faults.as_slice());
    }
    steps.finish()
}

/// Counts, prints the table, and reports what is off its budget.
pub(crate) fn step(steps: &mut Steps) {
    let Some(counts) = count(steps) else { return };
    let faults = match budgets() {
        Ok(budgets) => {
            say(&table(&counts, &budgets));
            faults(&counts, &budgets)
        }
        Err(error) => vec![format!("{error:#}")],
    };
    steps.note("budgets of instructions", &faults);
}

fn file() -> PathBuf {
    root().join("benches/budget.toml")
}

fn budgets() -> Result<Counts> {
    let text = fs::read_to_string(file()).context("cannot read benches/budget.toml")?;
    toml::from_str(&text).context("benches/budget.toml must contain names and counts")
}

fn save(counts: &Counts) -> Result<()> {
    let mut text = HEAD.to_owned();
    for (name, count) in counts {
        writeln!(text, "{name} = {count}")?;
    }
    fs::write(file(), text).context("cannot write benches/budget.toml")
}

/// Builds and counts. `None` if that failed or is not possible here, which is reported.
fn count(steps: &mut Steps) -> Option<Counts> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        steps.not_here("budgets of instructions", "they are for Linux on x86-64");
        return None;
    }
    if !install::valgrind(steps) {
        return None;
    }
    let build = ["build", "--release", "--quiet", "--package", PACKAGE];
    if !steps.run("the hot paths, as released", command("cargo", &build)) {
        return None;
    }
    match count_all() {
        Ok(counts) => Some(counts),
        Err(error) => {
            steps.note("count of instructions", &[format!("{error:#}")]);
            None
        }
    }
}

fn count_all() -> Result<Counts> {
    // The binary is found relative to this one, wherever the build folder is.
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).context("cannot find the build folder")?;
    let binary = target.join("release").join(PACKAGE).display().to_string();
    let listed = command(&binary, &[]).output().context("cannot start the hot paths")?;
    let mut counts = Counts::new();
    for line in String::from_utf8(listed.stdout)?.lines() {
        match *line.split(' ').collect::<Vec<_>>() {
            [name, times] => {
                let total = count_one(&binary, name)?;
                counts.insert(name.into(), total / times.parse::<u64>()?);
            }
            [name, "=", whole, "-", part] => {
                let of =
                    |name| counts.get(name).with_context(|| format!("no path {name} came before"));
                counts.insert(name.into(), of(whole)?.saturating_sub(*of(part)?));
            }
            _ => anyhow::bail!("no path: {line}"),
        }
    }
    ensure!(!counts.is_empty(), "no path was counted");
    Ok(counts)
}

/// All instructions of one path's runs.
fn count_one(binary: &str, name: &str) -> Result<u64> {
    let out = PathBuf::from(format!("{binary}.{name}.callgrind"));
    let arguments = [
        "--tool=callgrind",
        &format!("--toggle-collect={COUNTED}"),
        &format!("--callgrind-out-file={}", out.display()),
        "--quiet",
        binary,
        name,
    ];
    let mut valgrind = command("valgrind", &arguments);
    // The environment is on the stack, and moves everything after it.
    valgrind.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path)));
    let ran = valgrind.stdout(Stdio::null()).status().context("cannot start valgrind")?;
    ensure!(ran.success(), "{name} failed under valgrind");
    let text = fs::read_to_string(&out).with_context(|| format!("{name} has no count"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.context("valgrind wrote no total")?.trim().parse()?;
    ensure!(total > 0, "{name}: nothing was counted");
    Ok(total)
}

fn change_percent(count: u64, budget: u64) -> f64 {
    (count as f64 / budget as f64 - 1.0) * 100.0
}

fn table(counts: &Counts, budgets: &Counts) -> String {
    let mut text = format!("{:<28} {:>10} {:>10} {:>9}", "path", "count", "budget", "change");
    for (name, &count) in counts {
        text += &match budgets.get(name) {
            Some(&budget) => {
                let change = change_percent(count, budget);
                format!("\n{name:<28} {count:>10} {budget:>10} {change:>+7.1} %")
            }
            None => format!("\n{name:<28} {count:>10} {:>10}", "none"),
        };
    }
    text
}

/// Paths that are off their budgets or have none, and budgets without a path.
fn faults(counts: &Counts, budgets: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, &count) in counts {
        let Some(&budget) = budgets.get(name) else {
            faults.push(format!("{name} has no budget; `cargo xtask budget --write` gives it one"));
            continue;
        };
        let change = change_percent(count, budget).abs();
        if count * 100 > budget * (100 + TOLERANCE_PERCENT) {
            faults.push(format!(
                "{name} takes {count} instructions, {change:.1} % over its budget of {budget}; make it \
                 cheaper, or raise the budget in the same commit and say why"
            ));
        } else if count * 100 < budget * (100 - TOLERANCE_PERCENT) {
            faults.push(format!(
                "{name} takes {count} instructions, {change:.1} % under its budget of {budget}; lower the \
                 budget in the same commit, so that the gain is kept (`cargo xtask budget --write`)"
            ));
        }
    }
    for (large, small, percent) in RATIOS_PERCENT {
        if let (Some(of_large), Some(of_small)) = (counts.get(*large), counts.get(*small))
            && of_large * 100 > of_small * percent
        {
            faults.push(format!("{large} takes {of_large} instructions, {small} {of_small}"));
        }
    }
    faults.extend(SAME_PERCENT.iter().filter_map(|(of, percent)| {
        apart(counts, &[of], *percent).map(|(cheap, dear)| {
            format!("{cheap} and {dear} must take the same number of instructions, to {percent} %")
        })
    }));
    for (planted, of) in PLANTED {
        let percent = SAME_PERCENT.iter().find(|(same, _)| same == of).map_or(0, |same| same.1);
        let is_counted = counts.keys().any(|name| name.starts_with(planted));
        if is_counted && apart(counts, &[planted, of], percent).is_none() {
            faults
                .push(format!("the fault planted in {planted}* is not found: the count is blind"));
        }
    }
    let gone = budgets.keys().filter(|name| !counts.contains_key(*name));
    faults.extend(gone.map(|name| format!("{name} has a budget but is not a path")));
    faults
}

/// The cheapest and the dearest of the paths whose names begin so, with their counts, if they lie too far apart.
fn apart(counts: &Counts, begin: &[&str], percent: u64) -> Option<(String, String)> {
    let of = || counts.iter().filter(|(name, _)| begin.iter().any(|begin| name.starts_with(begin)));
    let (cheap, dear) = (of().min_by_key(|path| path.1)?, of().max_by_key(|path| path.1)?);
    let text = |(name, count): (&String, &u64)| format!("{name} ({count})");
    (dear.1 * 100 > cheap.1 * (100 + percent)).then(|| (text(cheap), text(dear)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(all: &[(&str, u64)]) -> Counts {
        all.iter().map(|&(name, count)| (name.into(), count)).collect()
    }

    #[test]
    fn a_count_within_10_percent_of_its_budget_passes() {
        let budgets = counts(&[("a", 1_000)]);
        for (count, over, under) in
            [(899, 0, 1), (900, 0, 0), (1_000, 0, 0), (1_100, 0, 0), (1_101, 1, 0)]
        {
            let found = faults(&counts(&[("a", count)]), &budgets);
            let of = |word| found.iter().filter(|fault| fault.contains(word)).count();
            assert_eq!((of("over its"), of("under its")), (over, under), "{count}");
            assert_eq!(found.len(), over + under);
        }
    }

    #[test]
    fn a_path_whose_cost_grows_with_size_is_a_fault() {
        for (large, found) in [(150, 0), (151, 1)] {
            let counts = counts(&[("drain_1_000_seats", 100), ("drain_50_000_seats", large)]);
            assert_eq!(faults(&counts, &counts).len(), found, "{large}");
        }
    }

    #[test]
    fn failures_that_do_not_cost_the_same_are_a_fault() {
        for (dear, found) in [(100, 0), (102, 0), (103, 1)] {
            let counts = counts(&[("token04_unproven_a", 100), ("token04_unproven_b", dear)]);
            assert_eq!(faults(&counts, &counts).len(), found, "{dear}");
        }
    }

    #[test]
    fn a_planted_early_return_that_is_not_found_is_a_fault() {
        for (planted, found) in [(50, 0), (99, 1), (102, 1), (103, 0)] {
            let of = [("token04_planted_a", planted), ("token04_unproven_a", 100)];
            assert_eq!(faults(&counts(&of), &counts(&of)).len(), found, "{planted}");
        }
    }

    #[test]
    fn a_path_without_a_budget_and_a_budget_without_a_path_are_faults() {
        let found = faults(&counts(&[("a", 1)]), &counts(&[("b", 1)]));
        assert!(found[0].starts_with("a has no budget"), "{found:?}");
        assert!(found[1].starts_with("b has a budget"), "{found:?}");
    }
}
