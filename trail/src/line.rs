//! The lines of an export: one JSON object each, told apart by `type`.

use serde::{Deserialize, Serialize};

use crate::{checkpoint::Checkpoint, hash::ChainId, keys::Jwk, link::Link, record::Record};

/// Length of a line, in bytes.
pub const LINE_BYTES_MAX: usize = 65_536;

/// The first line of the whole trail's export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailHead {
    /// The version of the export's form: 1.
    pub version: u8,
    /// The chain.
    pub chain: ChainId,
    /// The id of the last record from before the chain.
    pub start: i64,
    /// The public audit keys.
    pub keys: Vec<Jwk>,
}

/// The last line of the whole trail's export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrailEnd {
    /// Records in the export.
    pub records: u64,
    /// Where the chain stood when the export began, which is where it ends.
    pub checkpoint: Checkpoint,
}

/// The first line of an app's excerpt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcerptHead {
    /// The version of the excerpt's form: 1.
    pub version: u8,
    /// The chain that it is taken from.
    pub chain: ChainId,
    /// The AppID.
    pub app: i64,
    /// When the app was created, Unix milliseconds.
    pub app_since_ms: i64,
    /// The public audit keys.
    pub keys: Vec<Jwk>,
}

/// The last line of an app's excerpt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExcerptEnd {
    /// Records in the excerpt.
    pub records: u64,
    /// The id of the first one; 0 if there is none.
    pub first: i64,
    /// The id of the last one; 0 if there is none.
    pub last: i64,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// The id of the key that signed it.
    pub kid: String,
    /// The signature, base64url.
    pub signature: String,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line<'a> {
    /// Begins the whole trail.
    Trail(TrailHead),
    /// Begins an app's excerpt.
    Excerpt(ExcerptHead),
    /// A link. Its records follow it.
    Link(Link),
    /// A record.
    #[serde(borrow)]
    Record(Record<'a>),
    /// A checkpoint, after the records that it covers.
    Checkpoint(Checkpoint),
    /// Ends the whole trail.
    End(TrailEnd),
    /// Ends an app's excerpt.
    ExcerptEnd(ExcerptEnd),
}

impl<'a> Line<'a> {
    /// Reads a line; `None` if it is none of these.
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > LINE_BYTES_MAX { None } else { serde_json::from_str(text).ok() }
    }

    /// Appends the line, with its end.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut *out, self)?;
        out.push(b'\n');
        Ok(())
    }
}
