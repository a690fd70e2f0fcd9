//! A signed statement of where the chain stood.

use serde::{Deserialize, Serialize};

use crate::{
    hash::{ChainId, Hash},
    keys::{AuditKey, PublicKeys},
};

/// What a signature of a checkpoint begins with, so that it is good for nothing else.
const CONTEXT: &[u8] = b"stagedoor.audit.checkpoint\x01";

/// A checkpoint: whoever keeps one can tell later whether the trail still contains what it contained then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The chain.
    pub chain: ChainId,
    /// The id of the last record.
    pub last: i64,
    /// The hash of the link that ends with that record.
    pub link: Hash,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// The id of the key that signed it.
    pub kid: String,
    /// The signature, base64url.
    pub signature: String,
}

impl Checkpoint {
    /// Signs where a chain stands.
    pub fn sign(key: &AuditKey, chain: ChainId, last: i64, link: Hash, at_ms: i64) -> Self {
        let kid = key.kid().to_owned();
        let mut made = Self { chain, last, link, at_ms, kid, signature: String::new() };
        made.signature = key.sign(&made.signed_bytes());
        made
    }

    /// The bytes that are signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = CONTEXT.to_vec();
        bytes.extend_from_slice(&self.chain.0);
        bytes.extend_from_slice(&self.last.to_be_bytes());
        bytes.extend_from_slice(&self.link.0);
        bytes.extend_from_slice(&self.at_ms.to_be_bytes());
        bytes
    }

    /// Whether one of these keys signed it.
    pub fn is_signed(&self, keys: &PublicKeys) -> bool {
        keys.signed(&self.kid, &self.signed_bytes(), &self.signature)
    }
}
