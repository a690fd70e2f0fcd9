//! What a key is for: signatures by one algorithm, or Token04. Pure.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use stagedoor_token::Algorithm;

/// The name of Token04 among the algorithms of keys.
const TOKEN04: &str = "token04";

/// What a key is for. One kind never serves as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAlg {
    /// Signatures of this algorithm.
    Signature(Algorithm),
    /// Token04, whose secret opens and seals.
    Token04,
}

impl KeyAlg {
    /// HMAC with SHA-256, by default.
    pub(crate) const HS256: Self = Self::Signature(Algorithm::HS256);

    /// The name in the API and in rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Signature(alg) => alg.name(),
            Self::Token04 => TOKEN04,
        }
    }
}

impl fmt::Display for KeyAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no kind of key has.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the algorithm must be one of `HS256`, `EdDSA`, `ES256` and `token04`")]
pub(crate) struct KeyAlgError;

impl FromStr for KeyAlg {
    type Err = KeyAlgError;

    fn from_str(name: &str) -> Result<Self, KeyAlgError> {
        if name == TOKEN04 {
            return Ok(Self::Token04);
        }
        name.parse().map(Self::Signature).map_err(|_| KeyAlgError)
    }
}

impl Serialize for KeyAlg {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}
