//! Checks the order of each crate's files: a file uses only files further down the list in its `lib.rs`, and each file
//! is in that list.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

use crate::{
    source::{built, words},
    uses::{Named, paths},
};

/// A module's path from the crate root.
type Module = Vec<String>;

/// A file of a crate.
struct File {
    path: PathBuf,
    named: Vec<Named>,
}

/// A crate. Its root (`lib.rs`, or `main.rs` if there is none) is the module with an empty name.
struct Crate {
    /// The root's path and text.
    root: (PathBuf, String),
    files: BTreeMap<Module, File>,
}

/// What is out of order in the workspace, as lines that say where, and what to do.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    match members(root) {
        Ok(members) => members.iter().flat_map(|member| of_crate(root, member)).collect(),
        Err(error) => vec![error],
    }
}

/// The folders of the workspace's crates.
pub(crate) fn members(root: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(root.join("Cargo.toml"))
        .map_err(|error| format!("cannot read Cargo.toml: {error}"))?;
    let manifest: toml::Table =
        text.parse().map_err(|error| format!("cannot parse Cargo.toml: {error}"))?;
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members"));
    let members = members.and_then(toml::Value::as_array).ok_or("Cargo.toml has no members")?;
    Ok(members.iter().filter_map(toml::Value::as_str).map(ToOwned::to_owned).collect())
}

/// What is out of order in the crate in folder `root`.
fn of_crate(root: &Path, member: &str) -> Vec<String> {
    let Some(found) = Crate::read(root, member) else {
        return vec![format!("{member}: cannot read src/lib.rs or src/main.rs")];
    };
    let (list, mut faults) = found.list();
    for (module, file) in &found.files {
        if !module.is_empty() && !list.contains_key(module) {
            let (name, list) = (module.join("::"), found.root.0.display());
            faults.push(format!(
                "{}:1: `{name}` is not in the list of {list}: add it there",
                file.path.display()
            ));
        }
    }
    faults.extend(found.upward(&list));
    faults
}

impl Crate {
    fn read(root: &Path, member: &str) -> Option<Self> {
        let source = Path::new(member).join("src");
        let root_file = ["lib.rs", "main.rs"]
            .into_iter()
            .find(|name| root.join(&source).join(name).is_file())?;
        let path = source.join(root_file);
        let text = std::fs::read_to_string(root.join(&path)).ok()?;
        let mut files = BTreeMap::new();
        add(root, &source, &path, &[], &mut files);
        Some(Self { root: (path, text), files })
    }

    /// The places of the modules in the root's list, and the faults of the list.
    fn list(&self) -> (BTreeMap<Module, usize>, Vec<String>) {
        let (mut places, mut faults) = (BTreeMap::new(), Vec::new());
        for (index, line) in self.root.1.lines().enumerate() {
            let Some(module) = listed(line) else { continue };
            let at = format!("{}:{}", self.root.0.display(), index + 1);
            let name = module.join("::");
            if !self.files.contains_key(&module) {
                faults.push(format!(
                    "{at}: `{name}` is listed, but there is no such file: remove it"
                ));
            }
            let place = places.len() + 1;
            if places.insert(module, place).is_some() {
                faults.push(format!("{at}: `{name}` is listed twice: keep one of the two"));
            }
        }
        if places.is_empty() && self.files.len() > 1 {
            faults.push(format!(
                "{}:1: there is no numbered list of the files: write one",
                self.root.0.display()
            ));
        }
        (places, faults)
    }

    /// Uses of files that are not further down, and the circles that they close.
    fn upward(&self, list: &BTreeMap<Module, usize>) -> Vec<String> {
        let (mut faults, mut told) = (Vec::new(), BTreeSet::new());
        for (module, file) in &self.files {
            let Some(place) = list.get(module) else { continue };
            for (used, line) in self.used(module, file) {
                // The root is above its whole list.
                let is_above = used.is_empty() || list.get(&used).is_some_and(|used| used < place);
                if is_above && told.insert((module, used.clone())) {
                    let at = format!("{}:{line}", file.path.display());
                    faults.push(self.fault(&at, module, &used));
                }
            }
        }
        faults
    }

