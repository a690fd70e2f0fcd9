//! Keys from files: a JWK (RFC 7517), or PEM (RFC 7468) of PKCS#8 or of a public key.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey, ObjectIdentifier, PrivateKeyInfoRef, spki::SubjectPublicKeyInfoRef},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use serde::Deserialize;
use serde_json::json;
use stagedoor_token::{AppId, Jwk, JwkError, Key, KeyState, VerifyingKey};
use zeroize::Zeroizing;

use super::{failure::Failure, secret::secret};

/// Ed25519 (RFC 8410 §3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// A key of an elliptic curve (RFC 5480 §2.1.1), and the curve P-256.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

const ELSEWHERE: &str = "of private keys only one of Ed25519 signs here; keys of P-256 sign elsewhere, so give the public key to verify with it";

/// What a file holds.
pub(super) enum KeyFile {
    /// The private key of Ed25519, 32 bytes.
    Seed(Zeroizing<[u8; 32]>),
    /// A secret of HS256.
    Secret(Zeroizing<Vec<u8>>),
    /// A public key.
    Public(Jwk),
}

impl KeyFile {
    /// Reads a file, `-` for standard input.
    pub(super) fn read(file: &PathBuf) -> Result<Self, Failure> {
        let text = Zeroizing::new(secret(Some(file), "", "the key")?);
        let parsed = if text.starts_with('{') { of_jwk(&text) } else { of_pem(&text) };
        parsed.with_context(|| file.display().to_string()).map_err(Failure::Usage)
    }

    /// The key, which must be one that signs.
    pub(super) fn signing(&self, app: AppId, kid: &str) -> Result<Key, Failure> {
        match self {
            Self::Seed(seed) => Key::ed25519(app, kid, seed, KeyState::Current),
            Self::Secret(secret) => Key::hs256(app, kid, secret, KeyState::Current),
            Self::Public(_) => {
                let why = "the file has a public key, which verifies and does not sign; give the private key";
                return Err(Failure::Usage(anyhow!(why)));
            }
        }
        .map_err(|error| Failure::Usage(error.into()))
    }

    /// What of the key verifies.
    pub(super) fn verifying(&self, app: AppId, kid: &str) -> Result<VerifyingKey, Failure> {
        match self {
            Self::Public(jwk) => VerifyingKey::from_jwk(app, kid, KeyState::Current, jwk)
                .map_err(|error| Failure::Usage(error.into())),
            Self::Seed(_) | Self::Secret(_) => Ok(self.signing(app, kid)?.verifying()),
        }
    }

    /// The public key alone. A file with a private one is refused, so that it is not passed on by mistake.
    pub(super) fn public(self) -> Result<Jwk, Failure> {
        match self {
            Self::Public(jwk) => Ok(jwk),
            Self::Seed(_) | Self::Secret(_) => Err(Failure::Usage(JwkError::Private.into())),
        }
    }
}

/// The members of a JWK with what must not be shown. Borrowed, so that there is no copy of it to wipe.
#[derive(Deserialize)]
struct Private<'a> {
    kty: &'a str,
    crv: Option<&'a str>,
    x: Option<&'a str>,
    alg: Option<&'a str>,
    #[serde(rename = "use")]
    purpose: Option<&'a str>,
    /// The private key.
    d: Option<&'a str>,
    /// The secret.
    k: Option<&'a str>,
}

fn of_jwk(text: &str) -> anyhow::Result<KeyFile> {
    let Ok(jwk) = serde_json::from_str::<Private<'_>>(text) else {
        return Ok(KeyFile::Public(text.parse()?));
    };
    match jwk {
        Private { kty: "OKP", d: Some(d), k: None, .. } => seed_of_jwk(&jwk, d),
        Private { kty: "oct", d: None, k: Some(k), .. } => {
            let secret = URL_SAFE_NO_PAD.decode(k).ok();
            let secret = secret.context("`k` must be base64url without padding")?;
            Ok(KeyFile::Secret(Zeroizing::new(secret)))
        }
        Private { kty: "EC", d: Some(_), .. } => Err(anyhow!(ELSEWHERE)),
        _ => Ok(KeyFile::Public(text.parse()?)),
    }
}

