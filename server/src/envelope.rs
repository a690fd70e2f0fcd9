//! Seals secrets: each under the deployment's data key, and that under the master key (`spec/sealing.md`). Pure, except
//! for random bytes.

use std::{fmt, str::FromStr};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::{self, NoRandomness};

/// Size of either key, in bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// Size of an id, in bytes.
const ID_BYTES: usize = 8;
/// Size of what AES-GCM adds to a text, in bytes.
const TAG_BYTES: usize = 16;
/// How every sealed value begins; its last byte is the version.
const SEALED: &[u8] = b"sealed\x01";
/// Bytes of a sealed value before its ciphertext.
const HEAD_BYTES: usize = SEALED.len() + ID_BYTES + NONCE_LEN;
/// The version of a wrapped data key.
const WRAPPED: u8 = 1;

/// The id of a key, which is not secret. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 16 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for KeyId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = hex(text).ok_or(NotAnId)?;
        Self::of(&bytes).ok_or(NotAnId)
    }
}

impl KeyId {
    /// An id that is stored.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As it is stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes that are written in hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(bytes.collect::<Option<_>>()?);
    rest.is_empty().then_some(bytes)
}

/// Why a value cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unopened {
    #[error("it is in clear, although secrets are sealed here")]
    Clear,
    #[error("it is sealed under the data key {0}, which is not there")]
    KeyUnknown(KeyId),
    #[error("it was altered, or belongs elsewhere")]
    Altered,
    #[error("it cannot be sealed")]
    Unsealable,
}

/// The key that never lies in the database.
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// From its bytes.
    pub(crate) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"stagedoor master key id\x01");
        hash.update(bytes.as_slice());
        let hash: [u8; 32] = hash.finalize().into();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash[..ID_BYTES]);
        Self { bytes, id: KeyId(id) }
    }

    /// Its id: the beginning of a hash.
    pub fn id(&self) -> KeyId {
        self.id
    }
}

/// The key that seals secrets.
pub(crate) struct DataKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    key: LessSafeKey,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a sealed value lies. It opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'a str,
    pub(crate) column: &'a str,
    /// The row's id, as text.
    pub(crate) row: &'a str,
}

/// Associated data: what it is of, and texts, each behind its length, so that no two lists are the same bytes.
fn associated(of: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in std::iter::once(of.as_bytes()).chain(parts.iter().copied()) {
        out.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(part);
    }
    out
}

fn aes(bytes: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Unopened> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| Unopened::Unsealable)
}

/// Encrypts a text behind what is in `out` already. `out` has room for all of it, so that no copy stays behind.
fn encrypt(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    plain: &[u8],
    mut out: Vec<u8>,
) -> Result<Vec<u8>, Unopened> {
    out.extend(nonce);
    let at = out.len();
    out.extend(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let (_, text) = out.split_at_mut(at);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), text);
    out.extend(tag.map_err(|_| Unopened::Unsealable)?.as_ref());
    Ok(out)
}

fn decrypt(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let mut text = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let opened = key.open_in_place(nonce, Aad::from(aad), &mut text);
    let bytes = opened.map_err(|_| Unopened::Altered)?.len();
    text.truncate(bytes);
    Ok(text)
}

/// The id of the data key of a sealed value; `None` if the value is in clear.
pub(crate) fn sealed_by(stored: &[u8]) -> Option<KeyId> {
    let rest = stored.strip_prefix(SEALED).filter(|_| stored.len() >= HEAD_BYTES + TAG_BYTES)?;
    KeyId::of(&rest[..ID_BYTES])
}

