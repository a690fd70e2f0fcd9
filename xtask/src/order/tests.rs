use super::*;

/// The messages about a crate with these files, in folder `a`.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join("a/src").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    of_crate(folder.path(), "a")
}

const TWO: (&str, &str) = ("lib.rs", "//! 1. [`upper`]: x.\n//! 2. `lower`: y.\n");

#[test]
fn uses_of_files_further_down_are_allowed() {
    let upper = ("upper.rs", "use crate::lower::Lower;\nuse std::fmt;");
    assert_eq!(said(&[TWO, upper, ("lower.rs", "")]), [""; 0]);
}

#[test]
fn an_upward_use_is_reported_with_its_line() {
    for text in
        ["\nuse super::upper::Upper;", "\nfn f() { crate::upper::f() }", "\nuse crate::{upper};"]
    {
        let said = said(&[TWO, ("upper.rs", ""), ("lower.rs", text)]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("a/src/lower.rs:2: uses `upper`, which stands above it: "));
    }
}

#[test]
fn a_circle_is_reported_completely() {
    let list = ("lib.rs", "//! 1. `one`: x.\n//! 2. `two`: y.\n//! 3. `three`: z.\n");
    let one = ("one.rs", "use crate::two::Two;");
    let two = ("two.rs", "use crate::three::Three;");
    let said = said(&[list, one, two, ("three.rs", "use crate::one::One;")]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("(a circle: three -> one -> two -> three)"), "{said:?}");
}

#[test]
fn an_unlisted_file_is_reported() {
    let files = [TWO, ("upper.rs", ""), ("lower.rs", ""), ("lower/part.rs", "")];
    let said = said(&files);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("a/src/lower/part.rs:1: `lower::part` is not in the list of "));
}

#[test]
fn a_listed_file_must_exist_and_be_listed_once() {
    let list = ("lib.rs", "//! 1. [`upper`]: x.\n//! 2. `lower`: y.\n//! 3. `upper`: z.\n");
    let said = said(&[list, ("upper.rs", "")]);
    let begins =
        ["a/src/lib.rs:2: `lower` is listed, but", "a/src/lib.rs:3: `upper` is listed twice"];
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().zip(begins).all(|(said, begin)| said.starts_with(begin)), "{said:?}");
}

#[test]
fn a_re_exported_name_belongs_to_its_own_file() {
    let list = ("lib.rs", "//! 1. `a`: x.\n//! 2. `a::b`: y.\n//! 3. `a::c`: z.\n");
    let a = ("a.rs", "pub use self::b::B;\npub use c::C as D;\npub struct Own;");
    let files = |b| [list, a, ("a/b.rs", b), ("a/c.rs", "")];
    assert_eq!(said(&files("use super::D;")), [""; 0]);
    assert_eq!(said(&files("use crate::a::Own;")).len(), 1);
}

#[test]
fn a_missing_list_and_a_use_of_the_root_are_reported() {
    let without = said(&[("main.rs", "mod a;"), ("a.rs", "")]);
    assert!(without[0].starts_with("a/src/main.rs:1: there is no numbered list"), "{without:?}");
    let root = said(&[TWO, ("upper.rs", "use crate::Root;"), ("lower.rs", "")]);
    assert!(root[0].contains("uses `the crate's root`"), "{root:?}");
}

#[test]
fn test_only_modules_need_no_place() {
    let upper = ("upper.rs", "#[cfg(test)]\nmod tests;");
    let lower = ("lower.rs", "#[cfg(test)]\nmod tests { use crate::upper::X; }");
    assert_eq!(said(&[TWO, upper, lower, ("upper/tests.rs", "use crate::x;")]), [""; 0]);
}

#[test]
fn a_path_in_code_counts_as_a_use() {
    let list = ("lib.rs", "//! 1. `a`: x.\n//! 2. `a::b`: y.\n");
    let said = said(&[list, ("a.rs", "fn f() { b::g() }"), ("a/b.rs", "use super::f;")]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("(a circle: a::b -> a -> a::b)"), "{said:?}");
}
