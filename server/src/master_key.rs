//! Where the master key comes from: a file, a command or the environment. It is never logged, printed or stored.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::{
    fs::OFlags,
    process::{Pid, Signal, geteuid, kill_process_group},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    config::MasterKeySource,
    envelope::{KEY_BYTES, KeyId, MasterKey, hex},
    folder::MASTER_KEY,
    secret,
};

/// The variable that may hold the key. It overrides the configuration.
pub const VARIABLE: &str = "STAGEDOOR_MASTER_KEY";
/// What a command may print, in bytes; its longest form is 64 digits and an end of line.
const PRINTED_BYTES_MAX: u64 = 256;
/// The permissions of others, none of which a key file may have.
const OTHERS: u32 = 0o077;

/// Why the master key cannot be used. Each text begins with its code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MasterKeyError {
    /// A key is needed, and none was given.
    #[error(
        "master_key_missing: {}no master key is given; set [server.master_key] or {VARIABLE}",
        sealed_under(.wanted)
    )]
    Missing {
        /// The keys of which one is needed; none if nothing is sealed yet.
        wanted: Vec<KeyId>,
    },
    /// Another key was given.
    #[error(
        "master_key_wrong: the secrets here are sealed under the master key {}, and the given one is {given}",
        listed(.wanted)
    )]
    Wrong {
        /// The key that was given.
        given: KeyId,
        /// The keys of which one is needed.
        wanted: Vec<KeyId>,
    },
    /// What was given is no key, or cannot be read.
    #[error("master_key_invalid: {0}")]
    Invalid(String),
    /// The data key does not unwrap under its master key.
    #[error(
        "data_key_damaged: the data key {0} does not open under its master key: its row was altered; restore a backup"
    )]
    Damaged(KeyId),
}

fn listed(ids: &[KeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn sealed_under(ids: &[KeyId]) -> String {
    match ids {
        [] => String::new(),
        ids => format!("the secrets here are sealed under the master key {}, and ", listed(ids)),
    }
}

impl MasterKeyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "master_key_missing",
            Self::Wrong { .. } => "master_key_wrong",
            Self::Invalid(_) => "master_key_invalid",
            Self::Damaged(_) => "data_key_damaged",
        }
    }
}

fn invalid(what: impl std::fmt::Display, why: impl std::fmt::Display) -> MasterKeyError {
    MasterKeyError::Invalid(format!("{what}: {why}"))
}

/// A key in text: 64 hexadecimal digits, or 43 characters of base64url.
fn of_text(text: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    match text.len() {
        64 => of_bytes(&hex(text)?),
        43 => of_bytes(&Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?)),
        _ => None,
    }
}

fn of_bytes(bytes: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if bytes.len() != KEY_BYTES {
        return None;
    }
    key.copy_from_slice(bytes);
    Some(key)
}

impl MasterKey {
    /// The key of a data folder: from the environment, else from the configured file or command, else from the file
    /// `master.key` of the folder, where `dev` makes one. It may block for as long as the command takes.
    pub fn obtain(
        source: &MasterKeySource,
        data_dir: &Path,
    ) -> Result<Option<Self>, MasterKeyError> {
        Self::given(env::var_os(VARIABLE), source, data_dir)
    }

    /// Whether the key is a file of the data folder, so that a copy of the folder contains it.
    pub fn lies_beside(source: &MasterKeySource, data_dir: &Path) -> bool {
        match &source.file {
            _ if !source.command.is_empty() || env::var_os(VARIABLE).is_some() => false,
            Some(file) => file.starts_with(data_dir),
            None => data_dir.join(MASTER_KEY).exists(),
        }
    }

