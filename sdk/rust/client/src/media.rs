//! What is in a frame of audio or video (`spec/media.md`): a timestamp and other properties in front of the codec's bytes.
//! Pure. The relay reads none of it.
//!
//! ```
//! use stagedoor_client::media::MediaFrame;
//!
//! let frame = MediaFrame::new(1_795_737_030_000_000, b"the codec's bytes");
//! let payload = frame.to_bytes().expect("a timestamp of this century");
//! assert_eq!(MediaFrame::read(&payload), Ok(frame));
//! ```

/// The largest integer that can be written.
const INTEGER_MAX: u64 = (1 << 62) - 1;

const AUDIO_LEVEL: u64 = 0x0c;
const VIDEO_CONFIG: u64 = 0x0d;
const AUDIO_CONFIG: u64 = 0x0f;
const TIMESTAMP: u64 = 0x10;

/// The payload of a data frame of audio or video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaFrame<'a> {
    /// When it was captured, in microseconds of Unix time.
    pub timestamp_us: u64,
    /// How loud it is.
    pub audio_level: Option<AudioLevel>,
    /// The video decoder's `description`, on keyframes of codecs that need one.
    pub video_config: Option<&'a [u8]>,
    /// The audio decoder's `description`.
    pub audio_config: Option<&'a [u8]>,
    /// The codec's bytes.
    pub data: &'a [u8],
}

/// How loud a frame of audio is (RFC 6464 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether it has a voice.
    pub voice: bool,
    /// The level in -dBov, from 0, the loudest, to 127.
    pub level: u8,
}

/// Why a payload is refused, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// An integer, a value or the block ends behind the end of what contains it.
    #[error("the properties are cut short")]
    CutShort,
    /// An id comes twice, or is too large.
    #[error("the properties are not in order, each once")]
    OrderInvalid,
    /// An audio level is out of range.
    #[error("the audio level is out of range")]
    LevelInvalid,
    /// There is no timestamp.
    #[error("the properties have no timestamp")]
    TimestampMissing,
    /// The timestamp is above 2^62-1. Only of writing.
    #[error("the timestamp is too large")]
    TimestampTooLarge,
}

impl MediaError {
    /// The error as `spec/media.md` names it.
    pub fn code(self) -> &'static str {
        match self {
            Self::CutShort => "cut_short",
            Self::OrderInvalid => "order_invalid",
            Self::LevelInvalid => "level_invalid",
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampTooLarge => "timestamp_too_large",
        }
    }
}

impl<'a> MediaFrame<'a> {
    /// A frame with a timestamp alone.
    pub fn new(timestamp_us: u64, data: &'a [u8]) -> Self {
        Self { timestamp_us, data, ..Self::default() }
    }

    /// Reads a payload. Properties that this version does not know are passed over.
    ///
    /// # Errors
    ///
    /// [`MediaError`], the first that applies.
    pub fn read(payload: &'a [u8]) -> Result<Self, MediaError> {
        let mut rest = payload;
        let mut block = bytes(&mut rest)?;
        let (mut frame, mut timestamp_us) = (Self { data: rest, ..Self::default() }, None);
        let mut before = None;
        while !block.is_empty() {
            let id = next_id(before, integer(&mut block)?)?;
            before = Some(id);
            match id {
                AUDIO_LEVEL => frame.audio_level = Some(AudioLevel::read(integer(&mut block)?)?),
                VIDEO_CONFIG => frame.video_config = Some(bytes(&mut block)?),
                AUDIO_CONFIG => frame.audio_config = Some(bytes(&mut block)?),
                TIMESTAMP => timestamp_us = Some(integer(&mut block)?),
                _ if id % 2 == 0 => drop(integer(&mut block)?),
                _ => drop(bytes(&mut block)?),
            }
        }
        frame.timestamp_us = timestamp_us.ok_or(MediaError::TimestampMissing)?;
        Ok(frame)
    }

