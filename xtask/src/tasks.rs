//! The tasks.

use std::{process::Command, thread::available_parallelism};

use clap::Args;

use crate::{
    budget,
    install::{self, CargoTool},
    links, lock, order, sizes,
    step::{Steps, command, root, say},
    web,
};

/// Builds and starts Stagedoor for development.
pub(crate) fn dev(arguments: &[String]) -> bool {
    let mut cargo = command("cargo", &["run", "--package", "stagedoor", "--", "dev"]);
    cargo.args(arguments);
    say("building Stagedoor and its dependencies; this takes a few minutes the first time");
    cargo.status().is_ok_and(|status| status.success())
}

/// The number of steps of `checks`, and of those that `test` adds.
const CHECKS: usize = 11;
const TESTS: usize = 15 + web::STEPS;

fn checks(steps: &mut Steps) {
    steps.run("formatting", command("cargo", &["fmt", "--all", "--check"]));
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    steps.run("lints", command("cargo", &clippy));
    let mut doc = command("cargo", &["doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.run("documentation", doc);
    steps.note("links between documents", &links::faults(&root()));
    steps.note("built pages", &lock::faults(&root()));
    files(steps);
    steps.run("packages", packages());
    spelling(steps);
    dependencies(steps);
}

/// Finds misspelled words (`typos.toml` lists those that are meant).
fn spelling(steps: &mut Steps) {
    match install::typos(steps) {
        Some(typos) => {
            steps.run("spelling", command(&typos.display().to_string(), &["--format", "brief"]));
        }
        None => steps.not_here("spelling", "typos could not be installed"),
    }
}

/// Crates that are published.
const PUBLIC: &[&str] = &[
    "stagedoor-grants",
    "stagedoor-token",
    "stagedoor-token04",
    "stagedoor-wire",
    "stagedoor-client",
];

/// Packs the public crates, without building them a second time.
fn packages() -> Command {
    let mut pack = command("cargo", &["package", "--no-verify", "--allow-dirty", "--quiet"]);
    pack.args(PUBLIC.iter().flat_map(|name| ["--package", name]));
    pack
}

/// The order and the length of files.
fn files(steps: &mut Steps) {
    steps.note("order", &order::faults(&root()));
    steps.note("sizes", &sizes::faults(&root()));
}

/// Licences, bans and sources; advisories if their database can be fetched.
fn dependencies(steps: &mut Steps) {
    let Some(program) = CargoTool::begin("cargo-deny", "0.20.2").wait(steps) else {
        return steps.not_here("dependencies", "cargo-deny could not be installed");
    };
    steps.run(
        "licences, bans, sources",
        command(&program, &["--log-level", "error", "check", "licenses", "bans", "sources"]),
    );
    let mut fetch = command(&program, &["--log-level", "off", "fetch", "db"]);
    if fetch.output().is_ok_and(|output| output.status.success()) {
        steps
            .run("advisories", command(&program, &["--log-level", "error", "check", "advisories"]));
    } else {
        steps.not_here("advisories", "the RustSec database cannot be fetched");
    }
}

/// `cargo xtask check`.
pub(crate) fn check() -> bool {
    let mut steps = Steps::of(CHECKS);
    checks(&mut steps);
    steps.finish()
}

/// `cargo xtask order`.
pub(crate) fn order() -> bool {
    let mut steps = Steps::of(2);
    files(&mut steps);
    steps.finish()
}

/// `cargo xtask test`.
pub(crate) fn test() -> bool {
    let mut steps = Steps::of(CHECKS + TESTS);
    checks(&mut steps);
    // What follows mostly waits for the network and for Node, and leaves it a core.
    let nextest = CargoTool::begin("cargo-nextest", "0.9.151");
    install::everything(&mut steps);
    steps.run(
        "vectors match their script",
        command("python3", &["spec/vectors/make.py", "--check"]),
    );
    let web = web::steps_of(&mut steps);
    if let Some(web) = &web {
        web.build_again(&mut steps);
    }
    // By itself the binary would be built with fewer features of its dependencies, and then once more with the tests.
    let everything = ["build", "--workspace", "--all-targets", "--quiet"];
    steps.run("the binary and the tests", command("cargo", &everything));
    fuzz_targets(&mut steps);
    if let Some(web) = web {
        steps.run("tokens between TypeScript and others", web.facts("test/token"));
        steps.run("the TypeScript client in Node and Chromium", web.client_facts());
        steps.run("audio and video in Chromium", web.media_facts());
        steps.run("the classroom in Chromium", web.classroom_facts());
    }
    tests(&mut steps, nextest);
    budget::step(&mut steps);
    steps.finish()
}

/// Checks that the fuzz targets compile, so that they are there when somebody wants to run them.
fn fuzz_targets(steps: &mut Steps) {
    for folder in [
        "sdk/rust/token",
        "sdk/rust/token04",
        "sdk/rust/wire",
        "sdk/rust/client",
        "server",
        "trail",
        "rules",
    ] {
        let manifest = format!("{folder}/fuzz/Cargo.toml");
        let build = [
            "check",
            "--locked",
            "--quiet",
            "--manifest-path",
            &manifest,
            "--target-dir",
            "target",
        ];
        steps.run(&format!("fuzz targets of {folder}"), command("cargo", &build));
    }
}

/// Tests at once for each core: most of them wait for a socket or a clock.
const TESTS_PER_CORE: usize = 2;

/// Every Rust test, each in its own process and with a time limit (`.config/nextest.toml`).
fn tests(steps: &mut Steps, nextest: CargoTool) {
    match nextest.wait(steps) {
        Some(program) => {
            let cores = available_parallelism().map_or(1, usize::from);
            let at_once = (TESTS_PER_CORE * cores).to_string();
            let all = ["nextest", "run", "--workspace", "-j", &at_once];
            steps.run("tests", command(&program, &all));
        }
        None => {
            steps.not_here("time limits of tests", "cargo-nextest could not be installed");
            let all = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
            steps.run("tests", command("cargo", &all));
        }
    }
    steps.run("examples in the documentation", command("cargo", &["test", "--workspace", "--doc"]));
}

/// The options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Scenarios, including `token` and `media`; all by default.
    scenarios: Vec<String>,
    /// Number of rounds; the medians are reported.
    #[arg(long, default_value_t = 5)]
    rounds: u16,
    /// Run two short rounds, kept under target/bench/quick, to check that everything works.
    #[arg(long)]
    quick: bool,
    /// Fail if a goal is missed.
    #[arg(long)]
    check: bool,
}

/// Picture and sound from one page to another, in Chromium; it prints its figures.
const MEDIA: &str = "media";
/// Benchmarks that are separate programs, without peers; they print their figures.
const OWN_BENCHES: &[&str] = &["token", "revocations", "revoke"];

/// `cargo xtask bench`.
pub(crate) fn bench(asked: &Bench) -> bool {
    let mut steps = Steps::default();
    let build = ["build", "--release", "--quiet", "-p", "stagedoor", "-p", "stagedoor-benches"];
    if !steps.run("build", command("cargo", &build)) {
        return steps.finish();
    }
    let check = if asked.check { &["--check"][..] } else { &[] };
    let (own, others): (Vec<_>, Vec<_>) =
        asked.scenarios.iter().map(String::as_str).partition(|name| OWN_BENCHES.contains(name));
    let (media, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|name| *name == MEDIA);
    let all = asked.scenarios.is_empty();
    if all || !media.is_empty() {
        web::media_bench(&mut steps);
    }
    for name in OWN_BENCHES.iter().filter(|name| all || own.contains(name)) {
        steps.run(name, command(&format!("target/release/{name}"), check));
    }
    if all || !others.is_empty() {
        install::peers(&mut steps);
        let rounds = asked.rounds.to_string();
        let mut arguments = others;
        arguments.extend(["--rounds", &rounds]);
        arguments.extend(check);
        if asked.quick {
            arguments.push("--quick");
        }
        steps.run("side by side", command("target/release/bench", &arguments));
    }
    steps.finish()
}

/// `cargo xtask soak`.
pub(crate) fn soak(arguments: &[String]) -> bool {
    let mut steps = Steps::default();
    let build = ["build", "--release", "--quiet", "-p", "stagedoor", "-p", "stagedoor-benches"];
    if steps.run("build", command("cargo", &build)) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        steps.run("soak", command("target/release/soak", &arguments));
    }
    steps.finish()
}

/// `cargo xtask release`: the binary without its symbols, and they in a file beside it, where a debugger finds them.
pub(crate) fn release() -> bool {
    let mut steps = Steps::of(3);
    let into = root().join("target/dist");
    let (built, symbols) = ("target/release/stagedoor", "target/dist/stagedoor.debug");
    let build = ["build", "--release", "--locked", "--package", "stagedoor"];
    if !steps.run("the binary", command("cargo", &build)) || std::fs::create_dir_all(into).is_err()
    {
        return steps.finish();
    }
    let keep = ["--only-keep-debug", "--compress-debug-sections", built, symbols];
    let strip =
        ["--strip-all", &format!("--add-gnu-debuglink={symbols}"), built, "target/dist/stagedoor"];
    if steps.run("its symbols", command("objcopy", &keep)) {
        steps.run("without them", command("objcopy", &strip));
    }
    steps.finish()
}
