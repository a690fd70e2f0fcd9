//! The data folder: used by one process at a time, its files readable by their owner only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::deployment::MARKER;

/// The database's file.
pub(crate) const DATABASE: &str = "stagedoor.sqlite";
/// The lock file. It is never deleted: a process could then lock a new one while another still holds the old one.
const LOCK: &str = "stagedoor.lock";
/// The file of `stagedoor dev`.
pub(crate) const DEV: &str = "dev.json";
/// The file of the master key if nothing else is configured, as for `stagedoor dev`.
pub const MASTER_KEY: &str = "master.key";
/// Suffixes that SQLite adds to its file's name.
const SQLITE_SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// The permissions of others that are removed.
const OTHERS: u32 = 0o077;
/// The permission of others to write.
const OTHERS_WRITE: u32 = 0o022;

/// Why the data folder could not be opened.
#[derive(Debug, Error)]
pub enum FolderError {
    /// Another process is using it.
    #[error("the data folder {folder} is in use by another process{holder}; stop it, or choose another folder with --data", folder = folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// ` (<id>)`, if it is known.
        holder: String,
    },
    /// Other users have access to a file, and that cannot be changed.
    #[error("{file} is accessible to other users (mode {mode:04o}), and this could not be changed: {source}", file = file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
        /// The system's error.
        source: io::Error,
    },
    /// A system call failed.
    #[error("{file}: {source}", file = file.display())]
    Io {
        /// What was attempted.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The data folder while this process uses it. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Opens the folder, creating it if necessary, and locks other processes out. Removes, and logs, other users'
    /// access to its files.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(at(path))?;
        let lock = path.join(LOCK);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(at(&lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse { folder: path.into(), holder: holder(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(at(&lock)(source)),
        }
        note_holder(&file).map_err(at(&lock))?;
        let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
        if mode & OTHERS_WRITE != 0 {
            tracing::warn!(folder = %path.display(), mode = format!("{:04o}", mode & 0o7777),
                "other users can write to the data folder and so replace its files");
        }
        for suffix in SQLITE_SUFFIXES {
            close_to_others(&path.join(format!("{DATABASE}{suffix}")))?;
        }
        close_to_others(&path.join(DEV))?;
        close_to_others(&path.join(MASTER_KEY))?;
        close_to_others(&lock)?;
        Ok(Self { path: path.into(), _lock: file })
    }

    /// Whether a folder contains a database.
    pub fn has_database(path: &Path) -> bool {
        path.join(DATABASE).is_file()
    }

    /// Moves all its files into a new folder beside it, and returns that folder; the next start then begins from
    /// scratch.
    pub fn set_aside(&self, name: &str) -> Result<PathBuf, FolderError> {
        let aside = self.path.join(name);
        DirBuilder::new().mode(0o700).create(&aside).map_err(at(&aside))?;
        for file in SQLITE_SUFFIXES.map(|suffix| format!("{DATABASE}{suffix}")) {
            put(&self.path.join(&file), &aside.join(&file))?;
        }
        for file in [DEV, MARKER, MASTER_KEY] {
            put(&self.path.join(file), &aside.join(file))?;
        }
        Ok(aside)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Moves a file, if it exists.
fn put(from: &Path, to: &Path) -> Result<(), FolderError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(from)(error)),
        _ => Ok(()),
    }
}

fn at(file: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let file = file.to_owned();
    move |source| FolderError::Io { file, source }
}

/// The process that holds the lock, for people; it may not have written its id yet.
fn holder(mut file: &File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!(" ({})", text.trim()),
        _ => String::new(),
    }
}

fn note_holder(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

/// Removes other users' access to a file that exists.
fn close_to_others(file: &Path) -> Result<(), FolderError> {
    let mode = match fs::metadata(file) {
        Ok(meta) => meta.permissions().mode() & 0o7777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(file)(error)),
    };
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(file, Permissions::from_mode(mode & !OTHERS))
        .map_err(|source| FolderError::Open { file: file.into(), mode, source })?;
    tracing::warn!(file = %file.display(), mode = format!("{mode:04o}"),
        "a file with secrets was accessible to other users; their access is removed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_has_the_folder() {
        let parent = tempfile::tempdir().expect("a folder");
        let path = parent.path().join("a/data");
        let first = DataFolder::open(&path).expect("it is free");
        let mode = fs::metadata(&path).expect("it was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let refused = DataFolder::open(&path).expect_err("it is taken");
        let text = refused.to_string();
        assert!(matches!(refused, FolderError::InUse { .. }), "{text}");
        assert!(text.contains(&*path.to_string_lossy()), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        DataFolder::open(&path).expect("it is free again");
    }

    #[test]
    fn other_users_lose_access_to_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let names =
            ["stagedoor.sqlite", "stagedoor.sqlite-wal", "stagedoor.sqlite-shm", "dev.json"];
        for (name, mode) in names.into_iter().zip([0o666, 0o644, 0o640, 0o604]) {
            let file = folder.path().join(name);
            fs::write(&file, "x").expect("a file");
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("its mode");
        }
        let _opened = DataFolder::open(folder.path()).expect("it opens");
        for name in names {
            let mode = fs::metadata(folder.path().join(name)).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
}
