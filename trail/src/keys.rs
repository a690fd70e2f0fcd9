//! Audit keys, and the set that a verifier trusts.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Keys in a set; a deployment that rotates every month has as many in 20 years.
pub const KEYS_MAX: usize = 256;

/// A deployment's Ed25519 key, which signs checkpoints and excerpts.
pub struct AuditKey {
    signing: SigningKey,
    kid: String,
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl AuditKey {
    /// From its 32 secret bytes.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let kid = thumbprint(&encoded(signing.verifying_key().as_bytes()));
        Self { signing, kid }
    }

    /// Its secret bytes.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// Its id: the thumbprint of its public key (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public key.
    pub fn public(&self) -> Jwk {
        Jwk::ed25519(&encoded(self.signing.verifying_key().as_bytes()))
    }

    /// The bytes of its public key.
    pub fn public_bytes(&self) -> [u8; 32] {
        *self.signing.verifying_key().as_bytes()
    }

    /// Signs bytes; the signature as base64url.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        encoded(&self.signing.sign(bytes).to_bytes())
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn thumbprint(x: &str) -> String {
    encoded(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// A public key as a JSON Web Key (RFC 8037). Fields that are not needed here are ignored, as RFC 7517 asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The public key, base64url.
    pub x: String,
    /// Its id: its own thumbprint.
    #[serde(default)]
    pub kid: String,
    /// `EdDSA`.
    #[serde(default)]
    pub alg: String,
    /// `sig`.
    #[serde(default, rename = "use")]
    pub usage: String,
}

impl Jwk {
    fn ed25519(x: &str) -> Self {
        let [kty, crv, alg, usage] = ["OKP", "Ed25519", "EdDSA", "sig"].map(str::to_owned);
        Self { kty, crv, x: x.into(), kid: thumbprint(x), alg, usage }
    }

    /// The key of these 32 public bytes.
    pub fn of_public(public: &[u8; 32]) -> Self {
        Self::ed25519(&encoded(public))
    }
}

/// A set of public keys (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// The public keys that a verifier trusts, by their ids.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(BTreeMap<String, VerifyingKey>);

impl PublicKeys {
    /// The Ed25519 keys of a set; keys of other kinds, and those that are no key, are left out.
    pub fn of(keys: &[Jwk]) -> Self {
        let mut all = Self::default();
        for Jwk { kty, crv, x, .. } in keys.iter().take(KEYS_MAX) {
            let bytes = URL_SAFE_NO_PAD.decode(x).ok().and_then(|bytes| bytes.try_into().ok());
            if let (Some(bytes), "OKP", "Ed25519") = (bytes, kty.as_str(), crv.as_str())
                && let Ok(key) = VerifyingKey::from_bytes(&bytes)
                && !key.is_weak()
            {
                // The id is computed, so that no set can give a key another's name.
                all.0.insert(thumbprint(x), key);
            }
        }
        all
    }

    /// From the text of a JWK or of a set of them; `None` if it has no key.
    pub fn of_json(text: &str) -> Option<Self> {
        let keys = serde_json::from_str::<Jwks>(text).map(|set| set.keys);
        let keys = keys.or_else(|_| serde_json::from_str::<Jwk>(text).map(|key| vec![key])).ok()?;
        Some(Self::of(&keys)).filter(|keys| !keys.0.is_empty())
    }

    /// Whether the key with this id signed these bytes.
    pub(crate) fn signed(&self, kid: &str, bytes: &[u8], signature: &str) -> bool {
        let Some(key) = self.0.get(kid) else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        Signature::from_slice(&signature)
            .is_ok_and(|signature| key.verify_strict(bytes, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_key_verifies_a_signature() {
        let keys = [1, 2].map(|n| AuditKey::of_seed(&[n; 32]));
        let trusted = PublicKeys::of(&[keys[0].public()]);
        let text = serde_json::to_string(&Jwks { keys: vec![keys[0].public()] }).expect("JSON");
        let from_json = PublicKeys::of_json(&text).expect("a key");
        for (key, is_good) in [(&keys[0], true), (&keys[1], false)] {
            let signature = key.sign(b"text");
            for trusted in [&trusted, &from_json] {
                assert_eq!(trusted.signed(key.kid(), b"text", &signature), is_good);
                assert!(!trusted.signed(key.kid(), b"other", &signature));
            }
        }
        assert!(PublicKeys::of_json("{\"keys\":[]}").is_none());
    }

    #[test]
    fn a_key_that_claims_anothers_id_does_not_get_it() {
        let keys = [1, 2].map(|n| AuditKey::of_seed(&[n; 32]));
        let forged = Jwk { kid: keys[0].kid().into(), ..keys[1].public() };
        let trusted = PublicKeys::of(&[forged]);
        assert!(!trusted.signed(keys[0].kid(), b"text", &keys[1].sign(b"text")));
    }

    #[test]
    fn debug_output_has_no_secret() {
        let key = AuditKey::of_seed(&[0xab; 32]);
        let text = format!("{key:?}").to_lowercase();
        assert!(!text.contains("abab") && !text.contains("171"), "{text}");
    }
}
