//! A real clip: made by `ffmpeg`, VP8 in IVF, a keyframe every second.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use tokio::process::Command;

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// When it is shown, from the beginning.
    pub(crate) at: Duration,
    /// Whether it can be decoded by itself.
    pub(crate) keyframe: bool,
    /// As the encoder wrote it.
    pub(crate) bytes: Bytes,
}

/// The clip.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) pictures: Vec<Picture>,
}

impl Clip {
    /// Makes a clip of a test picture with noise, so that it does not compress to nothing.
    pub(crate) async fn make(folder: &Path, seconds: u32) -> Result<Self> {
        let file = folder.join("clip.ivf");
        let source = format!("testsrc2=size=480x270:rate=30:duration={seconds}");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", &source]);
        ffmpeg.args([
            "-vf",
            "noise=alls=24:allf=t",
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
        ]);
        ffmpeg.args(["-b:v", "2500k", "-g", "30", "-keyint_min", "30", "-f", "ivf"]).arg(&file);
        let status = ffmpeg.status().await.context("ffmpeg is needed: apt-get install ffmpeg")?;
        ensure!(status.success(), "ffmpeg failed");
        let clip = Self::read(&std::fs::read(&file)?)?;
        let keyframes = clip.pictures.iter().filter(|picture| picture.keyframe).count();
        ensure!(keyframes >= 2, "the clip has {keyframes} keyframes");
        Ok(clip)
    }

    /// Reads IVF: 32 bytes of header, then for each frame its size, its time and its bytes.
    fn read(file: &[u8]) -> Result<Self> {
        ensure!(file.starts_with(b"DKIF") && file.get(8..12) == Some(b"VP80"), "not VP8 in IVF");
        let number = |at: usize| -> Result<u64> {
            let bytes = file.get(at..).and_then(<[u8]>::first_chunk).context("cut off")?;
            Ok(u32::from_le_bytes(*bytes).into())
        };
        let (rate, scale) = (number(16)?, number(20)?);
        ensure!(rate > 0, "no time base");
        let mut pictures = Vec::new();
        let mut at = 32;
        while at < file.len() {
            let size = usize::try_from(number(at)?)?;
            let time = number(at + 4)?;
            let Some(bytes) = file.get(at + 12..at + 12 + size) else { bail!("cut off") };
            // RFC 6386 §9.1: the first bit of a key frame is 0.
            let keyframe = bytes.first().is_some_and(|first| first & 1 == 0);
            let at_ns = time * scale * 1_000_000_000 / rate;
            let bytes = Bytes::copy_from_slice(bytes);
            pictures.push(Picture { at: Duration::from_nanos(at_ns), keyframe, bytes });
            at += 12 + size;
        }
        Ok(Self { pictures })
    }

    /// How long it is.
    pub(crate) fn length(&self) -> Duration {
        self.pictures.last().map_or(Duration::ZERO, |last| last.at)
    }

    /// All its bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.pictures.iter().map(|picture| picture.bytes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ivf(frames: &[&[u8]]) -> Vec<u8> {
        let mut file = b"DKIF\0\0\x20\0VP80".to_vec();
        file.extend([0; 4]);
        file.extend(30_u32.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend([0; 8]);
        for (at, frame) in frames.iter().enumerate() {
            file.extend((frame.len() as u32).to_le_bytes());
            file.extend((at as u64).to_le_bytes());
            file.extend_from_slice(frame);
        }
        file
    }

    #[test]
    fn pictures_are_read_with_their_times_and_keyframes() {
        let clip = Clip::read(&ivf(&[&[0x10, 1], &[0x11, 2], &[0x10]])).expect("a clip");
        let keyframes: Vec<bool> = clip.pictures.iter().map(|picture| picture.keyframe).collect();
        assert_eq!(keyframes, [true, false, true]);
        assert_eq!(clip.pictures[1].at, Duration::from_nanos(33_333_333));
        assert_eq!(clip.bytes(), 5);
    }

    #[test]
    fn a_truncated_or_foreign_file_is_refused() {
        let good = ivf(&[&[0x10, 1]]);
        assert!(Clip::read(&good[..good.len() - 1]).is_err());
        assert!(Clip::read(b"RIFF").is_err());
    }
}
