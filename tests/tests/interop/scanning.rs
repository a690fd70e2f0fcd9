//! The plugin of `examples/secret-scanning` for detect-secrets: finds what is one, and nothing else.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use sha2::{Digest, Sha256};
use stagedoor_token::{Credential, CredentialKind, checked_secret};

use super::installed;

/// Credentials of each kind, and random texts.
const TEXTS: usize = 10_000;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How many secrets the plugin finds in each file.
fn scanned(files: &[String]) -> BTreeMap<String, usize> {
    let python = installed("STAGEDOOR_PYTHON", "venv/bin/python").expect("Python");
    let plugin = root().join("examples/secret-scanning/stagedoor_detector.py");
    let plugin = plugin.canonicalize().expect("the plugin");
    let mut command = Command::new(python);
    command.arg("-B").arg(root().join("tests/interop/scan.py")).arg(plugin).args(files);
    let ran = command.current_dir(root()).output().expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let found: BTreeMap<String, Vec<String>> = serde_json::from_slice(&ran.stdout).expect("JSON");
    found.into_iter().map(|(file, found)| (file, found.len())).collect()
}

/// Bytes of chance, the same at each run.
fn chance(of: &str, n: usize) -> [u8; 32] {
    Sha256::digest(format!("{of} {n}")).into()
}

fn digits(count: usize, of: &str, n: usize) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes = (0..).flat_map(|part| chance(of, 1_000_000 * part + n));
    bytes.take(count).map(|byte| char::from(DIGITS[usize::from(byte) % 62])).collect()
}

#[test]
fn every_made_credential_is_found_and_no_random_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut expected = BTreeMap::new();
    let mut write = |name: &str, lines: Vec<String>, found: usize| {
        let file = folder.path().join(name).display().to_string();
        fs::write(&file, lines.join("\n")).expect("written");
        expected.insert(file, found);
    };
    for kind in CredentialKind::ALL {
        let prefix = kind.prefix();
        let made = (0..TEXTS).map(|n| {
            let id = digits(16, prefix, n);
            let text = Credential::make(kind, &id, &chance(prefix, n)).expect("made");
            format!("{{\"key\": \"{text}\"}}")
        });
        write(&format!("{prefix}made.txt"), made.collect(), TEXTS);
        let random = (0..TEXTS).map(|n| format!("key={prefix}{}", digits(65, prefix, n)));
        write(&format!("{prefix}random.txt"), random.collect(), 0);
    }
    let made = (0..TEXTS).map(|n| format!("SECRET={}", checked_secret(&chance("secret", n))));
    write("secrets.txt", made.collect(), TEXTS);
    let random = (0..TEXTS).map(|n| format!("SECRET=sdsec_{}", digits(49, "secret", n)));
    write("random.txt", random.collect(), 0);
    let files: Vec<String> = expected.keys().cloned().collect();
    assert_eq!(scanned(&files), expected);
}

#[test]
fn nothing_is_found_in_the_repository() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = String::from_utf8(listed.expect("git").stdout).expect("names");
    let files: Vec<String> =
        listed.split('\0').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
    assert!(files.len() > 500, "only {} files", files.len());
    let found: Vec<_> = scanned(&files).into_iter().filter(|(_, found)| *found > 0).collect();
    assert!(found.is_empty(), "{found:?}");
}
