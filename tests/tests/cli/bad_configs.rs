//! Bad configuration files: none passes `config check`, and each fault is named by its line and its remedy. In each
//! file of the folder, the line with the fault ends in `# refused:` and the expected message.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, Result};

use super::run_with;

/// Between a line and its expected message.
const REFUSED: &str = "# refused:";

/// Certificates and keys for the files to name.
pub(super) fn pems(folder: &Path) -> Result<()> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.join("cert.pem"), pair.cert.pem())?;
    std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem())?;
    std::fs::write(folder.join("other.pem"), other.signing_key.serialize_pem())?;
    std::fs::write(folder.join("text.pem"), "nothing\n")?;
    Ok(())
}

/// The line of the fault, from 1, and the expected message.
fn expected(text: &str) -> Option<(usize, &str)> {
    let at = text.lines().position(|line| line.contains(REFUSED))?;
    let says = text.lines().nth(at)?.split(REFUSED).nth(1)?;
    Some((at + 1, says.trim()))
}

#[test]
fn every_bad_file_is_refused_by_line_and_remedy() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let dir = temporary.path();
    pems(dir)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/bad_configs");
    let mut faults = Vec::new();
    let mut files = 0;
    let entries: std::io::Result<BTreeSet<_>> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    for entry in entries? {
        let name = entry.file_name().context("a file")?.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&entry)?.replace("{dir}", &dir.display().to_string());
        let file = dir.join(&name);
        std::fs::write(&file, &text)?;
        let (line, says) = expected(&text).with_context(|| name.clone())?;
        let path = file.display().to_string();
        let ran = run_with(&["config", "check", "--config", &path], &[], "")?;
        let begins = format!("stagedoor: {path}:{line}: {says}");
        if ran.code != 2 || !ran.err.starts_with(&begins) || ran.err.lines().count() != 1 {
            faults.push(format!("{name}: {}\n  wanted {begins}\n  got    {}", ran.code, ran.err));
        }
        files += 1;
    }
    assert!(files >= 21, "{files} files");
    assert!(faults.is_empty(), "{} of {files}:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

#[test]
fn several_faults_are_reported_together_each_once() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "[log]\nlevel = \"loud\"\n[server]\npage_entries_max = 0\n")?;
    let path = file.path().display().to_string();
    let ran = run_with(&["config", "check", "--config", &path], &[], "")?;
    assert_eq!(ran.code, 2);
    for says in [":2: log.level: ", ":4: server.page_entries_max: "] {
        assert_eq!(ran.err.matches(says).count(), 1, "{}", ran.err);
    }
    Ok(())
}

#[test]
fn a_bad_variable_or_flag_is_refused_by_its_name() -> Result<()> {
    let zero = [("STAGEDOOR_RELAY__LIMITS__ROOM_MEMBERS_MAX", "0")];
    let ran = run_with(&["config", "check"], &zero, "")?;
    let says =
        "STAGEDOOR_RELAY__LIMITS__ROOM_MEMBERS_MAX: relay.limits.room_members_max: write a number";
    assert!(ran.code == 2 && ran.err.contains(says), "{}", ran.err);
    let ran = run_with(&["serve", "--listen", "nowhere"], &[], "")?;
    assert!(ran.code == 2 && ran.err.contains("--listen: listen.address: "), "{}", ran.err);
    let none = [("STAGEDOOR_RELAY__LIMITS__ROOM_MEMBRS_MAX", "3")];
    let ran = run_with(&["config", "check"], &none, "")?;
    let says = "STAGEDOOR_RELAY__LIMITS__ROOM_MEMBRS_MAX: relay.limits.room_membrs_max: there is no such \
                setting; write room_members_max";
    assert!(ran.code == 2 && ran.err.contains(says), "{}", ran.err);
    Ok(())
}

#[test]
fn foreign_variables_are_named_in_a_warning() -> Result<()> {
    let of_kubernetes = [
        ("STAGEDOOR_PORT", "tcp://10.0.0.1:7880"),
        ("STAGEDOOR_SERVICE_HOST", "10.0.0.1"),
        ("STAGEDOOR_API_KEY", "known"),
        ("STAGEDOOR_LISTEN_ADDRESS", "127.0.0.1:1"),
    ];
    let ran = run_with(&["config", "check"], &of_kubernetes, "")?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for name in ["STAGEDOOR_PORT", "STAGEDOOR_SERVICE_HOST"] {
        assert!(ran.err.contains(&format!("{name} is not a setting")), "{}", ran.err);
    }
    assert!(ran.err.contains("write STAGEDOOR_LISTEN__ADDRESS"), "{}", ran.err);
    assert!(!ran.err.contains("API_KEY"), "{}", ran.err);
    Ok(())
}

#[test]
fn ports_open_to_strangers_cause_a_warning() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let listen = "[listen]\naddress = \"0.0.0.0:7880\"\noperations = \"0.0.0.0:7881\"\n";
    std::fs::write(file.path(), listen)?;
    let path = file.path().display().to_string();
    let ran = run_with(&["config", "check", "--config", &path], &[], "")?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for says in ["listen.address", "plain HTTP", "listen.operations"] {
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    let ran = run_with(&["config", "check"], &[], "")?;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    Ok(())
}

#[test]
fn print_has_every_setting_including_unset_ones() -> Result<()> {
    let printed = run_with(&["config", "print"], &[], "")?;
    for setting in ["# cookie = ", "# [relay.tls]", "# cert = ", "# key = ", "origins = "] {
        assert!(printed.out.lines().any(|line| line.starts_with(setting)), "{setting}");
    }
    Ok(())
}

#[test]
fn the_first_line_says_version_folder_and_tls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = super::Dev::start_in(folder.path(), &[])?;
    let logged = dev.logged()?;
    let first = logged.lines().next().unwrap_or_default();
    let data = folder.path().display().to_string();
    for says in [env!("CARGO_PKG_VERSION"), &data, "tls=false"] {
        assert!(first.contains(says), "{says}: {first}");
    }
    Ok(())
}