fn seed_of_jwk(jwk: &Private<'_>, d: &str) -> anyhow::Result<KeyFile> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(d).unwrap_or_default());
    let seed = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    let seed = seed.context("`d` must be 32 bytes as base64url without padding")?;
    let Private { kty, crv, x, alg, purpose, .. } = jwk;
    let mut public = json!({ "kty": kty, "crv": crv, "x": x });
    for (name, member) in [("alg", alg), ("use", purpose)] {
        if let Some(member) = member {
            public[name] = (*member).into();
        }
    }
    let public: Jwk = serde_json::from_value(public)?;
    let own = Jwk::ed25519(SigningKey::from_bytes(&seed).verifying_key().to_bytes())?;
    anyhow::ensure!(public == own, "`d` is the private key of another `x`");
    Ok(KeyFile::Seed(seed))
}

fn of_pem(text: &str) -> anyhow::Result<KeyFile> {
    if let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) {
        return Ok(KeyFile::Public(public_of(&der)?));
    }
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
        .ok()
        .context("the file has neither a JWK nor PEM of `PRIVATE KEY` (PKCS#8) or `PUBLIC KEY`")?;
    let der = Zeroizing::new(der.secret_pkcs8_der().to_vec());
    let info = PrivateKeyInfoRef::try_from(der.as_slice());
    let info = info.ok().context("the PEM is not a private key in PKCS#8")?;
    anyhow::ensure!(info.algorithm.oid == ED25519, "{ELSEWHERE}");
    let key = SigningKey::from_pkcs8_der(&der);
    let key =
        key.ok().context("the PEM's private key is not 32 bytes, or not that of its public key")?;
    Ok(KeyFile::Seed(Zeroizing::new(key.to_bytes())))
}

/// The key of a `SubjectPublicKeyInfo` (RFC 5280 §4.1).
fn public_of(der: &[u8]) -> anyhow::Result<Jwk> {
    let info = SubjectPublicKeyInfoRef::try_from(der);
    let info = info.ok().context("the PEM is not a public key")?;
    let bits = info.subject_public_key.as_bytes().context("the public key has spare bits")?;
    let curve = info.algorithm.parameters_oid().ok();
    match info.algorithm.oid {
        ED25519 => Ok(Jwk::ed25519(bits.try_into().map_err(|_| JwkError::Coordinate)?)?),
        EC if curve == Some(P256) => Ok(Jwk::p256_point(bits)?),
        _ => Err(JwkError::Kind.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410 §10.3 and §10.1.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    fn parsed(text: &str) -> anyhow::Result<KeyFile> {
        if text.starts_with('{') { of_jwk(text) } else { of_pem(text) }
    }

    fn jwk_of(text: &str) -> Jwk {
        let file = parsed(text).expect("a key");
        let Ok(key) = file.verifying(AppId(7), "k") else { panic!("no key of that id") };
        key.to_jwk().expect("a public key")
    }

    fn why(text: &str) -> String {
        let Err(error) = parsed(text) else { panic!("a key: {text}") };
        format!("{error:#}")
    }

    #[test]
    fn pem_of_either_half_is_the_same_key() {
        assert_eq!(jwk_of(PRIVATE), jwk_of(PUBLIC));
        assert!(matches!(parsed(PRIVATE), Ok(KeyFile::Seed(_))));
        assert!(matches!(parsed(PUBLIC), Ok(KeyFile::Public(_))));
    }

    #[test]
    fn a_private_jwk_signs_and_its_halves_must_agree() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let d = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        let jwk = |x: &str, d: &str| {
            format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"{d}","key_ops":["sign"]}}"#)
        };
        assert!(matches!(parsed(&jwk(x, d)), Ok(KeyFile::Seed(_))));
        for bad in [jwk(x, x), jwk(x, "AA")] {
            assert!(!why(&bad).contains(x) && !why(&bad).contains(d));
        }
        let secret = format!(r#"{{"kty":"oct","k":"{d}"}}"#);
        assert!(matches!(parsed(&secret), Ok(KeyFile::Secret(_))));
    }

    #[test]
    fn what_is_no_key_here_is_told() {
        let rsa = "-----BEGIN PUBLIC KEY-----\nMBQwDQYJKoZIhvcNAQEBBQADAwAwAA==\n-----END PUBLIC KEY-----\n";
        for (text, words) in [
            ("", "neither a JWK nor PEM"),
            ("a secret", "neither a JWK nor PEM"),
            ("{}", "one JSON object"),
            (r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#, "Ed25519"),
            (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}"#, "sign elsewhere"),
            (rsa, "P-256"),
            (&PRIVATE.replace("MC4CAQAwBQYDK2Vw", "MC4CAQAwBQYDK2Vu"), "Ed25519"),
        ] {
            let why = why(text);
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
