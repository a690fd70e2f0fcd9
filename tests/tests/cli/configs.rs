//! `config check|print`, the shipped files, and the precedence of file, environment and flags.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use anyhow::Result;

use super::{bad_configs::pems, run_among, run_with};

fn file(text: &str) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}

#[test]
fn every_shipped_configuration_is_valid() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/configs");
    let made = tempfile::tempdir()?;
    pems(made.path())?;
    let key = made.path().join("master.key").display().to_string();
    assert_eq!(run_with(&["master-key", "make", &key], &[], "")?.code, 0);
    let mut checked = 0;
    for entry in std::fs::read_dir(folder)? {
        // The example's machine has the certificate; this one has one elsewhere.
        let text = std::fs::read_to_string(entry?.path())?;
        let text = text.replace("/etc/stagedoor", &made.path().display().to_string());
        let file = file(&text)?;
        let path = file.path().display().to_string();
        let ran = run_with(&["config", "check", "--config", &path], &[], "")?;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{path}: {text}");
        checked += 1;
    }
    assert!(checked >= 3, "{checked}");
    Ok(())
}

#[test]
fn print_writes_a_valid_configuration() -> Result<()> {
    let printed = run_with(&["config", "print"], &[("STAGEDOOR_LOG__LEVEL", "debug")], "")?;
    assert_eq!(printed.code, 0);
    assert!(printed.out.contains("\nlevel = \"info\"\n"), "the default, not what is set");
    let file = file(&printed.out)?;
    let path = file.path().display().to_string();
    let checked = run_with(&["config", "check", "--config", &path], &[], "")?;
    assert_eq!((checked.code, checked.out.as_str()), (0, "the configuration is valid\n"));
    Ok(())
}

#[test]
fn the_environment_overrides_the_file() -> Result<()> {
    let file = file("[log]\nlevel = \"warn\"\n[listen]\nworkers = 3\n")?;
    let path = file.path().display().to_string();
    let arguments = ["config", "print", "--effective", "--config", &path];
    let ran = run_with(&arguments, &[("STAGEDOOR_LOG__LEVEL", "debug")], "")?;
    assert!(
        ran.out.contains("level = \"debug\"") && ran.out.contains("workers = 3"),
        "{}",
        ran.out
    );
    Ok(())
}

#[test]
fn unknown_names_and_wrong_values_exit_with_two() -> Result<()> {
    for (text, says) in [
        ("[listen]\nadress = \"127.0.0.1:1\"\n", "adress"),
        ("[relay.limits]\nping_interval = 5\n", "ping_interval"),
        ("[listen]\naddress = \"here\"\n", "listen.address"),
        ("[log]\nlevel = \"a=b=c\"\n", "log.level"),
        ("[listen\n", ":1: unclosed table"),
    ] {
        let file = file(text)?;
        let path = file.path().display().to_string();
        for command in [["config", "check"].as_slice(), &["serve"], &["dev"]] {
            let mut arguments = command.to_vec();
            arguments.extend(["--config", &path]);
            let ran = run_with(&arguments, &[], "")?;
            assert_eq!(ran.code, 2, "{command:?} {text}: {}", ran.err);
            assert!(ran.err.contains(says), "{says}: {}", ran.err);
        }
    }
    let ran = run_with(&["config", "check"], &[("STAGEDOOR_RELAY__LIMITS__NONE", "1")], "")?;
    assert_eq!(ran.code, 2);
    assert_eq!(run_with(&["serve", "--config", "no-such.toml"], &[], "")?.code, 2);
    Ok(())
}

#[test]
fn only_our_own_variables_must_be_utf_8() -> Result<()> {
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let name = OsStr::from_bytes(b"STAGEDOOR_\xff__X");
    let theirs = [(OsStr::new("ODD"), odd), (name, odd), (OsStr::new("STAGEDOOR_PORT"), odd)];
    for (arguments, code) in [
        (&["config", "check"][..], 0),
        (&["config", "print", "--effective"], 0),
        (&["serve", "--config", "no-such.toml"], 2),
        (&["dev", "--config", "no-such.toml"], 2),
    ] {
        let ran = run_among(arguments, &theirs, "")?;
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    }
    let ours = [(OsStr::new("STAGEDOOR_LOG__LEVEL"), odd)];
    for arguments in [&["config", "check"][..], &["serve"], &["dev"]] {
        let ran = run_among(arguments, &ours, "")?;
        let says = "STAGEDOOR_LOG__LEVEL: the value is not valid UTF-8";
        assert!(ran.code == 2 && ran.err.contains(says), "{arguments:?}: {}", ran.err);
    }
    let secret = [(OsStr::new("STAGEDOOR_SECRET"), odd)];
    let mint = "token mint --app 7 --kid k --room a --user b --role host";
    let ran = run_among(&mint.split(' ').collect::<Vec<_>>(), &secret, "")?;
    let says = "STAGEDOOR_SECRET: the value is not valid UTF-8";
    assert!(ran.code == 2 && ran.err.contains(says), "{}", ran.err);
    Ok(())
}
