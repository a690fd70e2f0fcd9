//! Public keys as JWKs (RFC 7517): Ed25519 (RFC 8037 §2) and P-256 (RFC 7518 §6.2). A [`Jwk`] is a point of its curve
//! that is fit to verify with.

use std::{fmt, str::FromStr};

use ring::{
    agreement,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny};
use sha2::{Digest, Sha256};
use stagedoor_grants::{objects_only, strict::present};
use thiserror::Error;

use crate::{algorithm::Algorithm, base64url, stay::Thumbprint};

/// The longest JWK that is read, in bytes.
pub const JWK_BYTES_MAX: usize = 8_192;

/// Why a JWK is refused. The code of all of them is [`JwkError::CODE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwkError {
    /// It is not one JSON object, or a member is missing, given twice or of the wrong type.
    #[error(
        "a JWK must be one JSON object of at most 8192 bytes with `kty`, `crv` and `x`, each member once"
    )]
    Malformed,
    /// It has a member that only a private or a symmetric key has.
    #[error("the JWK has private members; replace the key and give its public part alone")]
    Private,
    /// It is a key of another kind.
    #[error("the JWK must be of Ed25519 (`kty` OKP) or of P-256 (`kty` EC)")]
    Kind,
    /// A coordinate is missing, superfluous or not 32 bytes.
    #[error(
        "a coordinate of the JWK must be 32 bytes, as 43 characters of base64url: `x` of Ed25519, `x` and `y` of P-256"
    )]
    Coordinate,
    /// No point of the curve has these coordinates.
    #[error("the JWK is not a point of its curve")]
    OffCurve,
    /// The point has a small order, so a signature by it proves nothing.
    #[error("the JWK is a weak point, by which anybody can sign")]
    Weak,
    /// `alg`, `use` or `key_ops` say that the key is for something else.
    #[error(
        "the JWK's `alg`, `use` and `key_ops`, where present, must be those of a key that verifies"
    )]
    Purpose,
}

impl JwkError {
    /// The code of the refusal.
    pub const CODE: &str = "jwk_invalid";

    /// What is wrong, in one word (`spec/token.md` §Public keys).
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Private => "private",
            Self::Kind => "kind",
            Self::Coordinate => "coordinate",
            Self::OffCurve => "off_curve",
            Self::Weak => "weak",
            Self::Purpose => "purpose",
        }
    }
}

/// A public key that was checked: what it holds is on its curve and not weak. `Display` and `Serialize` write it as JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwk {
    point: Point,
    kid: Option<String>,
}

/// A point that is fit to verify with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The encoded point of RFC 8032 §5.1.2.
    Ed25519([u8; 32]),
    /// The uncompressed point of SEC 1 §2.3.3.
    P256([u8; 65]),
}

impl Jwk {
    /// The Ed25519 key of this encoded point.
    ///
    /// # Errors
    ///
    /// [`JwkError::OffCurve`] and [`JwkError::Weak`].
    pub fn ed25519(x: [u8; 32]) -> Result<Self, JwkError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| JwkError::OffCurve)?;
        // Some points have a second spelling, with a coordinate not below the field's prime. One key has one spelling.
        if key.to_edwards().compress().to_bytes() != x {
            return Err(JwkError::OffCurve);
        }
        if key.is_weak() {
            return Err(JwkError::Weak);
        }
        Ok(Self::of(Point::Ed25519(x)))
    }

    /// The P-256 key of these coordinates.
    ///
    /// # Errors
    ///
    /// [`JwkError::OffCurve`].
    pub fn p256(x: [u8; 32], y: [u8; 32]) -> Result<Self, JwkError> {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&x);
        point[33..].copy_from_slice(&y);
        is_on_p256(&point).then_some(()).ok_or(JwkError::OffCurve)?;
        Ok(Self::of(Point::P256(point)))
    }

    /// The P-256 key of this uncompressed point (SEC 1 §2.3.3): 4, x, y.
    ///
    /// # Errors
    ///
    /// [`JwkError::Coordinate`] for another form of a point, [`JwkError::OffCurve`].
    pub fn p256_point(point: &[u8]) -> Result<Self, JwkError> {
        let [4, coordinates @ ..] = point else { return Err(JwkError::Coordinate) };
        match coordinates.as_chunks::<32>() {
            ([x, y], []) => Self::p256(*x, *y),
            _ => Err(JwkError::Coordinate),
        }
    }

    /// A point that is known to be good.
    pub(crate) fn of(point: Point) -> Self {
        Self { point, kid: None }
    }

    /// The same key with this `kid`.
    #[must_use]
    pub fn with_kid(self, kid: &str) -> Self {
        Self { kid: Some(kid.to_owned()), ..self }
    }

    /// The algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.point.algorithm()
    }

    /// The `kid` in the JWK, as it was written.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The thumbprint (RFC 7638), the same for every JWK of this key.
    pub fn thumbprint(&self) -> Thumbprint {
        let Members { kty, crv, x, y, .. } = Members::of(self);
        let y = y.map(|y| format!(r#","y":"{y}""#)).unwrap_or_default();
        let canonical = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"{y}}}"#);
        Thumbprint(Sha256::digest(canonical).into())
    }

    pub(crate) fn point(&self) -> Point {
        self.point
    }
}

impl Point {
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDSA,
            Self::P256(_) => Algorithm::ES256,
        }
    }

    /// Whether the private key of this point made the signature.
    pub(crate) fn is_signed(&self, signed: &[u8], pair: &[u8; 64]) -> bool {
        match self {
            Self::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(signed, pair),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, pair)
            }
        }
        .is_ok()
    }
}