    /// The payload.
    ///
    /// # Errors
    ///
    /// [`MediaError::TimestampTooLarge`], [`MediaError::LevelInvalid`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, MediaError> {
        if self.timestamp_us > INTEGER_MAX {
            return Err(MediaError::TimestampTooLarge);
        }
        let (mut block, mut before) = (Vec::new(), 0);
        let mut put_id = |block: &mut Vec<u8>, id: u64| {
            put_integer(block, id - before);
            before = id;
        };
        if let Some(level) = self.audio_level {
            put_id(&mut block, AUDIO_LEVEL);
            put_integer(&mut block, level.value()?);
        }
        for (id, config) in [(VIDEO_CONFIG, self.video_config), (AUDIO_CONFIG, self.audio_config)] {
            if let Some(config) = config {
                put_id(&mut block, id);
                put_integer(&mut block, config.len() as u64);
                block.extend_from_slice(config);
            }
        }
        put_id(&mut block, TIMESTAMP);
        put_integer(&mut block, self.timestamp_us);
        let mut payload = Vec::with_capacity(block.len() + self.data.len() + 8);
        put_integer(&mut payload, block.len() as u64);
        payload.extend_from_slice(&block);
        payload.extend_from_slice(self.data);
        Ok(payload)
    }
}

impl AudioLevel {
    fn read(value: u64) -> Result<Self, MediaError> {
        let value = u8::try_from(value).map_err(|_| MediaError::LevelInvalid)?;
        Ok(Self { voice: value & 0x80 != 0, level: value & 0x7f })
    }

    fn value(self) -> Result<u64, MediaError> {
        if self.level > 0x7f {
            return Err(MediaError::LevelInvalid);
        }
        Ok(u64::from(self.level) | if self.voice { 0x80 } else { 0 })
    }
}

/// The id after `before`, from the difference between them.
fn next_id(before: Option<u64>, difference: u64) -> Result<u64, MediaError> {
    if before.is_some() && difference == 0 {
        return Err(MediaError::OrderInvalid);
    }
    let id = before.unwrap_or(0).checked_add(difference).filter(|id| *id <= INTEGER_MAX);
    id.ok_or(MediaError::OrderInvalid)
}

/// Takes an integer (RFC 9000 §16) from the front.
fn integer(rest: &mut &[u8]) -> Result<u64, MediaError> {
    let first = *rest.first().ok_or(MediaError::CutShort)?;
    let size = 1 << (first >> 6);
    let (taken, after) = rest.split_at_checked(size).ok_or(MediaError::CutShort)?;
    *rest = after;
    let tail = taken.iter().skip(1);
    Ok(tail.fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte)))
}

/// Takes a length and as many bytes from the front.
fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], MediaError> {
    let len = usize::try_from(integer(rest)?).map_err(|_| MediaError::CutShort)?;
    let (taken, after) = rest.split_at_checked(len).ok_or(MediaError::CutShort)?;
    *rest = after;
    Ok(taken)
}

/// Appends an integer of at most 2^62-1 in its shortest form.
fn put_integer(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => out.push(value as u8),
        0x40..0x4000 => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        0x4000..0x4000_0000 => {
            out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes());
        }
        _ => out.extend_from_slice(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_the_same() {
        let level = Some(AudioLevel { voice: true, level: 3 });
        let long = [7; 20_000];
        for timestamp_us in [0, 63, 64, 16_383, 16_384, 1 << 29, 1 << 30, INTEGER_MAX] {
            for config in [None, Some(&[][..]), Some(&long[..])] {
                for audio_level in [None, level] {
                    let frame = MediaFrame {
                        audio_level,
                        video_config: config,
                        audio_config: config,
                        ..MediaFrame::new(timestamp_us, b"data")
                    };
                    let payload = frame.to_bytes().expect("it can be written");
                    assert_eq!(MediaFrame::read(&payload), Ok(frame));
                }
            }
        }
    }

    #[test]
    fn what_has_no_form_is_not_written() {
        let late = MediaFrame::new(INTEGER_MAX + 1, b"");
        assert_eq!(late.to_bytes(), Err(MediaError::TimestampTooLarge));
        let audio_level = Some(AudioLevel { voice: false, level: 128 });
        let quiet = MediaFrame { audio_level, ..MediaFrame::new(0, b"") };
        assert_eq!(quiet.to_bytes(), Err(MediaError::LevelInvalid));
    }
}