impl DataKey {
    /// A new one.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let bytes = Zeroizing::new(secret::random()?);
        Self::new(KeyId(secret::random()?), bytes).map_err(|_| NoRandomness)
    }

    fn new(id: KeyId, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, Unopened> {
        Ok(Self { id, key: aes(&bytes)?, bytes })
    }

    /// Its id.
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    fn wrap_aad(id: KeyId, master: KeyId) -> Vec<u8> {
        associated("stagedoor data key", &[&id.0, &master.0])
    }

    /// Wraps it under a master key.
    pub(crate) fn wrap(&self, master: &MasterKey) -> Result<Vec<u8>, NotSealed> {
        let mut out = Vec::with_capacity(1 + NONCE_LEN + KEY_BYTES + TAG_BYTES);
        out.push(WRAPPED);
        let aad = Self::wrap_aad(self.id, master.id);
        let key = aes(&master.bytes)?;
        Ok(encrypt(&key, secret::random()?, &aad, self.bytes.as_slice(), out)?)
    }

    /// Unwraps one.
    pub(crate) fn unwrap(id: KeyId, wrapped: &[u8], master: &MasterKey) -> Result<Self, Unopened> {
        let (nonce, text) = wrapped
            .strip_prefix(&[WRAPPED])
            .and_then(<[u8]>::split_first_chunk::<NONCE_LEN>)
            .ok_or(Unopened::Altered)?;
        let aad = Self::wrap_aad(id, master.id);
        let opened = decrypt(&aes(&master.bytes)?, *nonce, &aad, text)?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(Unopened::Altered);
        }
        bytes.copy_from_slice(&opened);
        Self::new(id, bytes)
    }

    fn seal_aad(&self, place: Place<'_>) -> Vec<u8> {
        let Place { table, column, row } = place;
        let parts = [table.as_bytes(), column.as_bytes(), row.as_bytes(), &self.id.0];
        associated("stagedoor sealed", &parts)
    }

    /// Seals a secret for one place.
    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, NotSealed> {
        Ok(self.seal_with(secret::random()?, place, plain)?)
    }

    fn seal_with(
        &self,
        nonce: [u8; NONCE_LEN],
        place: Place<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let mut out = Vec::with_capacity(HEAD_BYTES + plain.len() + TAG_BYTES);
        out.extend(SEALED);
        out.extend(self.id.0);
        encrypt(&self.key, nonce, &self.seal_aad(place), plain, out)
    }

    /// Opens a value that this key sealed.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        stored: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let by = sealed_by(stored).ok_or(Unopened::Clear)?;
        if by != self.id {
            return Err(Unopened::KeyUnknown(by));
        }
        let rest = stored.get(SEALED.len() + ID_BYTES..);
        let rest = rest.and_then(<[u8]>::split_first_chunk::<NONCE_LEN>);
        let (nonce, text) = rest.ok_or(Unopened::Altered)?;
        decrypt(&self.key, *nonce, &self.seal_aad(place), text)
    }
}

