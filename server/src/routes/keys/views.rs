//! Bodies of requests and answers about keys.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use stagedoor_bus::Bounds;
use stagedoor_token::{Jwk, KeyState, checked_secret};
use utoipa::ToSchema;

use super::super::{forms, read_bounds};
use crate::{
    error::ApiError,
    key_alg::KeyAlg,
    lines::{MAIN, check_line},
    secret,
    store::keys::{KeyRow, KeyTimes, state_text},
};

/// A key to make or to register.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewKey {
    /// Its line, 1 to 32 of `[a-z0-9_-]`; `main` by default, and `token04` for `token04`. The first key makes the line.
    pub(super) line: Option<String>,
    /// `HS256` (by default), `EdDSA` or `token04`; for a `jwk` its own algorithm, if given at all.
    #[schema(value_type = Option<forms::Algorithm>)]
    pub(super) alg: Option<String>,
    /// The public key of one that is made elsewhere: Ed25519 or P-256, without any private member.
    #[schema(value_type = Option<Object>)]
    pub(super) jwk: Option<Box<RawValue>>,
    /// The bounds of a new line.
    #[schema(value_type = Option<forms::Bounds>)]
    pub(super) bounds: Option<Box<RawValue>>,
    /// With `token04`: the secret of one that exists elsewhere, 32 visible ASCII characters as they stand. It is not
    /// shown again.
    #[schema(value_type = Option<String>)]
    pub(super) secret: Option<Imported>,
}

/// A secret that a request brings. Never printed.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Imported(pub(super) String);

impl std::fmt::Debug for Imported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Imported")
    }
}

/// Which line to rotate, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The line; `main` by default.
    pub(super) line: Option<String>,
    /// The algorithm of the key to make: `HS256` or `EdDSA`; by default that of the current key. Only if there is no
    /// next key.
    #[schema(value_type = Option<forms::Algorithm>)]
    pub(super) alg: Option<String>,
    /// Whether the current key is known to others: it is retired and revoked at once, and its live seats are closed.
    pub(super) compromised: Option<bool>,
}

/// New bounds of a line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineChange {
    /// What tokens of the line's keys are held to; `{}` bounds nothing.
    #[schema(value_type = forms::Bounds)]
    pub(super) bounds: Box<RawValue>,
}

/// A line of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// The line.
    pub(super) line: String,
    /// What tokens of its keys are held to.
    #[schema(value_type = forms::Bounds)]
    pub(super) bounds: Bounds,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// The key id, the `kid` in the header of its tokens.
    kid: String,
    /// Its line.
    line: String,
    /// Its algorithm.
    #[schema(value_type = forms::Algorithm)]
    alg: KeyAlg,
    /// `next`, `current`, `retiring` or `retired`.
    state: &'static str,
    /// Whether the server can sign with it; otherwise it was registered by its public key.
    signs_here: bool,
    /// What tokens of its line are held to.
    #[schema(value_type = forms::Bounds)]
    bounds: Arc<Bounds>,
    /// When it was created, Unix milliseconds.
    created_ms: u64,
    /// When it became current, Unix milliseconds; `null` if it never did, or before this was kept.
    current_ms: Option<u64>,
    /// When it began to retire, Unix milliseconds.
    retiring_ms: Option<u64>,
    /// When it retires, or retired, Unix seconds.
    retires_at: Option<u64>,
    /// When a relay last reported that it verified tokens, Unix milliseconds. Relays report once a minute.
    last_used_ms: Option<u64>,
    /// The newest `iat` of a token that it verified, Unix seconds.
    last_iat: Option<u64>,
    /// How many tokens it verified at logins and renewals in the last 30 days.
    tokens_verified: u64,
    /// When it was first found, while retiring, to verify a token from after its rotation, Unix milliseconds: a backend
    /// still signs with it.
    retiring_used_ms: Option<u64>,
}

/// A retired key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRetired {
    /// The key.
    #[serde(flatten)]
    pub(super) key: KeyView,
    /// Live seats with tokens that this key signed. They continue until their tokens expire; a revocation of the key
    /// closes them. `null` if no relay answered.
    pub(super) seats: Option<usize>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct KeyCreated {
    /// The key id.
    pub kid: String,
    /// Its line.
    pub line: String,
    /// Its algorithm.
    #[schema(value_type = forms::Algorithm)]
    pub(crate) alg: KeyAlg,
    /// `current` or `next`.
    pub state: &'static str,
    /// Of HS256: 32 bytes as base64url without padding; decode it to get the HMAC key. Of `token04` made here: 32
    /// characters, used as they stand. Shown only once: `null` in a replay.
    pub secret: Option<String>,
    /// The same secret once more, with check digits: `sdsec_` and 49 letters and digits. Shown only once, too.
    pub checked_secret: Option<String>,
    /// Of EdDSA made here: the key with its private part `d`, as a JWK. Shown only once: `null` in a replay.
    #[schema(value_type = Option<Object>)]
    pub private_jwk: Option<Value>,
    /// The public key as a JWK; `null` for HS256 and `token04`.
    #[schema(value_type = Option<Object>)]
    pub public_jwk: Option<Jwk>,
}

