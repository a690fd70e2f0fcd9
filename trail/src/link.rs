//! The hash that ties a transaction's records to all records before.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hash::{ChainId, Hash};

/// The version of the canonical form that this writes.
pub const VERSION: u8 = 1;

/// A link: one for each transaction that adds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The version of the canonical form of its records.
    pub version: u8,
    /// The id of its first record.
    pub first: i64,
    /// The id of its last record. A link without records, the first of a chain, has `first - 1`.
    pub last: i64,
    /// When it was written, Unix milliseconds.
    pub at_ms: i64,
    /// The hash of the link before.
    pub previous: Hash,
    /// Its hash.
    pub link: Hash,
}

impl Link {
    /// The link of these records, which are contiguous and in canonical form.
    pub fn new(previous: Hash, (first, last): (i64, i64), at_ms: i64, records: &[u8]) -> Self {
        let mut link = Self { version: VERSION, first, last, at_ms, previous, link: Hash([0; 32]) };
        link.link = Hash(link.hasher().chain_update(records).finalize().into());
        link
    }

    /// The first link of a chain: it has no records, and says where the chain begins.
    pub fn first(chain: ChainId, start: i64, at_ms: i64) -> Self {
        Self::new(chain.origin(), (start.saturating_add(1), start), at_ms, &[])
    }

    /// The hash before any record.
    pub(crate) fn hasher(&self) -> Sha256 {
        Sha256::new()
            .chain_update([self.version])
            .chain_update(self.previous.0)
            .chain_update(self.first.to_be_bytes())
            .chain_update(self.last.to_be_bytes())
            .chain_update(self.at_ms.to_be_bytes())
    }
}
