//! Whether what lies in a data folder is the database that was there before. A folder is marked by a file from its
//! first start on, so that a database that is gone, empty, a mere copy or another's is refused and not begun again.

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

/// What a folder is marked with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    /// The name that its database has; `None` until its first start has come to its end.
    pub(crate) deployment: Option<String>,
    /// Audit records that the database had when this was written, the deleted ones counted.
    pub(crate) records: u64,
}

/// What the database's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// There is one without any table.
    Empty,
    /// It is no database of Stagedoor's, for this reason.
    Foreign(String),
    /// What `stagedoor backup` writes.
    Backup,
    /// A database of Stagedoor's.
    Ours(Ours),
}

/// A database of Stagedoor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    /// Its name; `None` of one that an earlier version left.
    pub(crate) deployment: Option<String>,
    /// Whether a process has it open, or ended without closing it.
    pub(crate) is_open: bool,
    /// Whether its root credential was made.
    pub(crate) has_root: bool,
    /// Audit records that it had so far, the deleted ones counted.
    pub(crate) records: u64,
}

/// Why a database is not opened. Each says what to do.
#[derive(Debug, Error)]
pub enum NotTheDatabase {
    /// It is gone.
    #[error(
        "the folder had a database ({file} is there), and has {now}; put a backup into an empty folder by `stagedoor \
         restore`, or begin again in another folder"
    )]
    Gone {
        /// The file that says so.
        file: &'static str,
        /// What there is instead.
        now: &'static str,
    },
    /// A copy without its log.
    #[error(
        "{0} was copied while a server had it, without what is in its log; take a backup by `stagedoor backup`, which \
         works while the server runs, and `stagedoor restore` it"
    )]
    Copy(&'static str),
    /// Of somebody else.
    #[error("{0}; put a backup into an empty folder by `stagedoor restore`")]
    Foreign(String),
    /// A backup.
    #[error(
        "the database is a backup, and not restored: put it into an empty folder by `stagedoor restore`, so that \
         revocations go on hitting"
    )]
    Backup,
    /// An older state of itself.
    #[error(
        "the database is older than what was in the folder: {records} audit records, and there were {noted}; put a \
         backup into an empty folder by `stagedoor restore`, so that revocations go on hitting"
    )]
    Older {
        /// Records that it has.
        records: u64,
        /// Records that it had.
        noted: u64,
    },
}

/// Whether a database is to be opened, or made, in a folder.
pub(crate) fn decide(
    marker: Option<&Marker>,
    has_dev_file: bool,
    found: &Found,
) -> Result<(), NotTheDatabase> {
    let ours = match (found, marker) {
        (Found::Backup, _) => return Err(NotTheDatabase::Backup),
        (Found::Foreign(why), _) => return Err(NotTheDatabase::Foreign(why.clone())),
        // A first start that did not come to its end.
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
        // So it was before folders were marked.
        None if !ours.has_root && !has_dev_file => Err(NotTheDatabase::Copy("the database")),
        None | Some(Marker { deployment: None, .. }) => Ok(()),
        Some(marker) if marker.deployment != ours.deployment => {
            Err(NotTheDatabase::Foreign("the database is that of another deployment".into()))
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
    /// What a folder is marked with, if it is.
    pub(crate) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(folder.join(MARKER)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Marks a folder: whole, or not at all.
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
    fn what_is_opened_is_new_or_what_was_there() {
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
    fn a_folder_is_marked_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Marker::read(folder.path()).expect("read"), None);
        for records in [3, 7] {
            let marker = Marker { deployment: Some("a".into()), records };
            marker.write(folder.path()).expect("written");
            assert_eq!(Marker::read(folder.path()).expect("read"), Some(marker));
        }
    }
}
