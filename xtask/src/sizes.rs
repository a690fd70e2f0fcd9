//! Checks the length of files. Clippy checks functions (`too_many_lines`, in `clippy.toml`).

use std::path::{Path, PathBuf};

use crate::order::members;

/// Lines of a file at most; tests are exempt.
const LINES_MAX: usize = 400;
/// Lines of the median file at most.
const LINES_MEDIAN_MAX: usize = 150;

/// Files that are too long, as lines that say where, and what to do.
pub(crate) fn faults(root: &Path) -> Vec<String> {
    let members = match members(root) {
        Ok(members) => members,
        Err(error) => return vec![error],
    };
    let mut files = Vec::new();
    for member in members.iter().filter(|member| *member != "tests") {
        collect(root, &Path::new(member).join("src"), &mut files);
    }
    of_files(&mut files)
}

fn of_files(files: &mut [(PathBuf, usize)]) -> Vec<String> {
    files.sort_by_key(|(_, lines)| *lines);
    let long = files.iter().filter(|(_, lines)| *lines > LINES_MAX);
    let mut faults: Vec<String> = long
        .map(|(path, lines)| {
            let path = path.display();
            format!("{path}:1: {lines} lines, {LINES_MAX} at most: split it where it is two things")
        })
        .collect();
    if let Some((_, median)) =
        files.get(files.len() / 2).filter(|(_, lines)| *lines > LINES_MEDIAN_MAX)
    {
        faults.push(format!("the median file has {median} lines, {LINES_MEDIAN_MAX} at most"));
    }
    faults
}

/// The files in a folder, without tests, with their lengths.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, usize)>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
        if root.join(&path).is_dir() {
            if name != "tests" {
                collect(root, &path, files);
            }
        } else if name != "tests.rs" && path.extension().is_some_and(|extension| extension == "rs")
        {
            let text = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
            files.push((path, text.lines().count()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_and_a_long_median_are_reported() {
        let of = |lines: [usize; 3]| {
            of_files(&mut lines.map(|lines| (PathBuf::from(format!("f{lines}.rs")), lines)))
        };
        assert_eq!(of([400, 150, 149]), [""; 0]);
        let said = of([401, 151, 149]);
        assert!(said[0].starts_with("f401.rs:1: 401 lines, 400 at most"), "{said:?}");
        assert_eq!(said[1], "the median file has 151 lines, 150 at most");
    }

    #[test]
    fn tests_are_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("src/a")).unwrap();
        for name in ["src/a.rs", "src/a/tests.rs"] {
            std::fs::write(folder.path().join(name), "\n\n").unwrap();
        }
        let mut files = Vec::new();
        collect(folder.path(), Path::new("src"), &mut files);
        assert_eq!(files, [(PathBuf::from("src/a.rs"), 2)]);
    }
}
