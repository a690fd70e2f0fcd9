//! What a text that was found somewhere may be, by its form. Pure.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use stagedoor_token::secret_of_text;
use zeroize::Zeroizing;

use crate::credential::Presented;

/// What a text may be.
pub(crate) enum Suspect<'a> {
    /// A credential of the API.
    Credential(Presented<'a>),
    /// The 32 bytes of a key's secret, in one of its spellings.
    Secret(Zeroizing<Vec<u8>>),
    /// A room token.
    Token(&'a str),
    /// Nothing of ours.
    Nothing,
}

impl<'a> Suspect<'a> {
    /// What a text may be, by its form alone.
    pub(crate) fn of(text: &'a str) -> Self {
        let text = text.trim();
        if let Ok(presented) = Presented::parse(text) {
            return Self::Credential(presented);
        }
        // Hex first: it is base64url as well, of other bytes.
        let secret = hex(text).or_else(|| secret_of_text(text).ok()).or_else(|| {
            [URL_SAFE_NO_PAD, URL_SAFE, STANDARD_NO_PAD, STANDARD]
                .iter()
                .find_map(|form| form.decode(text).ok())
        });
        match secret.map(Zeroizing::new) {
            Some(bytes) if bytes.len() == 32 => Self::Secret(bytes),
            _ if text.matches('.').count() == 2 => Self::Token(text),
            _ => Self::Nothing,
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = text.as_bytes().chunks_exact(2).map(|pair| {
        std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    is_hex.then_some(bytes)?.collect()
}

#[cfg(test)]
mod tests {
    use stagedoor_token::{Credential, CredentialKind, checked_secret};

    use super::*;

    #[test]
    fn a_secret_is_known_in_each_of_its_spellings() {
        let secret = [0xFB; 32];
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let spellings = [
            URL_SAFE_NO_PAD.encode(secret),
            URL_SAFE.encode(secret),
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            checked_secret(&secret),
            hex.to_uppercase(),
            hex,
            format!(" {}\n", URL_SAFE_NO_PAD.encode(secret)),
        ];
        for text in &spellings {
            let Suspect::Secret(bytes) = Suspect::of(text) else { panic!("{text}") };
            assert_eq!(*bytes, secret, "{text}");
        }
    }

    #[test]
    fn other_texts_are_told_apart() {
        let key =
            Credential::make(CredentialKind::ApiKey, "7jq82dacgi687q88", &[1; 32]).expect("made");
        assert!(matches!(Suspect::of(&key), Suspect::Credential(_)));
        assert!(matches!(Suspect::of("a.b.c"), Suspect::Token("a.b.c")));
        for nothing in ["", "hello", &key[..30], "AAAA", &"0".repeat(63)] {
            assert!(matches!(Suspect::of(nothing), Suspect::Nothing), "{nothing}");
        }
    }
}
