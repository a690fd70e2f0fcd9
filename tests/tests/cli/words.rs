//! Help, completions and version.

use anyhow::Result;

use super::run_with;

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let after = help.split("Commands:\n").nth(1).unwrap_or_default();
    let listed = after.lines().take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned).collect()
}

#[test]
fn every_command_explains_itself() -> Result<()> {
    let mut paths = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ran = run_with(&arguments, &[], "")?;
        assert_eq!(ran.code, 0, "{arguments:?}");
        let first = ran.out.lines().next().unwrap_or_default();
        assert!(first.len() > 8 && !first.starts_with("Usage"), "{arguments:?}: {first:?}");
        seen += 1;
        for name in commands(&ran.out).into_iter().filter(|name| name != "help") {
            let mut below = path.clone();
            below.push(name);
            paths.push(below);
        }
    }
    assert!(seen > 25, "{seen} commands");
    Ok(())
}

#[test]
fn completions_of_each_shell_know_the_commands() -> Result<()> {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run_with(&["completions", shell], &[], "")?;
        assert_eq!(ran.code, 0, "{shell}");
        assert!(ran.out.contains("inspect") && ran.out.contains("api-keys"), "{shell}");
    }
    assert_eq!(run_with(&["completions", "abacus"], &[], "")?.code, 2);
    Ok(())
}

#[test]
fn the_printed_version_is_the_packages() -> Result<()> {
    let ran = run_with(&["--version"], &[], "")?;
    assert_eq!(ran.out, format!("stagedoor {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}
