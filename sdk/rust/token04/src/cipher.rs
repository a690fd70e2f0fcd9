//! AES-256 in GCM (`ring`) and in CBC (`aes`, `cbc`). Takes work by the number of bytes alone, whether they open or not.

use aes::{
    Aes256,
    cipher::{Block, BlockModeDecrypt, KeyIvInit},
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{
    envelope::{BLOCK_BYTES, NONCE_BYTES},
    secret::Token04Secret,
};

/// Opens ciphertext and tag in place. Returns whether the tag is right; else the plaintext is not there (`ring` wipes
/// it).
pub(crate) fn open_gcm(
    secret: &Token04Secret,
    nonce: [u8; NONCE_BYTES],
    sealed: &mut [u8],
) -> bool {
    let Some(key) = gcm_key(secret) else { return false };
    key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), sealed).is_ok()
}

/// Encrypts a plaintext and puts the tag behind it.
pub(crate) fn seal_gcm(
    secret: &Token04Secret,
    nonce: [u8; NONCE_BYTES],
    plain: &mut Vec<u8>,
) -> Option<()> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    gcm_key(secret)?.seal_in_place_append_tag(nonce, Aad::empty(), plain).ok()
}

fn gcm_key(secret: &Token04Secret) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, secret.expose()).ok().map(LessSafeKey::new)
}

/// Decrypts whole blocks in place and puts spaces, which JSON ignores at its end, where the padding was. Returns whether
/// the padding is right; else it stays. No branch depends on what was decrypted.
pub(crate) fn open_cbc(secret: &Token04Secret, iv: [u8; BLOCK_BYTES], blocks: &mut [u8]) -> bool {
    let mut cbc = cbc::Decryptor::<Aes256>::new(secret.expose().into(), &iv.into());
    for block in blocks.as_chunks_mut::<BLOCK_BYTES>().0 {
        let block: &mut Block<Aes256> = block.into();
        cbc.decrypt_block(block);
    }
    let Some(last) = blocks.last_chunk_mut::<BLOCK_BYTES>() else { return false };
    let count = last[BLOCK_BYTES - 1];
    let mut wrong = mask(count.wrapping_sub(1) >= BLOCK_BYTES as u8);
    for (before, byte) in last.iter().rev().enumerate() {
        wrong |= mask((before as u8) < count) & (byte ^ count);
    }
    let right = mask(wrong == 0);
    for (before, byte) in last.iter_mut().rev().enumerate() {
        let padded = right & mask((before as u8) < count);
        *byte = (*byte & !padded) | (b' ' & padded);
    }
    right != 0
}

fn mask(yes: bool) -> u8 {
    0_u8.wrapping_sub(u8::from(yes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockModeEncrypt;

    fn secret() -> Token04Secret {
        "fa94dd0f974cf2e293728a526b028271".parse().expect("a secret")
    }

    fn encrypted(mut plain: [u8; 32]) -> [u8; 32] {
        let mut cbc = cbc::Encryptor::<Aes256>::new(secret().expose().into(), &[3; 16].into());
        for block in plain.as_chunks_mut::<16>().0 {
            let block: &mut Block<Aes256> = block.into();
            cbc.encrypt_block(block);
        }
        plain
    }

    #[test]
    fn padding_of_1_to_16_becomes_spaces_and_no_other() {
        for count in 0..=255_u8 {
            let mut plain = [b'x'; 32];
            let padded = usize::from(count).min(32);
            plain[32 - padded..].fill(count);
            let mut opened = encrypted(plain);
            let right = open_cbc(&secret(), [3; 16], &mut opened);
            assert_eq!(right, (1..=16).contains(&count), "{count}");
            if right {
                plain[32 - padded..].fill(b' ');
            }
            assert_eq!(opened, plain, "{count}");
        }
        for count in 2..=16_u8 {
            for wrong in 1..count {
                let mut plain = [b'x'; 32];
                plain[32 - usize::from(count)..].fill(count);
                plain[31 - usize::from(wrong)] ^= 1;
                assert!(!open_cbc(&secret(), [3; 16], &mut encrypted(plain)), "{count} {wrong}");
            }
        }
    }
}