/// The places of secrets in [`KeyCreated`].
pub(crate) const SECRETS: [&str; 3] = ["/secret", "/checked_secret", "/private_jwk"];

/// The result of a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rotated {
    /// The line.
    pub(super) line: String,
    /// Signs from now on.
    pub(super) current: String,
    /// No longer signs, but still verifies.
    pub(super) retiring: Option<String>,
    /// When that one retires, Unix seconds.
    pub(super) retires_at: Option<u64>,
    /// Only if it was compromised: neither signs nor verifies, and its tokens are revoked.
    pub(super) retired: Option<String>,
    /// Only if it was compromised: live seats that were closed.
    pub(super) seats: Option<usize>,
    /// Only if there was no next key: the new current key, with its secret.
    #[schema(nullable)]
    pub(super) created: Option<KeyCreated>,
}

impl std::fmt::Debug for KeyCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCreated")
            .field("kid", &self.kid)
            .field("line", &self.line)
            .field("alg", &self.alg)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl KeyCreated {
    /// What is shown of a new key, once.
    pub(crate) fn of(row: &KeyRow) -> Self {
        let bytes = row.secret.as_ref().map(|secret| secret.as_slice());
        let encoded = bytes.map(|bytes| match row.alg {
            KeyAlg::Token04 => String::from_utf8_lossy(bytes).into_owned(),
            KeyAlg::Signature(_) => secret::encode(bytes),
        });
        let public_jwk = row.public.clone();
        let (secret, private_jwk) = match &public_jwk {
            None => (encoded, None),
            Some(public) => (None, encoded.and_then(|seed| private(public, seed))),
        };
        let bytes =
            bytes.and_then(|bytes| bytes.try_into().ok()).filter(|_| row.alg == KeyAlg::HS256);
        Self {
            kid: row.kid.clone(),
            line: row.line.clone(),
            alg: row.alg,
            state: state_text(row.state),
            secret,
            checked_secret: bytes.map(checked_secret),
            private_jwk,
            public_jwk,
        }
    }
}

impl KeyCreated {
    /// The same without its secret, which the caller has.
    pub(super) fn without_secret(self) -> Self {
        Self { secret: None, ..self }
    }
}

/// The JWK with its private part (RFC 8037 §2).
fn private(public: &Jwk, seed: String) -> Option<Value> {
    let mut jwk = serde_json::to_value(public).ok()?;
    jwk["d"] = seed.into();
    Some(jwk)
}

impl KeyView {
    /// A key as it is listed. `verified` is how many tokens each key verified.
    pub(super) fn of(row: KeyRow, verified: &HashMap<String, u64>) -> Self {
        let KeyTimes { made_ms, current_ms, retiring_ms, retires_ms, .. } = row.times;
        Self {
            tokens_verified: verified.get(&row.kid).copied().unwrap_or(0),
            line: row.line,
            alg: row.alg,
            state: state_text(row.state),
            signs_here: row.secret.is_some() && row.state != KeyState::Retired,
            bounds: row.bounds,
            created_ms: made_ms,
            current_ms,
            retiring_ms,
            retires_at: retires_ms.map(|at_ms| at_ms.div_ceil(1_000)),
            last_used_ms: row.times.last_used_ms,
            last_iat: row.times.last_iat,
            retiring_used_ms: row.times.retiring_used_ms,
            kid: row.kid,
        }
    }
}

/// The line that a request names.
pub(super) fn line_of(line: Option<String>) -> Result<String, ApiError> {
    let line = line.unwrap_or_else(|| MAIN.into());
    check_line(&line).map(|()| line)
}

/// The algorithm that a request names.
pub(super) fn alg_of(alg: Option<&str>) -> Result<Option<KeyAlg>, ApiError> {
    let parsed = alg.map(str::parse::<KeyAlg>).transpose();
    parsed.map_err(|error| alg_unsupported(error.to_string()))
}

pub(super) fn alg_unsupported(detail: String) -> ApiError {
    ApiError::Invalid { code: "alg_unsupported", detail: detail.into() }.at("alg")
}

pub(super) fn jwk_invalid(detail: String) -> ApiError {
    ApiError::Invalid { code: "jwk_invalid", detail: detail.into() }.at("jwk")
}

pub(super) fn bounds_invalid(detail: String) -> ApiError {
    ApiError::Invalid { code: "bounds_invalid", detail: detail.into() }.at("bounds")
}

/// The bounds that a request names for a line.
pub(super) fn bounds_of(bounds: &RawValue) -> Result<Bounds, ApiError> {
    let bounds = read_bounds(bounds)?;
    if bounds.addresses.is_some() {
        let detail = "`addresses` bounds no line: nobody here sees who signs";
        return Err(bounds_invalid(detail.into()));
    }
    Ok(bounds)
}
