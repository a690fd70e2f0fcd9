//! The secret of Token04: 32 visible ASCII characters, which are the 32 bytes of the AES key as they stand. A type of
//! its own, so that it never signs an HS256 token, and no HS256 secret opens a Token04.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The length of a secret.
pub const SECRET_BYTES: usize = 32;
/// Random bytes that are 32 characters of base64url.
const RANDOM_BYTES: usize = 24;

/// A secret of Token04. It has no `Debug`, and its memory is wiped when it is dropped. The ciphers that are made of it
/// live no longer than one call; `aes` wipes its round keys, `ring` does not.
///
/// ```compile_fail
/// let secret: stagedoor_token04::Token04Secret = "fa94dd0f974cf2e293728a526b028271".parse().unwrap();
/// println!("{secret:?}");
/// ```
#[derive(Clone)]
pub struct Token04Secret(Zeroizing<[u8; SECRET_BYTES]>);

/// No secret was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text is not 32 visible ASCII characters.
    #[error("a Token04 secret must be exactly 32 visible ASCII characters")]
    Form,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
}

impl SecretError {
    /// The code of the API.
    pub fn code(self) -> &'static str {
        match self {
            Self::Form => "token04_secret_invalid",
            Self::Random(_) => "internal",
        }
    }
}

impl Token04Secret {
    /// A new secret of 192 random bits.
    ///
    /// # Errors
    ///
    /// [`SecretError::Random`] where the system gives no random bytes.
    pub fn random() -> Result<Self, SecretError> {
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        getrandom::fill(&mut *random)?;
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        URL_SAFE_NO_PAD.encode_slice(*random, &mut *secret).map_err(|_| SecretError::Form)?;
        Ok(Self(secret))
    }

    /// Imports a secret: its bytes as they stand, not decoded from hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`SecretError::Form`] where these are not exactly 32 visible ASCII characters.
    pub fn import(text: &[u8]) -> Result<Self, SecretError> {
        let bytes: &[u8; SECRET_BYTES] = text.try_into().map_err(|_| SecretError::Form)?;
        if !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(SecretError::Form);
        }
        Ok(Self(Zeroizing::new(*bytes)))
    }

    /// The characters: to seal them, and to show them once when the key is made.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl FromStr for Token04Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        Self::import(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_visible_ascii_characters_are_a_secret() {
        let a = "a".repeat(32);
        assert!(a.parse::<Token04Secret>().is_ok_and(|secret| secret.expose() == a.as_bytes()));
        let bad = [
            String::new(),
            "a".repeat(31),
            "a".repeat(33),
            "a".repeat(64),
            format!("{} ", "a".repeat(31)),
            format!("{}\n", "a".repeat(31)),
            format!("{}\0", "a".repeat(31)),
            "é".repeat(16),
        ];
        for text in bad {
            let refused = text.parse::<Token04Secret>().err().map(SecretError::code);
            assert_eq!(refused, Some("token04_secret_invalid"), "{text:?}");
        }
    }

    #[test]
    fn a_random_secret_can_be_imported_and_differs_from_the_next() {
        let (one, other) = (Token04Secret::random(), Token04Secret::random());
        let (one, other) = (one.expect("a secret"), other.expect("a secret"));
        assert_ne!(one.expose(), other.expose());
        assert!(Token04Secret::import(one.expose()).is_ok());
    }
}
