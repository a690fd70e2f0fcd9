//! A frame's path: appended to a stream's log, gathered into a batch, written.

use anyhow::{Result, ensure};
use stagedoor_relay::bench::{Leaving, Stage};
use stagedoor_wire::frame::FrameHeader;

use crate::count::{Path, once, repeat};

/// The relay's paths.
pub(crate) const PATHS: &[Path] = &[
    ("append_64_b", || append(64, 1, false)),
    ("append_1_kib", || append(1_024, 1, false)),
    ("append_64_b_tell_100", || append(64, 100, true)),
    ("gather_64_of_64_b", || gather(1, 64, 64)),
    ("gather_200_of_1_kib", || gather(1, 200, 1_024)),
    ("gather_32_streams", || gather(32, 1, 64)),
    ("write_1_piece", || write(1)),
    ("write_32_pieces", || write(32)),
];

/// A draining relay with this many seats: the cost of one of them.
pub(crate) const DRAINS: &[(&str, usize)] =
    &[("drain_1_000_seats", 1_000), ("drain_10_000_seats", 10_000), ("drain_50_000_seats", 50_000)];

/// The size of a log's segment.
const SEGMENT_BYTES: usize = 65_536;

/// One frame per stream, with the stream's number.
type Frames = Vec<(u32, Vec<u8>)>;

fn stage(streams: u32, subscribers: u32, frame_bytes: usize) -> Result<(Stage, Frames)> {
    let stage = Stage::new(streams, subscribers).map_err(anyhow::Error::msg)?;
    let frame = |stream| {
        let mut frame = FrameHeader { keyframe: false, stream }.to_bytes().to_vec();
        frame.resize(frame_bytes, 0x5d);
        (stream, frame)
    };
    let frames = stage.streams().into_iter().map(frame).collect();
    Ok((stage, frames))
}

/// A room's periodic work is given to a runtime that never runs.
fn in_runtime(run: impl FnOnce() -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let _inside = runtime.enter();
    run()
}

/// Appends one frame, with subscribers that wait for it or are busy.
fn append(frame_bytes: usize, subscribers: u32, waiting: bool) -> Result<()> {
    in_runtime(|| {
        let (mut stage, frames) = stage(1, subscribers, frame_bytes)?;
        let (number, frame) = &frames[0];
        if !waiting {
            // A subscriber that was woken and has not read is busy, and is not woken again. How the log's first buffers
            // grow depends on the heap, not on this path.
            for _ in 0..2 * SEGMENT_BYTES / frame_bytes {
                ensure!(stage.append(*number, frame), "the stream ended");
            }
        }
        let mut taken = true;
        repeat(
            &mut stage,
            Stage::tick,
            |stage| stage.append(*number, frame),
            |stage, came| {
                taken &= came;
                if waiting {
                    stage.drain();
                }
            },
        );
        ensure!(taken, "the stream ended");
        Ok(())
    })
}

/// One subscriber gathers this many frames of each stream.
fn gather(streams: u32, frames_each: usize, frame_bytes: usize) -> Result<()> {
    in_runtime(|| {
        let (mut stage, frames) = stage(streams, 1, frame_bytes)?;
        let mut fewest_bytes = usize::MAX;
        repeat(
            &mut stage,
            |stage| publish(stage, &frames, frames_each),
            |stage| stage.gather(0),
            |stage, came| {
                fewest_bytes = fewest_bytes.min(came.unwrap_or(0));
                stage.drain();
            },
        );
        let least = frames.len() * frames_each * frame_bytes;
        ensure!(fewest_bytes > least, "gathered {fewest_bytes} bytes of {least}");
        Ok(())
    })
}

/// Writes this many pieces of one frame each.
fn write(pieces: u32) -> Result<()> {
    in_runtime(|| {
        let (mut stage, frames) = stage(pieces, 1, 64)?;
        let mut fewest_bytes = usize::MAX;
        repeat(
            &mut stage,
            |stage| {
                publish(stage, &frames, 1);
                stage.gather(0);
            },
            |stage| stage.write(0),
            |stage, came| {
                fewest_bytes = fewest_bytes.min(came);
                stage.drain();
            },
        );
        ensure!(fewest_bytes == frames.len() * 66, "wrote {fewest_bytes} bytes");
        Ok(())
    })
}

/// Drains a relay.
pub(crate) fn drain(seats: usize) -> Result<()> {
    in_runtime(|| {
        let leaving = Leaving::new(seats).map_err(anyhow::Error::msg)?;
        ensure!(once(|| leaving.drain()), "somebody is left");
        Ok(())
    })
}

fn publish(stage: &mut Stage, frames: &[(u32, Vec<u8>)], times: usize) {
    stage.tick();
    for _ in 0..times {
        for (number, frame) in frames {
            stage.append(*number, frame);
        }
    }
}
