//! The paths that a file names: those in its `use` declarations, with the names they import, and those in its code.

use crate::source::{Word, closing};

/// A path as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its parts, without a final `self`; a `*` stays.
    pub(crate) path: Vec<String>,
    /// The name that a `use` imports; `None` for a path in code and for `as _`.
    pub(crate) brings: Option<String>,
    /// Its line, from 1.
    pub(crate) line: usize,
}

/// All paths in the tokens.
pub(crate) fn paths(words: &[Word]) -> Vec<Named> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < words.len() {
        at = match words[at].text.as_str() {
            // `use<'_>` lists what a type captures.
            "use" if !is(words, at + 1, "<") => tree(words, at + 1, &[], &mut found),
            // A name before `::` may be a file below this one; names of types match none.
            _ if is(words, at + 1, "::") => in_code(words, at, &mut found),
            _ => at + 1,
        };
    }
    found
}

fn is(words: &[Word], at: usize, text: &str) -> bool {
    words.get(at).is_some_and(|word| word.text == text)
}

/// Parses one tree of a `use`; returns the position after it.
fn tree(words: &[Word], mut at: usize, stem: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = stem.to_vec();
    let line = words.get(at).map_or(0, |word| word.line);
    loop {
        if is(words, at, "::") {
            at += 1;
        } else if is(words, at, "{") {
            return branches(words, at, &path, found);
        } else if words.get(at).is_none_or(|word| matches!(word.text.as_str(), "," | ";" | "}")) {
            leaf(path, None, line, found);
            return at;
        } else if is(words, at, "as") {
            let name = words.get(at + 1).map(|word| word.text.clone());
            leaf(path, name, line, found);
            return at + 2;
        } else {
            path.push(words[at].text.clone());
            at += 1;
        }
    }
}

fn branches(words: &[Word], open: usize, path: &[String], found: &mut Vec<Named>) -> usize {
    let close = closing(words, open);
    let mut at = open + 1;
    while at < close {
        let end = if is(words, at, ",") { at } else { tree(words, at, path, found) };
        at = end.max(at + 1);
    }
    close + 1
}

fn leaf(mut path: Vec<String>, renamed: Option<String>, line: usize, found: &mut Vec<Named>) {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let brings = renamed.or_else(|| path.last().cloned());
    let brings = brings.filter(|name| name != "_" && name != "*");
    if !path.is_empty() {
        found.push(Named { path, brings, line });
    }
}

/// A path in code.
fn in_code(words: &[Word], begin: usize, found: &mut Vec<Named>) -> usize {
    let (mut path, mut at) = (vec![words[begin].text.clone()], begin + 1);
    while is(words, at, "::") {
        let name = words
            .get(at + 1)
            .filter(|word| word.text.starts_with(|char: char| char.is_alphabetic() || char == '_'));
        let Some(name) = name else { break };
        path.push(name.text.clone());
        at += 2;
    }
    if path.len() > 1 {
        found.push(Named { path, brings: None, line: words[begin].line });
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::words;

    #[test]
    fn a_types_captures_are_not_paths() {
        assert_eq!(paths(&words("fn f() -> impl T + use<'_> { g({ h; i }) }")), []);
    }

    #[test]
    fn nested_and_renamed_uses_and_paths_in_code_are_found() {
        let source = "pub(crate) use crate::{a::{self, B as C}, d::*};\nfn f(&self) { self.x(super::e::G::new()) }";
        let found = paths(&words(source));
        let shown = |named: &Named| {
            format!(
                "{}={} {}",
                named.path.join("::"),
                named.brings.as_deref().unwrap_or("-"),
                named.line
            )
        };
        let shown: Vec<String> = found.iter().map(shown).collect();
        assert_eq!(
            shown,
            ["crate::a=a 1", "crate::a::B=C 1", "crate::d::*=- 1", "super::e::G::new=- 2"]
        );
    }
}
