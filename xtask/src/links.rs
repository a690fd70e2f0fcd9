//! Checks links between the repository's documents: each relative one must lead to a file, and its anchor to a heading.
//! External links are not checked.

use std::{collections::BTreeSet, path::Path, process::Command};

/// Broken links.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "*.md"])
        .current_dir(root)
        .output();
    let listed = match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => return vec!["git cannot list the documents".into()],
    };
    listed.lines().flat_map(|file| of_document(root, file)).collect()
}

fn of_document(root: &Path, file: &str) -> Vec<String> {
    let Ok(text) = std::fs::read_to_string(root.join(file)) else {
        return vec![format!("cannot read {file}")];
    };
    let mut faults = Vec::new();
    for target in targets(&text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = target
            .split_once('#')
            .map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let here = root.join(file);
        let led =
            if path.is_empty() { here.clone() } else { here.parent().unwrap_or(root).join(path) };
        if !led.exists() {
            faults.push(format!("{file}: the link {target} leads to no file"));
        } else if let Some(anchor) = anchor {
            let led_text = std::fs::read_to_string(&led).unwrap_or_default();
            if !anchors(&led_text).contains(anchor) {
                faults.push(format!("{file}: the link {target} leads to no heading"));
            }
        }
    }
    faults
}

/// The targets of `[text](target)`, outside code.
fn targets(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            if let Some(end) = line[at + 2..].find(')') {
                out.push(line[at + 2..at + 2 + end].to_owned());
            }
        }
    }
    out
}

/// The anchors of a document's headings, as code hosts generate them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect()
    };
    headings.map(anchor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_outside_code_and_anchors_of_headings_are_found() {
        let text = "# One two\n[a](x.md#y) and [b](z)\n```\n[c](no)\n```\n## `code` & more\n";
        assert_eq!(targets(text), ["x.md#y", "z"]);
        assert_eq!(anchors(text), BTreeSet::from(["one-two".into(), "code--more".into()]));
    }
}
