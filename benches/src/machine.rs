//! Where, when, and with which versions something was measured.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

/// Where, when, and with which versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The day and minute, in UTC.
    pub date: String,
    /// The processor's model.
    pub processor: String,
    /// Its cores.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// Whether server and generator each had a core of their own.
    pub pinned: bool,
    /// Names of programs and their versions.
    pub versions: Vec<(String, String)>,
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The number of files that this program may have open.
pub fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

/// The first line that a program prints; `None` if it does not exist.
pub fn said(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some(text.lines().next()?.trim().to_owned())
}

/// A package's version in the lock file.
fn locked(lock: &str, package: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split('"').next()?.to_owned())
}

fn stagedoor() -> String {
    let commit = said(Path::new("git"), &["rev-parse", "--short=10", "HEAD"]);
    let changed =
        said(Path::new("git"), &["status", "--porcelain", "-uno", "--", "*.rs", "*.toml"]);
    let changed = if changed.is_some() { " with changes" } else { "" };
    format!("{} ({}{changed})", env!("CARGO_PKG_VERSION"), commit.unwrap_or_default())
}

impl Machine {
    /// This machine, now. `programs` are further programs to ask for their version.
    pub fn here(pinned: bool, programs: &[(&str, PathBuf)]) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
        let mut versions = vec![("Stagedoor".to_owned(), stagedoor())];
        for (name, program) in programs {
            let version = said(program, &["--version"]);
            let version = version.as_deref().and_then(|line| line.split(' ').next_back());
            versions.push(((*name).into(), version.unwrap_or("not there").into()));
        }
        for package in ["tokio", "tokio-tungstenite", "mio"] {
            versions.push((package.into(), locked(&lock, package).unwrap_or_default()));
        }
        let rustc = said(Path::new("rustc"), &["--version"]).unwrap_or_default();
        versions.push(("rustc".into(), rustc.trim_start_matches("rustc ").into()));
        Self {
            date: said(Path::new("date"), &["-u", "+%F %H:%M UTC"]).unwrap_or_default(),
            processor: model.unwrap_or("an unknown processor").into(),
            // Not the ones that this program may use, because it is pinned.
            cores: cpu.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().into(),
            pinned,
            versions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_belongs_to_the_package_with_exactly_that_name() {
        let lock =
            "name = \"tokio-util\"\nversion = \"0.7\"\n\nname = \"tokio\"\nversion = \"1.5\"\n";
        assert_eq!(locked(lock, "tokio").as_deref(), Some("1.5"));
        assert_eq!(locked(lock, "toki"), None);
    }
}
