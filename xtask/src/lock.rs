//! What the built pages were made of: `web.lock` beside each, so that a machine without Node sees whether they are older
//! than their sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// A site that is checked in as built.
pub(crate) struct Site {
    /// Its folder.
    pub(crate) folder: &'static str,
    /// Files and folders that it is made of; `dist` is what was built.
    sources: &'static [&'static str],
}

/// The sites.
pub(crate) const SITES: [Site; 1] = [Site {
    folder: "examples/classroom/web",
    sources: &[
        "examples/classroom/web/index.html",
        "examples/classroom/web/package.json",
        "examples/classroom/web/public",
        "examples/classroom/web/src",
        "examples/classroom/web/tsconfig.json",
        "examples/classroom/web/vite.config.ts",
        "package-lock.json",
        "sdk/typescript/src",
        "sdk/typescript/tsconfig.json",
    ],
}];

const HEAD: &str = "# SHA-256 and path of everything that dist was built of, and of what it is. Written by cargo xtask web.\n";
const REMEDY: &str = "the built pages are older than their sources: run cargo xtask web";

impl Site {
    /// Where it is built.
    pub(crate) fn dist(&self) -> PathBuf {
        Path::new(self.folder).join("dist")
    }

    fn lock(&self) -> PathBuf {
        Path::new(self.folder).join("web.lock")
    }

    /// The files as they are now, with their digests.
    fn now(&self, root: &Path) -> io::Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for source in self.sources {
            add(root, Path::new(source), &mut found)?;
        }
        add(root, &self.dist(), &mut found)?;
        Ok(found)
    }

    /// Writes the lock.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        let mut text = HEAD.to_owned();
        for (path, digest) in self.now(root)? {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{digest}  {path}");
        }
        fs::write(root.join(self.lock()), text)
    }

    /// What is not as the lock says.
    fn faults(&self, root: &Path) -> Vec<String> {
        let lock = self.lock();
        let Ok(text) = fs::read_to_string(root.join(&lock)) else {
            return vec![format!("{}: cannot be read: run cargo xtask web", lock.display())];
        };
        let locked: BTreeMap<_, _> = text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| (path, digest))
            .collect();
        let now = match self.now(root) {
            Ok(now) => now,
            Err(error) => return vec![format!("{}: {error}: run cargo xtask web", self.folder)],
        };
        let paths: BTreeSet<&str> =
            locked.keys().copied().chain(now.keys().map(String::as_str)).collect();
        let differs = |path: &&str| locked.get(path).copied() != now.get(*path).map(String::as_str);
        let dist = self.dist().display().to_string();
        let fault = |path: &str| {
            if path.starts_with(&dist) {
                format!("{path}: is not what was built: run cargo xtask web")
            } else {
                format!("{path}: {REMEDY}")
            }
        };
        paths.into_iter().filter(differs).map(fault).collect()
    }
}

/// What is not as the locks say, as lines that say what to do.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    SITES.iter().flat_map(|site| site.faults(root)).collect()
}

/// Adds a file, or the files of a folder and of those in it.
fn add(root: &Path, path: &Path, found: &mut BTreeMap<String, String>) -> io::Result<()> {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full)? {
            add(root, &path.join(entry?.file_name()), found)?;
        }
    } else {
        found.insert(path.display().to_string(), hex(&Sha256::digest(fs::read(full)?)));
    }
    Ok(())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What differs between two folders, as lines.
pub(crate) fn differences(built: &Path, again: &Path) -> Vec<String> {
    let of = |folder: &Path| {
        let mut found = BTreeMap::new();
        add(folder, Path::new(""), &mut found).map(|()| found)
    };
    let (built, again) = match (of(built), of(again)) {
        (Ok(built), Ok(again)) => (built, again),
        (Err(error), _) | (_, Err(error)) => return vec![error.to_string()],
    };
    let names: BTreeSet<_> = built.keys().chain(again.keys()).collect();
    let differs = |name: &&String| built.get(*name) != again.get(*name);
    let fault =
        |name: &String| format!("{name}: another build of the same sources has other bytes");
    names.into_iter().filter(differs).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: Site = Site { folder: "page", sources: &["page/src", "lock.json"] };

    fn planted() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in [
            ("page/src/a.ts", "a"),
            ("page/src/b/c.ts", "c"),
            ("page/dist/a.js", "a"),
            ("lock.json", "{}"),
        ] {
            write(root.path(), path, text);
        }
        SITE.write(root.path()).expect("a lock");
        root
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn what_was_just_built_has_no_fault() {
        assert_eq!(SITE.faults(planted().path()), Vec::<String>::new());
    }

    #[test]
    fn a_changed_new_or_missing_source_is_found() {
        for (path, text) in [("page/src/a.ts", "b"), ("page/src/b/d.ts", "d"), ("lock.json", "[]")]
        {
            let root = planted();
            write(root.path(), path, text);
            assert_eq!(SITE.faults(root.path()), [format!("{path}: {REMEDY}")]);
        }
        let root = planted();
        fs::remove_file(root.path().join("page/src/b/c.ts")).expect("it was there");
        assert_eq!(SITE.faults(root.path()), [format!("page/src/b/c.ts: {REMEDY}")]);
    }

    #[test]
    fn a_built_file_that_was_edited_or_added_is_found() {
        for path in ["page/dist/a.js", "page/dist/more.js"] {
            let root = planted();
            write(root.path(), path, "edited");
            let faults = SITE.faults(root.path());
            assert_eq!(faults, [format!("{path}: is not what was built: run cargo xtask web")]);
        }
    }

    #[test]
    fn a_missing_lock_is_found() {
        let root = planted();
        fs::remove_file(root.path().join("page/web.lock")).expect("it was there");
        assert_eq!(
            SITE.faults(root.path()),
            ["page/web.lock: cannot be read: run cargo xtask web"]
        );
    }

    #[test]
    fn two_builds_are_compared_by_their_bytes() {
        let (built, again) = (planted(), planted());
        assert_eq!(differences(built.path(), again.path()), Vec::<String>::new());
        write(again.path(), "page/dist/a.js", "b");
        write(built.path(), "page/dist/b.js", "b");
        let faults = differences(built.path(), again.path());
        assert!(faults.len() == 2 && faults[0].starts_with("page/dist/a.js"), "{faults:?}");
    }
}
