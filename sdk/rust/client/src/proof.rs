//! The key to which a token may be bound, and the proofs that it signs: JWTs in the form of RFC 9449 §4.2
//! (`spec/wire.md` §Stolen tokens). Pure, apart from random numbers.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use zeroize::Zeroizing;

use crate::error::KeyError;

/// How a [`ProofKey`] signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofAlgorithm {
    /// ECDSA with P-256 and SHA-256, which browsers and hardware keys offer.
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

/// A key pair that you hold. A token bound to its [`thumbprint`](ProofKey::thumbprint) is of no use without it: each
/// login and renewal is signed. The private key stays in this value, and `Debug` does not show it.
///
/// Send the thumbprint to your backend, which mints a token with `"cnf":{"jkt":…}`:
///
/// ```
/// use stagedoor_client::{Client, ProofAlgorithm, ProofKey, Token};
///
/// # async fn my_backend(_thumbprint: String) -> Result<String, std::io::Error> { Ok(String::new()) }
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = ProofKey::generate(ProofAlgorithm::EdDsa)?;
/// let thumbprint = key.thumbprint();
/// let token = Token::from_fn(move || my_backend(thumbprint.clone()));
/// let client = Client::new("ws://127.0.0.1:7880/v1/connect", token).proof_key(key);
/// # Ok(())
/// # }
/// # run().unwrap();
/// ```
#[derive(Clone)]
pub struct ProofKey {
    pair: Arc<Pair>,
    /// The public key in the form that RFC 7638 hashes.
    jwk: Arc<str>,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sha256(text: &str) -> String {
    encode(digest(&SHA256, text.as_bytes()))
}

impl ProofKey {
    /// Generates a key that is gone when this value is dropped.
    ///
    /// # Errors
    ///
    /// [`KeyError::Randomness`] where the system gives no random numbers.
    pub fn generate(algorithm: ProofAlgorithm) -> Result<Self, KeyError> {
        Self::from_pkcs8(&Self::generate_pkcs8(algorithm)?)
    }

    /// Generates a key in PKCS #8 (DER), for [`ProofKey::from_pkcs8`]. Keep it where nobody else can read it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Randomness`] where the system gives no random numbers.
    pub fn generate_pkcs8(algorithm: ProofAlgorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let random = SystemRandom::new();
        let made = match algorithm {
            ProofAlgorithm::Es256 => {
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            }
            ProofAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        };
        let made = made.map_err(|_| KeyError::Randomness)?;
        Ok(Zeroizing::new(made.as_ref().to_vec()))
    }

    /// Reads a key pair of P-256 or Ed25519 in PKCS #8 (DER), as [`ProofKey::generate_pkcs8`] and `openssl genpkey`
    /// write it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Invalid`] where the bytes are anything else.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let es256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random);
        let pair = es256
            .map(Pair::Es256)
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Pair::EdDsa));
        let pair = pair.map_err(|_| KeyError::Invalid)?;
        let jwk = pair.jwk().into();
        Ok(Self { pair: Arc::new(pair), jwk })
    }

    /// The thumbprint of the public key (RFC 7638, SHA-256, base64url), which a token names as `cnf.jkt`.
    pub fn thumbprint(&self) -> String {
        sha256(&self.jwk)
    }

    /// The public key as a JWK (RFC 7517).
    pub fn public_jwk(&self) -> &str {
        &self.jwk
    }

    /// The proof for a token or ticket that is presented, over the relay's nonce.
    pub(crate) fn prove(&self, presented: &str, nonce: &str) -> Result<String, KeyError> {
        let alg = self.pair.alg();
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{alg}","jwk":{}}}"#, self.jwk);
        let claims = serde_json::json!({"nonce": nonce, "ath": sha256(presented)});
        let signed = format!("{}.{}", encode(header), encode(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(signature)))
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

impl Pair {
    fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// The members that make the key, in the order of their names and without a space: RFC 7638 §3.
    fn jwk(&self) -> String {
        match self {
            Self::Es256(pair) => {
                // An uncompressed point: a byte that says so, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encode(x), encode(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::EdDsa(pair) => {
                let x = encode(pair.public_key());
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
        }
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(match self {
            Self::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed);
                signature.map_err(|_| KeyError::Randomness)?.as_ref().to_vec()
            }
            Self::EdDsa(pair) => pair.sign(signed).as_ref().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.1, put into PKCS #8 (RFC 8410).
    const RFC_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v_VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let pkcs8 = URL_SAFE_NO_PAD.decode(RFC_KEY).expect("base64url");
        let key = ProofKey::from_pkcs8(&pkcs8).expect("a key");
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_kept_key_is_the_same_key_and_what_is_none_is_refused() {
        for algorithm in [ProofAlgorithm::Es256, ProofAlgorithm::EdDsa] {
            let pkcs8 = ProofKey::generate_pkcs8(algorithm).expect("a key");
            let [first, again] = [(); 2].map(|()| ProofKey::from_pkcs8(&pkcs8).expect("a key"));
            assert_eq!(first.public_jwk(), again.public_jwk());
            let other = ProofKey::generate(algorithm).expect("a key");
            assert_ne!(first.thumbprint(), other.thumbprint());
        }
        assert_eq!(ProofKey::from_pkcs8(b"nothing").err(), Some(KeyError::Invalid));
    }

    #[test]
    fn a_key_does_not_show_its_private_part() {
        let pkcs8 = URL_SAFE_NO_PAD.decode(RFC_KEY).expect("base64url");
        let key = ProofKey::from_pkcs8(&pkcs8).expect("a key");
        let shown = format!("{key:?}");
        assert_eq!(
            shown,
            r#"ProofKey { thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", .. }"#
        );
    }
}
