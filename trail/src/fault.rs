//! What can be wrong, and where.

use std::fmt;

use serde::Serialize;

use crate::hash::Hash;

/// Faults that are listed; further ones are only counted.
pub const FAULTS_MAX: usize = 1_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Something is not what was written.
    Altered,
    /// Something that was written is gone.
    Missing,
    /// Something stands in another place than it was written in.
    Reordered,
    /// Something is there that was not written, or twice.
    Added,
    /// The newest part is gone.
    Cut,
    /// A checkpoint was signed over another history than this one.
    Forked,
}

/// Of which part of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Records.
    Records,
    /// Links: the records may be there, but nothing ties them to the others.
    Links,
    /// Checkpoints.
    Checkpoints,
    /// Lines of an export that are none of the known ones.
    Lines,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The first id that it is about.
    pub from: i64,
    /// The last id that it is about; `None`: unknown.
    pub to: Option<i64>,
    /// What is wrong.
    pub fault: FaultKind,
    /// With what.
    pub of: Part,
}

impl FaultKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Reordered => "reordered",
            Self::Added => "added",
            Self::Cut => "cut",
            Self::Forked => "forked",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, fault, of } = self;
        let of = match of {
            Part::Records => "records",
            Part::Links => "the link of records",
            Part::Checkpoints => "a checkpoint at",
            Part::Lines => "a line before record",
        };
        write!(f, "{}: {of} {from}", fault.as_str())?;
        match to {
            Some(to) if to == from => Ok(()),
            Some(to) => write!(f, " to {to}"),
            None => f.write_str(" and later"),
        }
    }
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that links or a signature cover.
    pub records: u64,
    /// Records from before the chain, which nothing proves.
    pub unchained: u64,
    /// Links.
    pub links: u64,
    /// Checkpoints whose signature is good and whose place agrees.
    pub checkpoints: u64,
    /// The id of the first record that was verified; 0 if there is none.
    pub first: i64,
    /// The id of the last one; 0 if there is none.
    pub last: i64,
    /// The newest link, of a whole trail.
    pub link: Option<Hash>,
    /// What is wrong, by ids.
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub further_faults: u64,
    /// The last ids of checkpoints that were kept elsewhere and that the trail itself does not have: each is from the
    /// last line of an export, or was deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_in_trail: Vec<i64>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Collects faults, up to a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) kept: Vec<Fault>,
    pub(crate) further: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: FaultKind, of: Part, from: i64, to: Option<i64>) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(Fault { from, to, fault, of });
        } else {
            self.further += 1;
        }
    }
}