    fn given(
        variable: Option<OsString>,
        source: &MasterKeySource,
        data_dir: &Path,
    ) -> Result<Option<Self>, MasterKeyError> {
        if let Some(text) = variable {
            let text = Zeroizing::new(text.into_encoded_bytes());
            let key = of_text(&text).ok_or_else(|| {
                invalid(VARIABLE, "write 32 bytes as 64 hexadecimal digits or as base64url")
            });
            return Ok(Some(Self::new(key?)));
        }
        if let Some(file) = &source.file {
            return Self::from_file(file).map(Some);
        }
        if source.command.is_empty() {
            let beside = data_dir.join(MASTER_KEY);
            return beside.exists().then(|| Self::from_file(&beside)).transpose();
        }
        let timeout = Duration::from_millis(source.command_timeout_ms);
        let printed = printed(&source.command, timeout)
            .map_err(|why| invalid("the command of [server.master_key]", why))?;
        let key = of_bytes(&printed).or_else(|| of_text(&printed)).ok_or_else(|| {
            invalid(
                "the command of [server.master_key]",
                "it must print 32 bytes, or those as 64 hexadecimal digits or as base64url",
            )
        });
        Ok(Some(Self::new(key?)))
    }

    /// The key in a file, which only its owner may be able to use.
    pub fn from_file(file: &Path) -> Result<Self, MasterKeyError> {
        let wrong = |why: String| invalid(file.display(), why);
        // A pipe must not block.
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(file)
            .map_err(|error| wrong(error.to_string()))?;
        let meta = opened.metadata().map_err(|error| wrong(error.to_string()))?;
        if !meta.is_file() {
            return Err(wrong("it is not a file".into()));
        }
        let mode = meta.mode() & 0o7777;
        if mode & OTHERS != 0 {
            let why = format!("other users have access to it (mode {mode:04o}); make it 0600");
            return Err(wrong(why));
        }
        if ![0, geteuid().as_raw()].contains(&meta.uid()) {
            return Err(wrong("it belongs to another user".into()));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        let read = opened.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| wrong(error.to_string()))?;
        let key = of_bytes(&bytes)
            .ok_or_else(|| wrong(format!("it has {} bytes instead of {KEY_BYTES}", meta.len())));
        Ok(Self::new(key?))
    }

    /// Makes a key in a new file: completely, or not at all. A file that exists is never overwritten.
    pub fn make(file: &Path) -> Result<Self, MasterKeyError> {
        let wrong = |error: io::Error| invalid(file.display(), error);
        let random = secret::random().map_err(|error| invalid(file.display(), error))?;
        let bytes = Zeroizing::new(random);
        let mut new = file.as_os_str().to_owned();
        new.push(format!(".new-{}", std::process::id()));
        let new = Path::new(&new);
        let mut out =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(new).map_err(wrong)?;
        let made = out
            .write_all(bytes.as_slice())
            .and_then(|()| out.sync_all())
            .and_then(|()| fs::hard_link(new, file));
        // It has another name now, or is useless.
        let _ = fs::remove_file(new);
        made.map_err(wrong)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(wrong)?;
        Ok(Self::new(bytes))
    }
}

