//! A key pair of P-256 as a key service has it, and the two spellings of each of its tokens.

use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use stagedoor_token::Claims;

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// A key pair.
pub struct Es256 {
    pair: EcdsaKeyPair,
    /// The private key, 32 bytes.
    private: Vec<u8>,
}

impl Es256 {
    /// A new key.
    pub fn new() -> Result<Self> {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random);
        let pkcs8 = pkcs8.map_err(|_| anyhow!("no randomness"))?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random);
        let pair = pair.map_err(|error| anyhow!("{error}"))?;
        // What `ring` writes has the private key at these bytes (RFC 5915 §3 in RFC 5208 §5).
        let private = pkcs8.as_ref().get(36..68).context("a private key")?.to_vec();
        Ok(Self { pair, private })
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let [x, y] = [1..33, 33..65].map(|part| URL_SAFE_NO_PAD.encode(&point[part]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// The key as a JWK with its private part.
    pub fn private_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["d"] = URL_SAFE_NO_PAD.encode(&self.private).into();
        jwk
    }

    /// A token of these claims.
    pub fn token(&self, kid: &str, claims: &Claims) -> Result<String> {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": kid }).to_string();
        let parts = [header.into_bytes(), serde_json::to_vec(claims)?];
        let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| anyhow!("no randomness"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The twin of a token of ES256: with (r, n - s), which anybody makes without a key.
pub fn twin_of(token: &str) -> Result<String> {
    let (signed, signature) = token.rsplit_once('.').context("three parts")?;
    let mut pair = URL_SAFE_NO_PAD.decode(signature)?;
    let s = pair.get_mut(32..64).context("a signature of ES256")?;
    let mut borrow = 0;
    for (s, n) in s.iter_mut().zip(N).rev() {
        let left = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(left < 0);
        *s = left.rem_euclid(256).to_le_bytes()[0];
    }
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(pair)))
}
