//! Documents, their fenced blocks, and what is done with each block.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of a document, given its path from the root.
pub(crate) fn document(name: &str) -> Result<String> {
    std::fs::read_to_string(root().join(name)).with_context(|| name.to_owned())
}

/// README.md and every document of `docs/`, by path from the root.
pub(crate) fn guides() -> Result<Vec<String>> {
    let mut found = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            found.push(format!("docs/{name}"));
        }
    }
    found.sort();
    Ok(found)
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) body: String,
}

impl Block {
    pub(crate) fn first_line(&self) -> &str {
        self.body.lines().next().unwrap_or_default()
    }

    /// The path of the block's file, if its first line is a comment with nothing else.
    pub(crate) fn file(&self) -> Option<&str> {
        let comment = match self.language.as_str() {
            "js" | "rust" => "// ",
            "python" | "toml" | "ini" => "# ",
            _ => return None,
        };
        let name = self.first_line().strip_prefix(comment)?;
        (name.contains('.') && !name.contains(' ')).then_some(name)
    }
}

/// The fenced blocks of a text, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { language: language.to_owned(), body: body.join("\n") });
        }
    }
    blocks
}

/// The bodies of the blocks of one language, in order.
pub(crate) fn bodies(text: &str, language: &str) -> Vec<String> {
    blocks(text)
        .into_iter()
        .filter(|block| block.language == language)
        .map(|block| block.body)
        .collect()
}

/// What is done with a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A command that a walk runs.
    Run,
    /// A file that a walk writes, used by a command of the same document.
    Written,
    /// A file of the repository with this path, which the tests build.
    Shown,
    /// On the list of blocks that no test runs, with the reason.
    Excused,
    /// None of them: a fault.
    Untested,
}

/// Decides about one block of a document. `excused` has the first line and the number of lines of each of the
/// document's blocks that are on the list.
pub(crate) fn fate(block: &Block, text: &str, excused: &[(&str, usize)]) -> Fate {
    if excused.contains(&(block.first_line(), block.body.lines().count())) {
        return Fate::Excused;
    }
    if block.language == "sh" {
        return Fate::Run;
    }
    let Some(file) = block.file() else { return Fate::Untested };
    if block.language == "rust" {
        let same = document(file).is_ok_and(|there| there.contains(rest(&block.body)));
        return if same { Fate::Shown } else { Fate::Untested };
    }
    let is_used = bodies(text, "sh").iter().any(|command| command.contains(file));
    if is_used { Fate::Written } else { Fate::Untested }
}

/// A block without the line that names its file.
fn rest(body: &str) -> &str {
    body.split_once('\n').map_or("", |(_, rest)| rest.trim_start())
}

#[test]
fn a_block_is_run_written_shown_excused_or_untested() {
    let text = "```sh\nnode a.mjs\n```\n```js\n// a.mjs\nx\n```\n```js\n// b.mjs\nx\n```\n\
        ```text\nexcused\n```\n```text\nexcused\nlonger\n```\n```console\n$ rm -r /\n```\n```rust\n// README.md\nno code\n```\n";
    let fates: Vec<Fate> =
        blocks(text).iter().map(|block| fate(block, text, &[("excused", 1)])).collect();
    assert_eq!(
        fates,
        [
            Fate::Run,
            Fate::Written,
            Fate::Untested,
            Fate::Excused,
            Fate::Untested,
            Fate::Untested,
            Fate::Untested,
        ]
    );
}
