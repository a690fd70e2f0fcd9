//! The algorithms of signatures (`spec/token.md` §Signature). A key has one of them, and a token never chooses.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a key signs. Named as in RFC 7518 §3.1 and RFC 8037 §3.1.
///
/// Not `#[non_exhaustive]`: signing and verifying must fail to compile when there is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256. The secret that verifies can sign as well.
    #[default]
    HS256,
    /// Ed25519.
    EdDSA,
    /// ECDSA on P-256 with SHA-256. Verifies only: such keys are made elsewhere.
    ES256,
}

/// A name that no algorithm has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the algorithm must be one of `HS256`, `EdDSA` and `ES256`")]
pub struct AlgorithmError;

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::HS256, Self::EdDSA, Self::ES256];

    /// The name in a header or JWK.
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
        }
    }

    /// Whether a public key verifies, with which nothing can be signed.
    pub fn is_public(self) -> bool {
        self != Self::HS256
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(name: &str) -> Result<Self, AlgorithmError> {
        Self::ALL.into_iter().find(|alg| alg.name() == name).ok_or(AlgorithmError)
    }
}