/// What a command prints, within a time and a size. Its errors go nowhere: they could say what it read.
fn printed(command: &[String], timeout: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
    let [program, arguments @ ..] = command else { return Err("it is empty".into()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let out = child.stdout.take().ok_or("it has no output")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut text = Zeroizing::new(Vec::with_capacity(PRINTED_BYTES_MAX as usize + 1));
        let read = out.take(PRINTED_BYTES_MAX + 1).read_to_end(&mut text);
        let status = child.wait();
        // Nobody waits any more after the timeout.
        let _ = sender.send(read.and(status).map(|status| (status, text)));
    });
    let Ok(done) = receiver.recv_timeout(timeout) else {
        if let Some(group) = group {
            // It may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        return Err(format!("it did not end within {} ms", timeout.as_millis()));
    };
    let (status, text) = done.map_err(|error| error.to_string())?;
    if text.len() as u64 > PRINTED_BYTES_MAX {
        return Err(format!("it prints more than {PRINTED_BYTES_MAX} bytes"));
    }
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt, time::Instant};

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64URL: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn by_command(command: &[&str]) -> Result<Option<MasterKey>, MasterKeyError> {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let source = MasterKeySource { command, ..MasterKeySource::default() };
        MasterKey::given(None, &source, Path::new("/nowhere"))
    }

    fn id(given: Result<Option<MasterKey>, MasterKeyError>) -> KeyId {
        given.expect("it is valid").expect("a key").id()
    }

    #[test]
    fn a_key_file_has_32_bytes_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        let made = MasterKey::make(&file).expect("made");
        assert_eq!(MasterKey::from_file(&file).expect("read").id(), made.id());
        assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o777, 0o600);
        assert!(MasterKey::make(&file).is_err(), "nothing is overwritten");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        let refused = |says: &str| {
            let error = MasterKey::from_file(&file).expect_err(says);
            assert_eq!(error.code(), "master_key_invalid");
            assert!(error.to_string().contains(says), "{error}");
        };
        for mode in [0o640, 0o604, 0o644, 0o602, 0o610] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("its mode");
            refused("other users have access");
        }
        fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("its mode");
        assert_eq!(MasterKey::from_file(&file).expect("read").id(), made.id());
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its mode");
        for bytes in [0, 1, 31, 33, 64, 1_000] {
            fs::write(&file, vec![b'7'; bytes]).expect("written");
            refused(&format!("{bytes} bytes instead of 32"));
        }
        fs::remove_file(&file).expect("removed");
        refused("No such file");
        fs::create_dir(&file).expect("a folder");
        refused("not a file");
    }

    #[test]
    fn the_variable_holds_a_key_in_either_form_and_comes_first() {
        let source =
            MasterKeySource { file: Some("/nowhere".into()), ..MasterKeySource::default() };
        let folder = tempfile::tempdir().expect("a folder");
        let given = |text: &str| MasterKey::given(Some(text.into()), &source, folder.path());
        assert_eq!(id(given(HEX)), id(given(BASE64URL)));
        assert_eq!(id(given(&HEX.to_uppercase())), id(given(BASE64URL)));
        for wrong in ["", &HEX[1..], &BASE64URL[1..], "*", &"g".repeat(64), &"=".repeat(43)] {
            let error = given(wrong).expect_err(wrong);
            assert_eq!(error.code(), "master_key_invalid");
            assert!(wrong.is_empty() || wrong == "*" || !error.to_string().contains(wrong));
        }
        assert!(MasterKey::given(None, &source, folder.path()).is_err(), "the file is not there");
        let beside = || MasterKey::given(None, &MasterKeySource::default(), folder.path());
        assert!(beside().expect("nothing is wrong").is_none());
        let made = MasterKey::make(&folder.path().join(MASTER_KEY)).expect("made");
        assert_eq!(id(beside()), made.id());
    }

    #[test]
    fn a_command_prints_the_key_within_its_time_and_size() {
        let wanted = id(by_command(&["printf", HEX]));
        assert_eq!(id(by_command(&["echo", BASE64URL])), wanted);
        let raw: String = (0..32).map(|byte| format!("\\{byte:03o}")).collect();
        assert_eq!(id(by_command(&["printf", &raw])), wanted);
        for (command, says) in [
            (&["sh", "-c", "echo secret >&2; exit 3"][..], "exit status: 3"),
            (&["/no/such/program"], "No such file"),
            (&["echo", "short"], "must print 32 bytes"),
            (&["yes"], "more than 256 bytes"),
        ] {
            let error = by_command(command).expect_err(says).to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_its_children() {
        let command = ["sh", "-c", "sleep 600 & sleep 600"].map(ToOwned::to_owned).to_vec();
        let source = MasterKeySource { command, command_timeout_ms: 200, ..Default::default() };
        let begun = Instant::now();
        let error = MasterKey::given(None, &source, Path::new("/nowhere")).expect_err("it hangs");
        assert!(error.to_string().contains("200 ms"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}
