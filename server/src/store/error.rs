//! Why a database operation failed. Pure.

use std::fmt;

use crate::{
    deployment::NotTheDatabase,
    envelope::{NotSealed, Unopened},
    master_key::MasterKeyError,
};

/// Why the database cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The disk is full.
    Full,
    /// The disk reports an error, or the file may not grow.
    Disk,
    /// Another process keeps it locked.
    Locked,
    /// It is read-only.
    ReadOnly,
    /// It is damaged.
    Damaged,
    /// Its file cannot be opened.
    Closed,
    /// It is overloaded by this process.
    Busy,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::Disk => "the disk reports an error, or a file may not grow",
            Self::Locked => "another process keeps it locked",
            Self::ReadOnly => "it is read-only",
            Self::Damaged => "it is damaged",
            Self::Closed => "its file cannot be opened",
            Self::Busy => "it is too busy",
        })
    }
}

impl Reason {
    /// From SQLite's primary result code (<https://www.sqlite.org/rescode.html>).
    fn of_code(code: u32) -> Option<Self> {
        match code & 0xff {
            5 | 6 | 15 => Some(Self::Locked),
            8 => Some(Self::ReadOnly),
            7 | 10 | 22 => Some(Self::Disk),
            11 | 26 => Some(Self::Damaged),
            13 => Some(Self::Full),
            14 => Some(Self::Closed),
            _ => None,
        }
    }

    /// `None`: the database works, but the operation was wrong.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::Database(error) => Self::of_code(error.code()?.parse().ok()?),
            sqlx::Error::PoolTimedOut => Some(Self::Busy),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Some(Self::Closed),
            sqlx::Error::Io(_) => Some(Self::Disk),
            _ => None,
        }
    }
}

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A database error.
    #[error("the database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Its schema.
    #[error("the database's schema cannot be updated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Its file.
    #[error("the database's file: {0}")]
    File(#[from] std::io::Error),
    /// The folder does not contain its own database.
    #[error(transparent)]
    NotTheDatabase(#[from] NotTheDatabase),
    /// The master key does not open its secrets.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A stored secret cannot be opened.
    #[error("a secret of {0} cannot be opened: {1}")]
    NotOpened(&'static str, Unopened),
    /// A secret cannot be sealed.
    #[error("a secret of {0} cannot be sealed: {1}")]
    NotSealed(&'static str, NotSealed),
    /// A row that this version cannot read.
    #[error("a row of {0} cannot be read")]
    Row(&'static str),
    /// A number too large for the database.
    #[error("a number of {0} is too large")]
    Number(&'static str),
    /// Not attempted, because it failed a moment ago or others were first.
    #[error("the database: {0}")]
    Unavailable(Reason),
    /// An earlier statement of the transaction failed.
    #[error("the transaction has failed")]
    Over,
}

impl StoreError {
    /// Others were first for too long.
    pub(crate) fn busy() -> Self {
        Self::Unavailable(Reason::Busy)
    }

    /// Why the database does not work; `None` if it works and the error has another cause.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Sql(error) => Reason::of(error),
            Self::Unavailable(reason) => Some(*reason),
            _ => None,
        }
    }
}

/// Converts a number for the database.
pub(super) fn signed(number: u64, what: &'static str) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Number(what))
}

/// Converts a bound for a comparison; a bound beyond the database's largest number is never exceeded.
pub(super) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlite_code_has_its_reason() {
        for (code, reason) in [
            (5, Some(Reason::Locked)),
            (261, Some(Reason::Locked)),
            (8, Some(Reason::ReadOnly)),
            (778, Some(Reason::Disk)),
            (11, Some(Reason::Damaged)),
            (13, Some(Reason::Full)),
            (14, Some(Reason::Closed)),
            (19, None),
            (2067, None),
            (1, None),
        ] {
            assert_eq!(Reason::of_code(code), reason, "{code}");
        }
    }
}
