//! The minimum of a login: the token's signature is checked with a known secret. No claims are read, no rights looked
//! up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret known to floors and peers.
pub const SECRET: [u8; 32] = [0x5d; 32];

/// About the size of the answer to an audience member's login.
const ANSWER_BYTES: usize = 514;

/// Checks tokens, with its key schedule kept.
#[derive(Clone)]
pub struct Check {
    mac: Hmac<Sha256>,
    answer: String,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

impl Check {
    /// With the known secret.
    pub fn new() -> anyhow::Result<Self> {
        let mac = Hmac::new_from_slice(&SECRET)?;
        Ok(Self { mac, answer: format!("ok{}", " ".repeat(ANSWER_BYTES - 2)) })
    }

    /// The answer to a token: `ok` and filler, or none.
    pub fn answer(&self, token: &[u8]) -> Option<&str> {
        let dot = token.iter().rposition(|byte| *byte == b'.')?;
        let signature = URL_SAFE_NO_PAD.decode(&token[dot + 1..]).ok()?;
        let mac = self.mac.clone().chain_update(&token[..dot]);
        mac.verify_slice(&signature).ok()?;
        Some(&self.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signature_with_the_secret_is_accepted() {
        let mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length");
        let signature = mac.chain_update(b"header.claims").finalize().into_bytes();
        let token = format!("header.claims.{}", URL_SAFE_NO_PAD.encode(signature));
        let check = Check::new().expect("any length");
        assert!(check.answer(token.as_bytes()).is_some_and(|answer| answer.starts_with("ok")));
        assert!(check.answer(token.replace("claims", "claimt").as_bytes()).is_none());
        assert!(check.answer(b"no token").is_none());
    }
}
