//! The data frame (`spec/wire.md` §Data frames): a header of six bytes, then a payload, which is neither read nor
//! copied.

use thiserror::Error;

/// The first byte of every data frame.
pub const FRAME_VERSION: u8 = 1;
/// Bytes before the payload: `u8` version, `u8` flags, `u32` big-endian stream number.
pub const FRAME_HEADER_BYTES: usize = 6;
/// Flag bit 0: the payload can be decoded without any frame before it.
pub const FLAG_KEYFRAME: u8 = 0b0000_0001;

/// The header of one data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether the payload can be decoded without any frame before it, so that a late subscriber may start here.
    pub keyframe: bool,
    /// The stream's number in the room, from the answer to `publish`.
    pub stream: u32,
}

/// Why bytes are not a data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// There are fewer than six bytes.
    #[error("a data frame must have at least 6 bytes")]
    Short,
    /// The first byte is not [`FRAME_VERSION`].
    #[error("a data frame must begin with the version, 1")]
    Version,
    /// A flag bit without a meaning is set.
    #[error("a data frame must not set flags other than bit 0, keyframe")]
    Flags,
}

impl FrameHeader {
    /// Splits a data frame into header and payload.
    ///
    /// # Errors
    ///
    /// [`FrameError`] where the bytes are not a data frame.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let (head, payload) =
            bytes.split_first_chunk::<FRAME_HEADER_BYTES>().ok_or(FrameError::Short)?;
        let [version, flags, a, b, c, d] = *head;
        if version != FRAME_VERSION {
            return Err(FrameError::Version);
        }
        if flags & !FLAG_KEYFRAME != 0 {
            return Err(FrameError::Flags);
        }
        let stream = u32::from_be_bytes([a, b, c, d]);
        Ok((Self { keyframe: flags & FLAG_KEYFRAME != 0, stream }, payload))
    }

    /// The six bytes before the payload.
    pub fn to_bytes(self) -> [u8; FRAME_HEADER_BYTES] {
        let [a, b, c, d] = self.stream.to_be_bytes();
        [FRAME_VERSION, u8::from(self.keyframe), a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_foreign_or_reserved_frame_is_refused() {
        assert_eq!(FrameHeader::parse(&[1, 0, 0, 0, 0]), Err(FrameError::Short));
        assert_eq!(FrameHeader::parse(&[2, 0, 0, 0, 0, 1]), Err(FrameError::Version));
        assert_eq!(FrameHeader::parse(&[1, 2, 0, 0, 0, 1]), Err(FrameError::Flags));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(keyframe: bool, stream: u32, payload: Vec<u8>) {
            let header = FrameHeader { keyframe, stream };
            let mut bytes = header.to_bytes().to_vec();
            bytes.extend_from_slice(&payload);
            prop_assert_eq!(FrameHeader::parse(&bytes), Ok((header, payload.as_slice())));
        }

        #[test]
        fn any_bytes_are_refused_or_written_the_same_again(bytes: Vec<u8>) {
            if let Ok((header, payload)) = FrameHeader::parse(&bytes) {
                prop_assert_eq!(&bytes[..FRAME_HEADER_BYTES], &header.to_bytes()[..]);
                prop_assert_eq!(payload.len(), bytes.len() - FRAME_HEADER_BYTES);
            }
        }
    }
}