    /// The message about a use that goes up.
    fn fault(&self, at: &str, module: &Module, used: &Module) -> String {
        let name = shown(used);
        let Some(way) = self.way(used, module) else {
            return format!(
                "{at}: uses `{name}`, which stands above it: list it further down, or move what is used into a file further down"
            );
        };
        let way: Vec<String> = way.iter().map(shown).collect();
        format!(
            "{at}: uses `{name}`, which stands above it and uses it (a circle: {} -> {}): move what both need into a file below both of them",
            shown(module),
            way.join(" -> ")
        )
    }

    /// The modules that a file uses, with the line.
    fn used(&self, module: &Module, file: &File) -> Vec<(Module, usize)> {
        let found = |named: &Named| Some((self.owner(module, &named.path, 0)?, named.line));
        file.named.iter().filter_map(found).filter(|(used, _)| used != module).collect()
    }

    /// The module that a path refers to from `from`; `None` for other crates.
    fn owner(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (mut at, rest) = match path.first()?.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                (from[..from.len().checked_sub(up)?].to_vec(), &path[up..])
            }
            first => {
                let child = [from.as_slice(), &[first.to_owned()]].concat();
                self.files.contains_key(&child).then_some((from.clone(), path))?
            }
        };
        for (index, part) in rest.iter().enumerate() {
            let child = [at.as_slice(), std::slice::from_ref(part)].concat();
            if self.files.contains_key(&child) {
                at = child;
                continue;
            }
            // A re-exported name belongs to the file where it is defined.
            let passed = self.files.get(&at)?.named.iter();
            let passed = passed
                .filter(|named| named.brings.as_ref() == Some(part))
                .find(|named| named.path.last() != Some(part) || named.path.len() > 1);
            return match passed {
                Some(named) if depth < 8 => {
                    let path = [named.path.as_slice(), &rest[index + 1..]].concat();
                    self.owner(&at, &path, depth + 1)
                }
                _ => Some(at),
            };
        }
        Some(at)
    }

    /// The shortest chain of uses from one module to another, both included.
    fn way(&self, from: &Module, to: &Module) -> Option<Vec<Module>> {
        let mut before: BTreeMap<Module, Module> = BTreeMap::new();
        let mut waiting = VecDeque::from([from.clone()]);
        while let Some(module) = waiting.pop_front() {
            if module == *to {
                let mut way = vec![module];
                while let Some(step) =
                    way.last().filter(|last| *last != from).and_then(|last| before.get(last))
                {
                    way.push(step.clone());
                }
                way.reverse();
                return Some(way);
            }
            let Some(file) = self.files.get(&module).filter(|_| !module.is_empty()) else {
                continue;
            };
            for (used, _) in self.used(&module, file) {
                if used != *from && !before.contains_key(&used) {
                    before.insert(used.clone(), module.clone());
                    waiting.push_back(used);
                }
            }
        }
        None
    }
}

fn shown(module: &Module) -> String {
    if module.is_empty() { "the crate's root".into() } else { module.join("::") }
}

/// The module that a line of a list names: ``//! 3. [`a::b`]: …``.
fn listed(line: &str) -> Option<Module> {
    let (number, item) = line.strip_prefix("//! ")?.split_once(". ")?;
    number.parse::<u32>().ok()?;
    let item = item.trim_start_matches('[').strip_prefix('`')?;
    let (name, _) = item.split_once('`')?;
    let name = name.trim_end_matches("()").trim_start_matches("crate::");
    Some(name.split("::").map(ToOwned::to_owned).collect())
}

/// Adds a module's file and those of its children, except those that only tests and features build.
fn add(
    root: &Path,
    folder: &Path,
    path: &Path,
    module: &[String],
    files: &mut BTreeMap<Module, File>,
) {
    let Ok(text) = std::fs::read_to_string(root.join(path)) else { return };
    let (words, hidden) = built(&words(&text));
    files.insert(module.to_vec(), File { path: path.to_owned(), named: paths(&words) });
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    let mut names: BTreeSet<String> = BTreeSet::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(ToOwned::to_owned));
    }
    for name in names.into_iter().filter(|name| !hidden.contains(name)) {
        if module.is_empty() && ["lib", "main"].contains(&name.as_str()) {
            continue;
        }
        let child = [module, std::slice::from_ref(&name)].concat();
        add(root, &folder.join(&name), &folder.join(format!("{name}.rs")), &child, files);
    }
}

#[cfg(test)]
mod tests;
