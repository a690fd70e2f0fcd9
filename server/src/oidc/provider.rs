//! The cryptography of `jsonwebtoken`, over ring: only what verifies ID tokens. It signs nothing.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 | Algorithm::EdDSA => {
            Ok(Box::new(OverRing { algorithm: *algorithm, key: key.clone() }))
        }
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Verifies by one key and one algorithm.
struct OverRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for OverRing {
    fn verify(&self, signed: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        if self.algorithm.family() != self.key.family() {
            return Err(Error::new());
        }
        let rsa = |parameters: &'static RsaParameters| match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature)
            }
            DecodingKeyKind::SecretOrDer(_) => Err(ring::error::Unspecified),
        };
        let bytes = |algorithm| match self.key.kind() {
            DecodingKeyKind::SecretOrDer(key) => {
                UnparsedPublicKey::new(algorithm, key).verify(signed, signature)
            }
            DecodingKeyKind::RsaModulusExponent { .. } => Err(ring::error::Unspecified),
        };
        let verified = match self.algorithm {
            Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::PS256 => rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::ES256 => bytes(&ECDSA_P256_SHA256_FIXED),
            Algorithm::EdDSA => bytes(&ED25519),
            _ => Err(ring::error::Unspecified),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for OverRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Whether this is the signature of these bytes by this key. A key of another family, and whatever fails, is `false`.
pub(super) fn verifies(
    signed: &str,
    signature: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<bool> {
    // Only the first call installs it; another provider in this process would not know these algorithms, so it would
    // verify nothing.
    let _ = PROVIDER.install_default();
    jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, algorithm)
}