/// Why a secret was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSealed {
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Cipher(#[from] Unopened),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn master(byte: u8) -> MasterKey {
        MasterKey::new(Zeroizing::new([byte; KEY_BYTES]))
    }

    const PLACE: Place<'static> = Place { table: "keys", column: "secret", row: "k_1" };

    #[test]
    fn a_sealed_secret_opens_with_its_key_in_its_place_only() {
        let (key, other) = (DataKey::random().expect("a key"), DataKey::random().expect("a key"));
        let sealed = key.seal(PLACE, b"a secret").expect("sealed");
        assert_eq!(sealed_by(&sealed), Some(key.id()));
        assert_eq!(key.open(PLACE, &sealed).expect("opened").as_slice(), b"a secret");
        assert_ne!(sealed, key.seal(PLACE, b"a secret").expect("sealed"), "a nonce of its own");
        for place in [
            Place { table: "other", ..PLACE },
            Place { column: "other", ..PLACE },
            Place { row: "k_2", ..PLACE },
            Place { table: "keyss", column: "ecret", ..PLACE },
        ] {
            assert_eq!(key.open(place, &sealed), Err(Unopened::Altered), "{place:?}");
        }
        assert_eq!(other.open(PLACE, &sealed), Err(Unopened::KeyUnknown(key.id())));
    }

    #[test]
    fn the_specs_vectors_open_and_are_made_the_same() {
        let vectors = include_str!("../../spec/vectors/sealing/sealing.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
        let bytes = |value: &serde_json::Value| hex(value.as_str().expect("a text")).expect("hex");
        let fixed = |value| <[u8; 32]>::try_from(bytes(value).as_slice()).expect("32 bytes");
        let nonce = |value| <[u8; NONCE_LEN]>::try_from(bytes(value).as_slice()).expect("12 bytes");
        let master = MasterKey::new(Zeroizing::new(fixed(&vectors["master_key"])));
        assert_eq!(master.id().to_string(), vectors["master_key_id"]);
        let id = KeyId::of(&bytes(&vectors["data_key_id"])).expect("an id");
        let key = DataKey::unwrap(id, &bytes(&vectors["wrapped"]), &master).expect("unwrapped");
        assert_eq!(key.bytes.as_slice(), fixed(&vectors["data_key"]));
        let aad = DataKey::wrap_aad(id, master.id());
        let (aes, nonce_of) = (aes(&master.bytes).expect("a key"), nonce(&vectors["wrap_nonce"]));
        let wrapped = encrypt(&aes, nonce_of, &aad, key.bytes.as_slice(), vec![WRAPPED]);
        assert_eq!(wrapped.expect("wrapped"), *bytes(&vectors["wrapped"]));
        for case in vectors["cases"].as_array().expect("cases") {
            let text = |name: &str| case[name].as_str().expect("a text");
            let place = Place { table: text("table"), column: text("column"), row: text("row") };
            let (secret, sealed) = (bytes(&case["secret"]), bytes(&case["sealed"]));
            assert_eq!(key.open(place, &sealed).expect("opened"), secret);
            assert_eq!(key.seal_with(nonce(&case["nonce"]), place, &secret), Ok(sealed.to_vec()));
        }
    }

    #[test]
    fn a_value_in_clear_is_never_taken_for_a_sealed_one() {
        let key = DataKey::random().expect("a key");
        let long = [b's'; 64];
        for clear in [&b""[..], b"sealed", b"sealed\x01", &[7; 32], &long] {
            assert_eq!(sealed_by(clear), None, "{clear:?}");
            assert_eq!(key.open(PLACE, clear), Err(Unopened::Clear));
        }
    }

    #[test]
    fn a_data_key_unwraps_under_its_master_key_only() {
        let key = DataKey::random().expect("a key");
        let wrapped = key.wrap(&master(1)).expect("wrapped");
        let back = DataKey::unwrap(key.id(), &wrapped, &master(1)).expect("unwrapped");
        assert_eq!(back.bytes, key.bytes);
        let refused = |id, wrapped: &[u8], master: &MasterKey| {
            DataKey::unwrap(id, wrapped, master).expect_err("refused")
        };
        assert_eq!(refused(key.id(), &wrapped, &master(2)), Unopened::Altered);
        assert_eq!(refused(KeyId([0; 8]), &wrapped, &master(1)), Unopened::Altered);
        assert_eq!(refused(key.id(), &wrapped[..60], &master(1)), Unopened::Altered);
        assert_eq!(refused(key.id(), &[], &master(1)), Unopened::Altered);
    }

    #[test]
    fn ids_are_written_and_read_as_16_digits() {
        let id = master(3).id();
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "01", "0123456789abcdeg", "0123456789abcdef0", "0123456789abcde"] {
            assert_eq!(wrong.parse::<KeyId>(), Err(NotAnId), "{wrong}");
        }
    }

    #[test]
    fn keys_show_only_their_ids() {
        let (master, key) = (master(0xab), DataKey::random().expect("a key"));
        assert_eq!(format!("{master:?}"), format!("MasterKey {{ id: {:?}, .. }}", master.id()));
        assert_eq!(format!("{key:?}"), format!("DataKey {{ id: {:?}, .. }}", key.id()));
    }

    proptest! {
        #[test]
        fn no_altered_value_opens(plain in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), by in 1..=255u8) {
            let key = DataKey::random().expect("a key");
            let mut sealed = key.seal(PLACE, &plain).expect("sealed");
            prop_assert_eq!(key.open(PLACE, &sealed).expect("opened").to_vec(), plain);
            let at = at.index(sealed.len());
            sealed[at] ^= by;
            prop_assert!(key.open(PLACE, &sealed).is_err());
            sealed[at] ^= by;
            prop_assert!(key.open(PLACE, &sealed[..at]).is_err());
        }
    }
}
