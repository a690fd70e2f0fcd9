//! Keys that sign (`spec/token.md` §Keys). A key belongs to one app and has one algorithm. Its private part is never
//! shown.

use std::{fmt, sync::Arc};

use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, digest::zeroize::ZeroizeOnDrop};
use sha2::Sha256;

use crate::{
    algorithm::Algorithm,
    app::AppId,
    base64url,
    jwk::{Jwk, Point},
    verifying_key::{KeyError, KeyState, VerifyingKey, mac},
};

/// The shortest secret of HS256 (RFC 7518 §3.2), in bytes.
pub const SECRET_BYTES_MIN: usize = 32;

/// The build fails where a private key would not be wiped: that is a feature of `ed25519-dalek` and of `sha2`.
const _: fn() = || {
    fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<SigningKey>();
    is_wiped::<Sha256>();
};

/// A key of one app that signs and verifies. Cheap to clone. Its private part is wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Key {
    verifying: VerifyingKey,
    signer: Signer,
}

/// How the key signs.
#[derive(Clone)]
enum Signer {
    Hs256(Arc<Hmac<Sha256>>),
    /// Wiped on drop, by a feature of `ed25519-dalek`.
    EdDsa(Arc<SigningKey>),
}

impl Key {
    /// A key for HMAC-SHA256 (`HS256`). `secret` is raw bytes, at least 32: decode it from base64url first. `kid` is 1
    /// to 64 bytes of `[A-Za-z0-9_-]`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the secret is too short or `kid` is not allowed.
    pub fn hs256(app: AppId, kid: &str, secret: &[u8], state: KeyState) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::SecretShort);
        }
        let hmac = Hmac::new_from_slice(secret).map_err(|_| KeyError::SecretShort)?;
        let hmac = Arc::new(hmac);
        let verifying = VerifyingKey::hs256(app, kid, state, hmac.clone())?;
        Ok(Self { verifying, signer: Signer::Hs256(hmac) })
    }

    /// A key for Ed25519 (`EdDSA`). `seed` is the private key of RFC 8032 §5.1.5, 32 random bytes; `kid` as for
    /// [`Key::hs256`].
    ///
    /// # Errors
    ///
    /// [`KeyError::Kid`] where `kid` is not allowed.
    pub fn ed25519(
        app: AppId,
        kid: &str,
        seed: &[u8; 32],
        state: KeyState,
    ) -> Result<Self, KeyError> {
        let key = SigningKey::from_bytes(seed);
        let jwk = Jwk::of(Point::Ed25519(key.verifying_key().to_bytes()));
        let verifying = VerifyingKey::from_jwk(app, kid, state, &jwk)?;
        Ok(Self { verifying, signer: Signer::EdDsa(Arc::new(key)) })
    }

    /// What of the key verifies, for those that need not sign.
    pub fn verifying(&self) -> VerifyingKey {
        self.verifying.clone()
    }

    /// The app that the key belongs to.
    pub fn app(&self) -> AppId {
        self.verifying.app()
    }

    /// The key id, unique in a deployment.
    pub fn kid(&self) -> &str {
        self.verifying.kid()
    }

    /// The key id as shared text.
    pub fn shared_kid(&self) -> Arc<str> {
        self.verifying.shared_kid()
    }

    /// What the key may do.
    pub fn state(&self) -> KeyState {
        self.verifying.state()
    }

    /// The only algorithm of the key's signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.verifying.algorithm()
    }

    pub(crate) fn header(&self) -> &str {
        self.verifying.header()
    }

    /// Appends a dot and the signature of what stands there.
    pub(crate) fn sign_onto(&self, text: &mut String) {
        let signed = text.as_bytes();
        match &self.signer {
            Signer::Hs256(hmac) => {
                let mac = mac(hmac, signed);
                append(text, &mac);
            }
            Signer::EdDsa(key) => {
                let pair = key.sign(signed).to_bytes();
                append(text, &pair);
            }
        }
    }
}

fn append(text: &mut String, signature: &[u8]) {
    text.push('.');
    base64url::encode_onto(text, signature);
}

impl From<Key> for VerifyingKey {
    fn from(key: Key) -> Self {
        key.verifying
    }
}

impl From<&Key> for VerifyingKey {
    fn from(key: &Key) -> Self {
        key.verifying()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("app", &self.app())
            .field("kid", &self.kid())
            .field("state", &self.state())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_show_its_private_part() {
        let current = KeyState::Current;
        let keys = [
            (Key::hs256(AppId(1), "k1", &[0x41; 32], current), "HS256"),
            (Key::ed25519(AppId(1), "k1", &[0x41; 32], current), "EdDSA"),
        ];
        for (key, alg) in keys {
            let rest =
                format!(r#"{{ app: AppId(1), kid: "k1", state: Current, algorithm: {alg}, .. }}"#);
            let key = key.expect("a key");
            assert_eq!(format!("{key:?}"), format!("Key {rest}"));
            assert_eq!(format!("{:?}", key.verifying()), format!("VerifyingKey {rest}"));
        }
    }

    #[test]
    fn a_short_secret_and_a_bad_id_are_refused() {
        let make = |kid: &str, len| Key::hs256(AppId(1), kid, &vec![1; len], KeyState::Next).err();
        assert_eq!(make("k", 31), Some(KeyError::SecretShort));
        for kid in ["", "a b", &"k".repeat(65)] {
            assert_eq!(make(kid, 32), Some(KeyError::Kid));
            let ed25519 = Key::ed25519(AppId(1), kid, &[1; 32], KeyState::Next);
            assert_eq!(ed25519.err(), Some(KeyError::Kid));
        }
    }
}
