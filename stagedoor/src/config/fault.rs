//! What is wrong with a configuration, where it is written, and what to write instead.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use thiserror::Error;

use super::bounds;

/// Two names with at most this edit distance count as a typing error.
const STEPS_MAX: usize = 4;
/// Names that are listed if none is similar.
const LISTED_MAX: usize = 8;

/// Why there is no valid configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {why}", file = file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        why: String,
    },
    /// A variable of ours that is not text.
    #[error("{name}: the value is not valid UTF-8")]
    Variable {
        /// Its name.
        name: String,
    },
    /// The faults; at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
}

/// A setting that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// `file:line`, a variable, or a flag; empty if it is not written anywhere.
    pub at: String,
    /// The setting.
    pub name: String,
    /// What is wrong, and what to write instead.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [&self.at, &self.name].into_iter().filter(|place| !place.is_empty()) {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.why)
    }
}

/// Where each setting is written; the source that overrides the others.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<String, String>);

impl Origins {
    pub(super) fn put(&mut self, name: &str, at: String) {
        self.0.insert(name.to_owned(), at);
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of the settings that are set, and begin so.
    pub(super) fn below(&self, section: &str) -> Vec<String> {
        self.0.keys().filter(|name| name.starts_with(section)).cloned().collect()
    }

    /// Where a setting is written, or the section that it belongs to.
    fn of(&self, name: &str) -> String {
        let mut name = name;
        loop {
            match (self.0.get(name), name.rsplit_once(['.', '['])) {
                (Some(at), _) => return at.clone(),
                (None, Some((above, _))) => name = above,
                (None, None) => return String::new(),
            }
        }
    }

    pub(super) fn fault(&self, name: &str, why: impl Into<String>) -> Fault {
        Fault { at: self.of(name), name: name.into(), why: why.into() }
    }

    /// Why a value does not fit its setting's type.
    pub(super) fn misfit(&self, path: &str, message: &str) -> Fault {
        let path = if path == "." { "" } else { path };
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let below = |name: &str| {
            let is_there = path.is_empty() || path.rsplit('.').next() == Some(name);
            if is_there && !path.is_empty() { path.to_owned() } else { joined(path, name) }
        };
        if message.starts_with("unknown field")
            && let [unknown, known @ ..] = quoted.as_slice()
        {
            return self.fault(&below(unknown), unknown_name(unknown, known));
        }
        if message.starts_with("missing field")
            && let [missing] = quoted.as_slice()
        {
            let why = format!("`{missing}` is missing; write {missing} = \"{missing}.pem\"");
            return self.fault(path, why);
        }
        let why = bounds::remedy(path).unwrap_or_else(|| message.trim().to_owned());
        self.fault(path, why)
    }
}

/// The name of a setting in a section.
pub(super) fn joined(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn unknown_name(unknown: &str, known: &[&str]) -> String {
    let nearest = nearest(unknown, known.iter().copied());
    let remedy = match nearest {
        Some(name) => format!("write {name}"),
        None if known.len() <= LISTED_MAX => format!("the settings here are {}", known.join(", ")),
        None => "`stagedoor config print` lists them".into(),
    };
    format!("there is no such setting; {remedy}")
}

/// The most similar name, if one is similar.
pub(super) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let steps = names.into_iter().map(|name| (steps(text, name), name));
    let (steps, name) = steps.min()?;
    (steps <= STEPS_MAX && steps * 2 <= text.len()).then_some(name)
}

/// How many letters must be added, removed or replaced to turn one text into the other (Levenshtein).
fn steps(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let exchanged = corner + usize::from(letter != *other);
            corner = row[column + 1];
            row[column + 1] = exchanged.min(corner + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_found_if_one_is_similar() {
        let names = ["address", "operations", "workers"];
        assert_eq!(nearest("adress", names), Some("address"));
        assert_eq!(nearest("worker", names), Some("workers"));
        assert_eq!(nearest("port", names), None);
        assert_eq!(steps("kitten", "sitting"), 3);
    }
}
