//! What stands around the ciphertext (`spec/token04.md` §Form): `04`, base64, and the fields in clear. All of it is
//! visible to everybody who holds the token, so a bad base64 may be refused at once.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::refusal::Refusal;

/// What a token begins with, outside of the base64.
pub(crate) const PREFIX: &str = "04";
/// The nonce of GCM, in bytes.
pub(crate) const NONCE_BYTES: usize = 12;
/// The IV of CBC, and a block of AES, in bytes.
pub(crate) const BLOCK_BYTES: usize = 16;
/// The tag of GCM, in bytes.
pub(crate) const TAG_BYTES: usize = 16;
/// The mode byte of GCM; CBC has none.
const MODE_GCM: u8 = 1;

/// `expire` and the length of the IV.
const HEAD_BYTES: usize = 10;
/// Where the ciphertext begins.
const GCM_AT: usize = HEAD_BYTES + NONCE_BYTES + 2;
const CBC_AT: usize = HEAD_BYTES + BLOCK_BYTES + 2;
/// The shortest body: CBC of one block. GCM of less is no token either.
const BODY_BYTES_MIN: usize = CBC_AT + BLOCK_BYTES;

/// The bytes of a token. Each accessor depends on their number alone: a body whose lengths do not fit gets the same
/// work as one whose lengths do.
pub(crate) struct Envelope(Vec<u8>);

/// How the plaintext is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// AES-256-GCM: encrypted and authenticated.
    Gcm,
    /// AES-256-CBC: encrypted only, so its holder can change it.
    Cbc,
}

impl Envelope {
    /// Decodes a text.
    pub(crate) fn parse(text: &str, bytes_max: usize) -> Result<Self, Refusal> {
        if text.len() > bytes_max {
            return Err(Refusal::TokenTooLarge);
        }
        let base64 = text.strip_prefix(PREFIX).ok_or(Refusal::TokenMalformed)?;
        let body = STANDARD.decode(base64).map_err(|_| Refusal::TokenMalformed)?;
        if body.len() < BODY_BYTES_MIN { Err(Refusal::TokenMalformed) } else { Ok(Self(body)) }
    }

    /// The text of a GCM token.
    pub(crate) fn gcm_text(expire: i64, nonce: [u8; NONCE_BYTES], sealed: &[u8]) -> Option<String> {
        let sealed_bytes = u16::try_from(sealed.len()).ok()?;
        let mut body = Vec::with_capacity(GCM_AT + sealed.len() + 1);
        body.extend(expire.to_be_bytes());
        body.extend((NONCE_BYTES as u16).to_be_bytes());
        body.extend(nonce);
        body.extend(sealed_bytes.to_be_bytes());
        body.extend(sealed);
        body.push(MODE_GCM);
        let mut text = PREFIX.to_owned();
        STANDARD.encode_string(body, &mut text);
        Some(text)
    }

    /// `expire` as it stands in clear, which nothing protects.
    pub(crate) fn expire(&self) -> i64 {
        i64::from_be_bytes(self.array(0))
    }

    /// The mode that lengths and mode byte agree on, if they do.
    pub(crate) fn mode(&self) -> Option<Mode> {
        let len = self.0.len();
        let number = |at| usize::from(u16::from_be_bytes(self.array(at)));
        let gcm = (number(HEAD_BYTES - 2) == NONCE_BYTES)
            & (number(GCM_AT - 2) == len - GCM_AT - 1)
            & (self.0.last() == Some(&MODE_GCM));
        let cbc = (number(HEAD_BYTES - 2) == BLOCK_BYTES)
            & (number(CBC_AT - 2) == len - CBC_AT)
            & (len - CBC_AT).is_multiple_of(BLOCK_BYTES);
        // The lengths of the IV differ, so at most one of them holds.
        if gcm { Some(Mode::Gcm) } else { cbc.then_some(Mode::Cbc) }
    }

    /// The nonce, and ciphertext and tag, where a GCM token of this length has them.
    pub(crate) fn gcm(&self) -> ([u8; NONCE_BYTES], &[u8]) {
        (self.array(HEAD_BYTES), &self.0[GCM_AT..self.0.len() - 1])
    }

    /// The IV, and the whole blocks, where a CBC token of this length has them.
    pub(crate) fn cbc(&self) -> ([u8; BLOCK_BYTES], &[u8]) {
        let blocks = (self.0.len() - CBC_AT) / BLOCK_BYTES * BLOCK_BYTES;
        (self.array(HEAD_BYTES), &self.0[CBC_AT..CBC_AT + blocks])
    }

    /// The most bytes that a plaintext of either mode has here.
    pub(crate) fn plain_bytes_max(&self) -> usize {
        self.0.len() - CBC_AT
    }

    /// Bytes that every body has.
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.0[at..at + N]);
        array
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &[u8]) -> Option<Mode> {
        let text = format!("{PREFIX}{}", STANDARD.encode(body));
        Envelope::parse(&text, 4_096).expect("base64").mode()
    }

    fn body(iv: u16, cipher: u16, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 8];
        body.extend(iv.to_be_bytes());
        body.extend(vec![7; usize::from(iv)]);
        body.extend(cipher.to_be_bytes());
        body.extend(rest);
        body
    }

    #[test]
    fn only_lengths_that_fit_exactly_are_a_mode() {
        assert_eq!(parsed(&body(16, 32, &[0; 32])), Some(Mode::Cbc));
        assert_eq!(parsed(&body(12, 33, &[1; 34])), Some(Mode::Gcm));
        for (iv, cipher, rest) in [
            (16, 32, &[0; 33][..]),
            (16, 32, &[1; 33]),
            (16, 31, &[0; 32]),
            (16, 33, &[0; 33]),
            (16, 48, &[0; 32]),
            (12, 33, &[0; 34]),
            (12, 33, &[2; 34]),
            (12, 33, &[1; 33]),
            (12, 33, &[1; 35]),
            (12, 0, &[1; 34]),
            (13, 33, &[1; 34]),
            (0, 33, &[1; 64]),
            (32, 32, &[0; 32]),
        ] {
            assert_eq!(parsed(&body(iv, cipher, rest)), None, "{iv} {cipher} {}", rest.len());
        }
    }

    #[test]
    fn only_strict_base64_is_decoded() {
        let good = STANDARD.encode(body(12, 33, &[1; 34]));
        let refused = |text: &str| Envelope::parse(text, 4_096).err();
        assert_eq!(refused(&format!("04{good}")), None);
        let (url, spare) = (good.replace('+', "-"), good.replace("AQ==", "AR=="));
        assert!(good.ends_with("=="));
        for text in [
            String::new(),
            "04".into(),
            "0".into(),
            good.clone(),
            format!("05{good}"),
            format!("04{good} "),
            format!(" 04{good}"),
            format!("04{good}\n"),
            format!("04{}", good.trim_end_matches('=')),
            format!("04{good}="),
            format!("04{}", STANDARD.encode([1; BODY_BYTES_MIN - 1])),
            format!("04{}", url.replace('/', "_") + "-"),
            format!("04é{good}"),
            if spare == good { "04A".into() } else { format!("04{spare}") },
        ] {
            assert_eq!(refused(&text), Some(Refusal::TokenMalformed), "{text}");
        }
        let long = Envelope::parse(&format!("04{good}"), good.len() + 1).err();
        assert_eq!(long, Some(Refusal::TokenTooLarge));
    }
}
