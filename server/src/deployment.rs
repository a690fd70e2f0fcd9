//! Checks that the data folder still contains its own database. A folder is marked by a file from its first start,
//! so that a missing, empty, copied or foreign database is refused instead of starting over.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The file that marks a folder.
pub(crate) const MARKER: &str = "deployment.json";

/// The content of the marker file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    /// The database's name; `None` until the first start has completed.
    pub(crate) deployment: Option<String>,
    /// Audit records ever written to the database when this was saved, including deleted ones.
    pub(crate) records: u64,
}

/// What kind of file the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The file does not exist.
    Nothing,
    /// A database without tables.
    Empty,
    /// Not a Stagedoor database, for this reason.
    Foreign(String),
    /// A backup made by `stagedoor backup`.
    Backup,
    /// A Stagedoor database.
    Ours(Ours),
}

/// Facts about a Stagedoor database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    /// Its name; `None` if an earlier version wrote it.
    pub(crate) deployment: Option<String>,
    /// Whether a process has it open, or ended without closing it.
    pub(crate) is_open: bool,
    /// Whether its root credential exists.
    pub(crate) has_root: bool,
    /// Audit records ever written to it, including deleted ones.
    pub(crate) records: u64,
}

/// Why a database is not opened. Each text says what to do.
#[derive(Debug, Error)]
pub enum NotTheDatabase {
    /// The database is gone.
    #[error(
        "the folder contained a database ({file} exists), and now has {now}; restore a backup into an empty folder with `stagedoor \
         restore`, or start over in another folder"
    )]
    Gone {
        /// The file that proves it.
        file: &'static str,
        /// What exists instead.
        now: &'static str,
    },
    /// A copy without its write-ahead log.
    #[error(
        "{0} was copied while a server was using it, without its write-ahead log; make a backup with `stagedoor backup`, which \
         works while the server runs, and restore it with `stagedoor restore`"
    )]
    Copy(&'static str),
    /// The database of another deployment or program.
    #[error("{0}; restore a backup into an empty folder with `stagedoor restore`")]
    Foreign(String),
    /// A backup that was not restored.
    #[error(
        "the database is a backup that was not restored: restore it into an empty folder with `stagedoor restore`, so that \
         revocations keep working"
    )]
    Backup,
    /// An older state of the same database.
    #[error(
        "the database is older than the one this folder had: it has {records} audit records instead of {noted}; restore a \
         backup into an empty folder with `stagedoor restore`, so that revocations keep working"
    )]
    Older {
        /// Records in the database.
        records: u64,
        /// Records that the marker counted.
        noted: u64,
    },
}

/// Decides whether to open, or create, the folder's database.
pub(crate) fn decide(
    marker: Option<&Marker>,
    has_dev_file: bool,
    found: &Found,
) -> Result<(), NotTheDatabase> {
    let ours = match (found, marker) {
        (Found::Backup, _) => return Err(NotTheDatabase::Backup),
        (Found::Foreign(why), _) => return Err(NotTheDatabase::Foreign(why.clone())),
        // The first start did not complete.
        (_, Some(Marker { deployment: None, .. })) if !has_dev_file => return Ok(()),
        (Found::Nothing | Found::Empty, Some(Marker { deployment: Some(_), .. })) => {
            return Err(gone(MARKER, found));
        }
        (Found::Nothing | Found::Empty, _) if has_dev_file => return Err(gone("dev.json", found)),
        (Found::Nothing, _) => return Ok(()),
        (Found::Empty, None) => return Err(NotTheDatabase::Copy("an empty database")),
        (Found::Empty, _) => return Ok(()),
        (Found::Ours(ours), _) => ours,
    };
    match marker {
        None if ours.is_open => Err(NotTheDatabase::Copy("the database")),
        // From before folders were marked.
        None if !ours.has_root && !has_dev_file => Err(NotTheDatabase::Copy("the database")),
        None | Some(Marker { deployment: None, .. }) => Ok(()),
        Some(marker) if marker.deployment != ours.deployment => {
            Err(NotTheDatabase::Foreign("the database belongs to another deployment".into()))
        }
        Some(marker) if ours.records < marker.records => {
            Err(NotTheDatabase::Older { records: ours.records, noted: marker.records })
        }
        Some(_) => Ok(()),
    }
}

fn gone(file: &'static str, found: &Found) -> NotTheDatabase {
    let now = if *found == Found::Nothing { "none" } else { "an empty one" };
    NotTheDatabase::Gone { file, now }
}

impl Marker {
    /// Reads the folder's marker, if there is one.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(folder.join(MARKER)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Writes the folder's marker: completely, or not at all.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let new: PathBuf = folder.join(format!("{MARKER}.new"));
        let mut out =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        out.write_all(serde_json::to_string(self)?.as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, folder.join(MARKER))?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(name: &str, is_open: bool, has_root: bool, records: u64) -> Found {
        Found::Ours(Ours { deployment: Some(name.into()), is_open, has_root, records })
    }

    #[test]
    fn only_a_new_or_the_same_database_is_opened() {
        let marked = Marker { deployment: Some("a".into()), records: 5 };
        let begun = Marker::default();
        let old = Ours { deployment: None, is_open: false, has_root: true, records: 9 };
        for (marker, dev, found, is_good) in [
            (None, false, Found::Nothing, true),
            (None, true, Found::Nothing, false),
            (None, false, Found::Empty, false),
            (None, true, Found::Empty, false),
            (Some(&begun), false, Found::Nothing, true),
            (Some(&begun), false, Found::Empty, true),
            (Some(&begun), true, Found::Nothing, false),
            (Some(&begun), false, ours("a", true, false, 0), true),
            (Some(&begun), true, ours("a", true, true, 0), true),
            (Some(&marked), false, Found::Nothing, false),
            (Some(&marked), false, Found::Empty, false),
            (Some(&marked), false, ours("a", true, true, 5), true),
            (Some(&marked), false, ours("a", false, true, 4), false),
            (Some(&marked), false, ours("b", false, true, 9), false),
            (Some(&marked), false, Found::Ours(old.clone()), false),
            (None, false, Found::Ours(old.clone()), true),
            (None, false, Found::Ours(Ours { has_root: false, ..old }), false),
            (None, false, ours("a", false, true, 9), true),
            (None, false, ours("a", true, true, 9), false),
            (None, false, Found::Backup, false),
            (Some(&begun), false, Found::Foreign("x".into()), false),
        ] {
            let decided = decide(marker, dev, &found);
            assert_eq!(decided.is_ok(), is_good, "{marker:?} {dev} {found:?}: {decided:?}");
        }
    }

    #[test]
    fn a_marker_is_written_completely_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Marker::read(folder.path()).expect("read"), None);
        for records in [3, 7] {
            let marker = Marker { deployment: Some("a".into()), records };
            marker.write(folder.path()).expect("written");
            assert_eq!(Marker::read(folder.path()).expect("read"), Some(marker));
        }
    }
}
