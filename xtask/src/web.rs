//! The web parts: installs what they need, and checks types, lints, tests and builds them. Brings a Node of its own
//! where the machine's is too old; never changes the machine's.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    install,
    lock::{self, SITES, Site},
    step::{Steps, command, root},
};

/// The first Node with all that the tools need: it runs TypeScript as it stands.
const NODE_MIN: (u32, u32) = (22, 18);
/// The Node that the npm package of that name brings where the machine's is older.
const NODE: &str = "node@22.23.3";
/// How many [`steps_of`] has.
pub(crate) const STEPS: usize = 12;

/// `cargo xtask web`.
pub(crate) fn task(docs: bool) -> bool {
    let mut steps = Steps::of(STEPS + 3 * SITES.len() + usize::from(docs));
    if let Some(web) = steps_of(&mut steps) {
        web.build_sites(&mut steps);
        if docs {
            steps.run("web: documentation", web.npm(&["run", "docs", "-w", "sdk/typescript"]));
        }
    }
    steps.finish()
}

/// `cargo xtask web --pages`.
pub(crate) fn pages() -> bool {
    let mut steps = Steps::of(3 * SITES.len());
    if let Some(web) = Web::installed(&mut steps) {
        web.build_sites(&mut steps);
    }
    steps.finish()
}

/// `cargo xtask web --watch`.
pub(crate) fn watch() -> bool {
    let mut steps = Steps::default();
    if let Some(web) = Web::installed(&mut steps) {
        steps.run("web: the classroom", web.npm(&["run", "watch", "-w", SITES[0].folder]));
    }
    steps.finish()
}

/// `cargo xtask web --screenshots`.
pub(crate) fn screenshots() -> bool {
    let mut steps = Steps::of(1);
    if let Some(web) = Web::installed(&mut steps) {
        let pictures = ["run", "--silent", "screenshots", "-w", SITES[0].folder];
        steps.run("web: pictures of the pages", web.npm(&pictures));
    }
    steps.finish()
}

/// `cargo xtask bench media`, with the release build.
pub(crate) fn media_bench(steps: &mut Steps) {
    if let Some(web) = Web::installed(steps) {
        let mut bench = web.program("node", &["sdk/typescript/test/media/bench.ts"]);
        bench.env("STAGEDOOR_BIN", root().join("target/release/stagedoor"));
        steps.run("picture and sound in Chromium", bench);
    }
}

/// Everything of the web parts that needs no binary; with what further steps run there.
pub(crate) fn steps_of(steps: &mut Steps) -> Option<Web> {
    let web = Web::installed(steps)?;
    let of_sdk = |script: &str| web.npm(&["run", "--silent", script, "-w", "sdk/typescript"]);
    steps.run(
        "web: lints and format",
        web.program("node_modules/.bin/biome", &["check", "--error-on-warnings"]),
    );
    steps.run("web: types are those of spec/", of_sdk("spec:check"));
    steps.run("web: types", of_sdk("types"));
    steps.run("web: units", of_sdk("test"));
    steps.run("web: build", of_sdk("build"));
    steps.run("web: sizes", of_sdk("sizes"));
    steps.run("web: publint", of_sdk("publint"));
    steps.run("web: arethetypeswrong", of_sdk("attw"));
    steps.run("web: packages", web.facts("test/package"));
    steps.run(
        "web: examples",
        web.npm(&["run", "--silent", "check", "-w", "examples/token-endpoint"]),
    );
    steps.run(
        "web: the classroom's backend",
        web.npm(&["run", "--silent", "check", "-w", "examples/classroom/backend"]),
    );
    steps.run(
        "web: types of the classroom",
        web.npm(&["run", "--silent", "types", "-w", SITES[0].folder]),
    );
    Some(web)
}

/// A Node that is new enough, with every package installed.
pub(crate) struct Web {
    /// Empty: those on the path.
    bin: PathBuf,
}

impl Web {
    /// Installs Node and the packages of the lock. `None` if they cannot be installed, which it reports.
    fn installed(steps: &mut Steps) -> Option<Self> {
        let web = Self { bin: node(steps)? };
        let (lock, done) =
            (root().join("package-lock.json"), root().join("node_modules/.installed"));
        if fs::read(&lock).ok().is_some_and(|lock| fs::read(&done).is_ok_and(|done| done == lock)) {
            return Some(web);
        }
        let installs =
            steps.prepare("web: install the packages of the lock", web.npm(&["ci", "--silent"]));
        if installs {
            // Where this fails they are installed again next time.
            let _ = fs::copy(lock, done);
        }
        installs.then_some(web)
    }

