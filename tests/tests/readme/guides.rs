//! README and the guides of `docs/`: every block in them is run, written or built by a test, or is on the list below
//! with the reason why not.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use stagedoor_tests::binary::binary;

use crate::{
    blocks::{Fate, blocks, document, fate, guides, root},
    tour::TOUR,
    walk::{Dev, Place, walk},
};

/// Blocks that no test runs: the document, the first line, how many lines, and the reason.
const NOT_RUN: &[(&str, &str, usize, &str)] = &[
    ("README.md", "cargo xtask dev", 1, "the tour begins with it"),
    ("README.md", "cargo xtask test", 1, "it runs this test"),
    (
        "docs/tour.md",
        r#"export PATH="$PWD/target/debug:$PATH""#,
        1,
        "the test has a path of its own",
    ),
    (
        "docs/coming-from-zegocloud.md",
        r#"{"alg":"token04","secret":"the 32 characters of the server secret"}"#,
        1,
        "a body to fill in; `field/token04.rs` imports a secret by it",
    ),
    ("docs/quickstart-node.md", "npm install jose@6.2.18", 1, INSTALLED),
    ("docs/quickstart-python.md", "python3 -m venv .venv && . .venv/bin/activate", 2, INSTALLED),
    (
        "docs/deploy.md",
        "cargo xtask release",
        3,
        "a release build, root, and a user of the machine",
    ),
    ("docs/deploy.md", "sudo systemctl daemon-reload", 3, "root, and a machine that systemd runs"),
    (
        "docs/deploy.md",
        "sudo cp examples/proxies/nginx.conf /etc/nginx/conf.d/stagedoor.conf && sudo nginx -t && sudo systemctl reload nginx",
        2,
        "root's folders; the files are run by `behind_nginx_every_upgrade_opens_on_a_used_connection` and the like",
    ),
    (
        "docs/deploy.md",
        "stagedoor directory export /srv/edge/directory.json --data /var/lib/stagedoor",
        2,
        "root's folders; `a_relay_alone_has_no_secret_of_its_deployment` runs both",
    ),
    (
        "docs/deploy.md",
        "sudo stagedoor master-key make /etc/stagedoor/master.key",
        2,
        "root's folders; `init_is_for_folders_in_clear_that_no_server_uses` and its neighbours run all of them",
    ),
    (
        "docs/deploy.md",
        "[server.master_key]",
        2,
        "`every_shipped_configuration_is_valid` has the same lines",
    ),
    ("docs/deploy.md", "sudo systemctl stop stagedoor", 3, "root, and a machine that systemd runs"),
    (
        "docs/deploy.md",
        "sudo stagedoor master-key make /etc/stagedoor/new.key && sudo chown stagedoor /etc/stagedoor/new.key",
        4,
        "root's folders; `the_master_key_rotates_while_requests_go_on` does the same",
    ),
    (
        "docs/single-sign-on.md",
        r#"const answer = await fetch("https://rooms.example/oauth/token", {"#,
        12,
        "it needs a provider; `an_id_token_of_oidc_provider_becomes_a_seat` sends the same form",
    ),
    ("docs/deploy.md", "[listen]", 6, "`the_configuration_shown_for_tls_is_the_shipped_one`"),
    (
        "docs/deploy.md",
        "sudo -u stagedoor target/dist/stagedoor config check --config /etc/stagedoor/stagedoor.toml",
        3,
        "a release build and root; the same check is run above it",
    ),
];
/// The packages that `guides_install_the_versions_that_are_tested` compares.
const INSTALLED: &str = "`cargo xtask test` installs the same versions";

/// Guides whose commands run in the root of the repository; the others run in any folder.
const AT_ROOT: &[&str] = &["docs/quickstart-rust.md"];

