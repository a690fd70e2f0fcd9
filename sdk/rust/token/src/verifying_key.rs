//! What of a key verifies (`spec/token.md` §Keys). A relay needs nothing else.

use std::{fmt, sync::Arc};

use hmac::{Hmac, Mac, digest::FixedOutput};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;

use crate::{
    algorithm::Algorithm,
    app::AppId,
    base64url,
    jwk::{Jwk, Point},
    signature::{Signature, are_equal},
};

/// The longest key id, in bytes.
pub const KID_BYTES_MAX: usize = 64;

/// What a key may do, in the order of its life.
///
/// Not `#[non_exhaustive]`: minting and verifying must fail to compile when there is another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Verifies but does not sign yet, so that every relay knows the key before the first token.
    Next,
    /// Signs and verifies.
    Current,
    /// Verifies only, until the tokens that it signed have ended.
    Retiring,
    /// Neither signs nor verifies.
    Retired,
}

/// Why a key could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is shorter than [`SECRET_BYTES_MIN`](crate::key::SECRET_BYTES_MIN).
    #[error("a secret must have at least 32 bytes (after decoding it from base64url)")]
    SecretShort,
    /// The key id is not allowed.
    #[error("a key id must be 1 to 64 bytes of [A-Za-z0-9_-]")]
    Kid,
}

/// What of one key verifies: a public key, or for HS256 the schedule of its secret. Cheap to clone. A schedule is wiped
/// when the last clone is dropped.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    app: AppId,
    kid: Arc<str>,
    state: KeyState,
    check: Check,
    /// The header that this key's tokens begin with, as base64url.
    header: Arc<str>,
}

/// How the key verifies.
enum Check {
    /// The key schedule, made once.
    Hs256(Arc<Hmac<Sha256>>),
    Public(Point),
}

impl VerifyingKey {
    /// The key with this public key: what it signs was signed elsewhere. `kid` is 1 to 64 bytes of `[A-Za-z0-9_-]`, and
    /// counts instead of the one in the JWK.
    ///
    /// # Errors
    ///
    /// [`KeyError::Kid`] where `kid` is not allowed.
    pub fn from_jwk(app: AppId, kid: &str, state: KeyState, jwk: &Jwk) -> Result<Self, KeyError> {
        Self::new(app, kid, state, Check::Public(jwk.point()))
    }

    /// The key with this key schedule.
    pub(crate) fn hs256(
        app: AppId,
        kid: &str,
        state: KeyState,
        hmac: Arc<Hmac<Sha256>>,
    ) -> Result<Self, KeyError> {
        Self::new(app, kid, state, Check::Hs256(hmac))
    }

    fn new(app: AppId, kid: &str, state: KeyState, check: Check) -> Result<Self, KeyError> {
        let clean = kid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !clean || !(1..=KID_BYTES_MAX).contains(&kid.len()) {
            return Err(KeyError::Kid);
        }
        let alg = check.algorithm();
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
        let header = base64url::encode(header.as_bytes()).into();
        Ok(Self(Arc::new(Inner { app, kid: kid.into(), state, check, header })))
    }

    /// The app that the key belongs to.
    pub fn app(&self) -> AppId {
        self.0.app
    }

    /// The key id, unique in a deployment.
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The key id as shared text.
    pub fn shared_kid(&self) -> Arc<str> {
        self.0.kid.clone()
    }

    /// What the key may do.
    pub fn state(&self) -> KeyState {
        self.0.state
    }

    /// The only algorithm of the key's signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.0.check.algorithm()
    }

    /// Whether the key is public: it verifies, and nothing can be signed with it.
    pub fn is_public(&self) -> bool {
        self.algorithm().is_public()
    }

    /// The key as a JWK with its `kid`; `None` for HS256, which has no public part.
    pub fn to_jwk(&self) -> Option<Jwk> {
        match &self.0.check {
            Check::Hs256(_) => None,
            Check::Public(point) => Some(Jwk::of(*point).with_kid(self.kid())),
        }
    }

    /// Whether this key made the signature. One of another algorithm's length is by another key.
    pub(crate) fn is_signed(&self, signed: &[u8], signature: &Signature) -> bool {
        match (&self.0.check, signature) {
            (Check::Hs256(hmac), Signature::Mac(theirs)) => are_equal(&mac(hmac, signed), theirs),
            (Check::Public(point), Signature::Pair(pair)) => point.is_signed(signed, pair),
            (Check::Hs256(_), Signature::Pair(_)) | (Check::Public(_), Signature::Mac(_)) => false,
        }
    }

    pub(crate) fn header(&self) -> &str {
        &self.0.header
    }

    pub(crate) fn shared_header(&self) -> Arc<str> {
        self.0.header.clone()
    }
}

/// The MAC of these bytes.
pub(crate) fn mac(hmac: &Hmac<Sha256>, signed: &[u8]) -> [u8; 32] {
    let mut mac = hmac.clone();
    mac.update(signed);
    mac.finalize_fixed().into()
}

impl Check {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::HS256,
            Self::Public(point) => point.algorithm(),
        }
    }
}

impl From<&Self> for VerifyingKey {
    fn from(key: &Self) -> Self {
        key.clone()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("app", &self.0.app)
            .field("kid", &self.0.kid)
            .field("state", &self.0.state)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