/// Whether the uncompressed point is one of P-256. `ring` parses a peer's key when it agrees on a secret with it, and at
/// no other place that can be told from a wrong signature.
fn is_on_p256(point: &[u8; 65]) -> bool {
    let curve = &agreement::ECDH_P256;
    let Ok(own) = agreement::EphemeralPrivateKey::generate(curve, &SystemRandom::new()) else {
        return false;
    };
    let peer = agreement::UnparsedPublicKey::new(curve, point);
    agreement::agree_ephemeral(own, &peer, |_| ()).is_ok()
}

/// The members of a JWK that mean something here; others are ignored (RFC 7517 §4).
#[derive(Default, Serialize, Deserialize)]
#[serde(remote = "Self")]
struct Members {
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(
        default,
        rename = "use",
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    purpose: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    d: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    p: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    q: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    dp: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    dq: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    qi: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    oth: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present", skip_serializing)]
    k: Option<IgnoredAny>,
}

objects_only!(Members);

impl Members {
    fn of(jwk: &Jwk) -> Self {
        let (kty, crv, x, y) = match &jwk.point {
            Point::Ed25519(x) => ("OKP", "Ed25519", base64url::encode(x), None),
            Point::P256(point) => {
                let (x, y) = (base64url::encode(&point[1..33]), base64url::encode(&point[33..]));
                ("EC", "P-256", x, Some(y))
            }
        };
        Self {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x,
            y,
            kid: jwk.kid.clone(),
            alg: Some(jwk.algorithm().name().to_owned()),
            purpose: Some("sig".to_owned()),
            ..Self::default()
        }
    }

    fn has_private(&self) -> bool {
        let Self { d, p, q, dp, dq, qi, oth, k, .. } = self;
        [d, p, q, dp, dq, qi, oth, k].into_iter().any(Option::is_some)
    }

    /// Whether nothing says that the key is for anything but verifying with one of these algorithms.
    fn verifies_with(&self, algs: &[&str]) -> bool {
        self.alg.as_deref().is_none_or(|alg| algs.contains(&alg))
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_deref().is_none_or(|ops| matches!(ops, [op] if op == "verify"))
    }
}

impl TryFrom<Members> for Jwk {
    type Error = JwkError;

    fn try_from(members: Members) -> Result<Self, JwkError> {
        if members.has_private() {
            return Err(JwkError::Private);
        }
        let coordinate = |text: &str| base64url::decode_32(text).ok_or(JwkError::Coordinate);
        // RFC 9864 names the algorithm `Ed25519`, which newer libraries write; a token's header says `EdDSA`.
        let (algs, point): (&[_], _) =
            match (members.kty.as_str(), members.crv.as_str(), &members.y) {
                ("OKP", "Ed25519", None) => {
                    (&["EdDSA", "Ed25519"], Self::ed25519(coordinate(&members.x)?))
                }
                ("EC", "P-256", Some(y)) => {
                    (&["ES256"], Self::p256(coordinate(&members.x)?, coordinate(y)?))
                }
                ("OKP", "Ed25519", Some(_)) | ("EC", "P-256", None) => {
                    return Err(JwkError::Coordinate);
                }
                _ => return Err(JwkError::Kind),
            };
        if !members.verifies_with(algs) {
            return Err(JwkError::Purpose);
        }
        Ok(Self { kid: members.kid, ..point? })
    }
}

impl FromStr for Jwk {
    type Err = JwkError;

    fn from_str(json: &str) -> Result<Self, JwkError> {
        if json.len() > JWK_BYTES_MAX {
            return Err(JwkError::Malformed);
        }
        serde_json::from_str::<Members>(json).map_err(|_| JwkError::Malformed)?.try_into()
    }
}

/// As [`Jwk::from_str`] reads it, for JWKs inside of other JSON.
impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <Members as Deserialize>::deserialize(d)?.try_into().map_err(serde::de::Error::custom)
    }
}

/// `kty crv x y kid alg use`, in this order.
impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        Members::of(self).serialize(s)
    }
}

impl fmt::Display for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jwk({}, {})", self.algorithm(), self.thumbprint())
    }
}