/// The expected output of a guide's sections.
const SAYS: &[(&str, usize, &str)] = &[
    ("README.md", 0, "data: 'hello'"),
    ("README.md", 0, "4300 left"),
    ("docs/quickstart-curl.md", 1, r#""valid":true"#),
    ("docs/quickstart-curl.md", 2, "101 Switching Protocols"),
    ("docs/quickstart-curl.md", 2, r#""ev":"joined""#),
    ("docs/quickstart-curl.md", 3, "401 Unauthorized"),
    ("docs/quickstart-curl.md", 3, r#""code":"token_invalid""#),
    ("docs/quickstart-curl.md", 4, r#""kind":"token.mint""#),
    ("docs/quickstart-curl.md", 4, r#""kind":"door""#),
    ("docs/quickstart-curl.md", 5, r#""token_type":"Bearer""#),
    ("docs/quickstart-node.md", 0, "valid          true"),
    ("docs/quickstart-node.md", 1, "good evening"),
    ("docs/quickstart-node.md", 1, "publish_denied"),
    ("docs/quickstart-python.md", 0, "valid          true"),
    ("docs/quickstart-python.md", 0, "grants_too_wide"),
    ("docs/quickstart-python.md", 0, "exit code 1"),
    ("docs/quickstart-python.md", 1, "ben says hello"),
    ("docs/quickstart-python.md", 1, "closed with 4300 left"),
    ("docs/quickstart-rust.md", 0, "valid          true"),
    ("docs/quickstart-rust.md", 1, "in lobby as host"),
    ("docs/quickstart-rust.md", 1, r#"reason: "left""#),
    ("docs/troubleshooting.md", 0, "room_mismatch"),
    ("docs/troubleshooting.md", 4, "exit code 1"),
    ("docs/single-sign-on.md", 0, "https://id.example"),
    ("docs/single-sign-on.md", 1, "room_refused"),
    ("docs/deploy.md", 2, "sdkey_"),
    ("docs/deploy.md", 3, "ok"),
    ("docs/deploy.md", 5, "stagedoor-new"),
    ("docs/coming-from-zegocloud.md", 0, "valid          true"),
    ("docs/coming-from-livekit.md", 1, "exit code 1"),
];

/// A block that is part of a file in the repository.
#[test]
fn the_configuration_shown_for_tls_is_the_shipped_one() -> Result<()> {
    let shipped = document("examples/configs/tls.toml")?;
    let lines: Vec<&str> = shipped.lines().filter(|line| !line.starts_with('#')).collect();
    let text = document("docs/deploy.md")?;
    ensure!(blocks(&text).iter().any(|block| block.body == lines.join("\n")), "{lines:?}");
    Ok(())
}

/// What `cargo xtask test` installs for Node and Python.
fn installed(variable: &str, default: &str) -> Result<PathBuf> {
    let path = env::var_os(variable)
        .map_or_else(|| root().join("target/interop").join(default), PathBuf::from);
    let path = std::path::absolute(path)?;
    ensure!(path.exists(), "there is no {}; `cargo xtask test` installs it", path.display());
    Ok(path)
}

/// The test's replacement for a guide's real machine.
struct Machine<'a> {
    folder: &'a Path,
    /// Where health and metrics are.
    operations: &'a str,
}

impl Machine<'_> {
    /// A text with folders, program and address replaced by the test's.
    fn moved(&self, text: &str) -> Result<String> {
        let folder = self.folder.display();
        let program = binary()?.display().to_string();
        let mut text = text
            .replace("sudo -u stagedoor ", "")
            .replace("sudo ", "")
            .replace("http://127.0.0.1:7881", self.operations)
            .replace("/usr/local/bin/stagedoor", &program);
        for root in ["/etc/", "/var/", "/root/"] {
            text = text.replace(root, &format!("{folder}{root}"));
        }
        Ok(text)
    }

    /// Writes a block to the file that it names.
    fn write(&self, file: &str, body: &str) -> Result<()> {
        let path = self.folder.join(file.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(std::fs::write(path, self.moved(body)? + "\n")?)
    }

    /// The commands of a guide that are run; its files are written.
    fn commands(&self, name: &str) -> Result<Vec<String>> {
        let text = document(name)?;
        let excused = excused(name);
        let mut sections = Vec::new();
        for block in blocks(&text) {
            match fate(&block, &text, &excused) {
                Fate::Run => sections.push(self.moved(&block.body)?),
                Fate::Written => self.write(block.file().context("its name")?, &block.body)?,
                _ => {}
            }
        }
        Ok(sections)
    }
}

/// The blocks of a document that are on the list: their first lines, and how many lines they have.
fn excused(name: &str) -> Vec<(&'static str, usize)> {
    NOT_RUN
        .iter()
        .filter(|(of, ..)| *of == name)
        .map(|(_, line, lines, _)| (*line, *lines))
        .collect()
}

#[test]
fn every_block_of_a_guide_is_tested_or_has_its_reason() -> Result<()> {
    let mut unused: BTreeSet<(&str, &str)> =
        NOT_RUN.iter().map(|(name, line, ..)| (*name, *line)).collect();
    let names = guides()?;
    ensure!(names.len() > 9, "only {names:?}");
    for name in &names {
        let text = document(name)?;
        for block in blocks(&text) {
            let fate = fate(&block, &text, &excused(name));
            let line = block.first_line();
            ensure!(fate != Fate::Untested, "{name}: nothing tests the block {line:?}");
            unused.retain(|entry| *entry != (name.as_str(), line));
        }
    }
    ensure!(unused.is_empty(), "on the list and in no document: {unused:?}");
    Ok(())
}

#[test]
fn the_commands_of_every_guide_run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("var/lib/stagedoor");
    let program = binary()?.display().to_string();
    let (_dev, printed) = Dev::start(&format!("exec {program} dev"), &data)?;
    let machine = Machine { folder: folder.path(), operations: &printed.operations };
    machine.write("/root/stagedoor.root", &printed.root)?;
    std::os::unix::fs::symlink(
        root().join("examples").canonicalize()?,
        folder.path().join("examples"),
    )?;
    let modules = installed("STAGEDOOR_NODE_MODULES", "node_modules")?;
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules"))?;
    let python = installed("STAGEDOOR_PYTHON", "venv/bin/python")?;
    let programs = [python.parent().context("its folder")?.to_owned()];
    for name in guides()?.iter().filter(|name| *name != TOUR) {
        let sections = machine.commands(name)?;
        let root = root();
        let at = if AT_ROOT.contains(&name.as_str()) { &root } else { folder.path() };
        let place = Place {
            export: &printed.export,
            folder: at,
            temporary: folder.path(),
            programs: &programs,
        };
        let begun = std::time::Instant::now();
        let walked = walk(&place, sections.iter()).with_context(|| name.clone())?;
        eprintln!("{name}: {} sections, {:.1?}", sections.len(), begun.elapsed());
        // systemd reports an unknown setting, and still exits with 0.
        let errors = &walked.errors;
        ensure!(!errors.contains(", ignoring"), "{name}: {errors}");
        for (_, at, what) in SAYS.iter().filter(|(of, ..)| of == name) {
            // The Rust examples print to standard error, as all our programs do for everything but the requested
            // output.
            if !(AT_ROOT.contains(&name.as_str()) && errors.contains(what)) {
                walked.shows(*at, what).with_context(|| name.clone())?;
            }
        }
    }
    Ok(())
}

/// The versions that the guides tell a reader to install are those that the tests install.
#[test]
fn guides_install_the_versions_that_are_tested() -> Result<()> {
    let package: serde_json::Value =
        serde_json::from_str(&document("tests/interop/package.json")?)?;
    let jose = package["dependencies"]["jose"].as_str().context("jose")?;
    ensure!(document("docs/quickstart-node.md")?.contains(&format!("npm install jose@{jose}\n")));
    let requirements = document("tests/interop/requirements.txt")?;
    let python = document("docs/quickstart-python.md")?;
    for package in ["PyJWT", "websockets"] {
        let pinned = requirements.lines().find(|line| line.starts_with(package));
        let pinned = pinned.with_context(|| package.to_owned())?;
        ensure!(python.contains(pinned), "{pinned} is not what the guide installs");
    }
    Ok(())
}