    /// A program with this Node on its path.
    pub(crate) fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = command(program, arguments);
        let path = env::var_os("PATH").unwrap_or_default();
        let places = [self.bin.clone()].into_iter().chain(env::split_paths(&path));
        let places = places.filter(|place| !place.as_os_str().is_empty());
        if let Ok(path) = env::join_paths(places) {
            command.env("PATH", path);
        }
        command
    }

    /// npm, with this Node.
    pub(crate) fn npm(&self, arguments: &[&str]) -> Command {
        self.program("npm", arguments)
    }

    /// Facts of the SDK that need more than the SDK.
    pub(crate) fn facts(&self, path: &str) -> Command {
        self.npm(&["run", "--silent", "facts", "-w", "sdk/typescript", "--", path])
    }

    /// Builds a site into its `dist`.
    fn build(&self, folder: &str) -> Command {
        self.npm(&["run", "--silent", "build", "-w", folder])
    }

    /// Builds every site, and writes its lock.
    fn build_sites(&self, steps: &mut Steps) {
        for site in &SITES {
            if steps.run(&format!("web: build {}", site.folder), self.build(site.folder)) {
                let fault = site.write(&root()).err().map(|error| error.to_string());
                steps.note(&format!("web: lock {}", site.folder), fault.as_slice());
            }
        }
        self.build_again(steps);
    }

    /// Builds every site again in an empty folder, and compares the bytes.
    pub(crate) fn build_again(&self, steps: &mut Steps) {
        for site in &SITES {
            let name = format!("web: {} is the same in another folder", site.folder);
            let faults = self.again(site).unwrap_or_else(|error| vec![error.to_string()]);
            steps.note(&name, &faults);
        }
    }

    /// What differs between a site as it is checked in and another build of it.
    fn again(&self, site: &Site) -> io::Result<Vec<String>> {
        let place = root().join("target/web/again");
        copied(&place, &[site.folder, "sdk/typescript"])?;
        let vite = root().join("node_modules/.bin/vite").display().to_string();
        let mut build = self.program(&vite, &["build", "--logLevel", "error"]);
        let status = build.current_dir(place.join(site.folder)).status()?;
        if !status.success() {
            return Ok(vec![format!("vite: {status}")]);
        }
        Ok(lock::differences(&root().join(site.dist()), &place.join(site.dist())))
    }

    /// Facts of the classroom's page, as `dev` serves it.
    pub(crate) fn classroom_facts(&self) -> Command {
        self.npm(&["run", "--silent", "facts", "-w", SITES[0].folder])
    }

    /// Facts of the client against a real relay.
    pub(crate) fn client_facts(&self) -> Command {
        self.npm(&["run", "--silent", "facts:client", "-w", "sdk/typescript"])
    }

    /// Facts of audio and video in Chromium against a real relay.
    pub(crate) fn media_facts(&self) -> Command {
        self.npm(&["run", "--silent", "facts:media", "-w", "sdk/typescript"])
    }
}

/// The folder of a Node that is new enough: empty for the machine's, else of one in `target/web`.
fn node(steps: &mut Steps) -> Option<PathBuf> {
    if is_new_enough(Path::new("node")) {
        return Some(PathBuf::new());
    }
    let place = root().join("target/web");
    let bin = place.join("node_modules/.bin");
    if !is_new_enough(&bin.join("node")) {
        if let Err(error) = fs::create_dir_all(&place) {
            steps.not_here("web", &error.to_string());
            return None;
        }
        steps.prepare("web: install Node", install::npm(&place, &["--no-save", NODE]));
    }
    is_new_enough(&bin.join("node")).then_some(bin)
}

/// Copies the sources of a site into an empty folder.
fn copied(place: &Path, folders: &[&str]) -> io::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    folders.iter().try_for_each(|folder| copy(&root().join(folder), &place.join(folder)))
}

fn copy(from: &Path, into: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, into) = (entry.path(), into.join(entry.file_name()));
        let is_made =
            ["dist", "docs", "node_modules"].iter().any(|made| entry.file_name() == *made);
        if is_made {
            continue;
        }
        if from.is_dir() {
            copy(&from, &into)?;
        } else {
            fs::copy(from, into)?;
        }
    }
    Ok(())
}

fn is_new_enough(node: &Path) -> bool {
    let output = Command::new(node).arg("--version").output().ok();
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.as_deref().and_then(version).is_some_and(|version| version >= NODE_MIN)
}

/// The first two numbers of `v22.18.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_what_node_says() {
        assert_eq!(version("v22.18.0\n"), Some((22, 18)));
        assert!(version("v20.20.2").is_some_and(|version| version < NODE_MIN));
        assert!(version("v24.1.0").is_some_and(|version| version >= NODE_MIN));
        assert_eq!(version("22.18.0"), None);
        assert_eq!(version(""), None);
    }
}
