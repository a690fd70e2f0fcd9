//! Frames in order, encoded once, bounded by bytes and by age. Pure: no lock, no clock, no reader; a reader is just a
//! number.
//!
//! New frames collect in an open buffer; the first reader seals it, and all readers share the sealed bytes. So a
//! publisher's burst is one piece of memory for all sockets.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use crate::log::encode::{self, HEADER_BYTES_MAX};

/// An open buffer of this size is sealed before the next frame, so that pieces stay small enough to be dropped one by
/// one.
const SEGMENT_BYTES: usize = 65_536;
/// The largest reserve for new frames: a segment, and the frame that exceeds its size.
const USUAL_BYTES_MAX: usize = SEGMENT_BYTES + SEGMENT_BYTES / 8;

/// The time from a reader's arrival to its first read, generously: what is dropped within it is gone already.
const SOON_MS_MAX: u64 = 1_000;

/// How much a log keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Bytes at most; the newest segment is always kept.
    pub(crate) bytes_max: usize,
    /// Age at most, in milliseconds.
    pub(crate) age_ms_max: u64,
    /// What is kept whatever its age.
    pub(crate) past: Past,
}

/// What a log keeps beyond its age limit, so that a late reader has a place to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// Nothing.
    Nothing,
    /// The newest frame.
    Newest,
    /// Everything from the newest keyframe on.
    Keyframe,
}

#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    first: u64,
    /// Where each frame but the last ends.
    ends: Vec<u32>,
    /// When its oldest frame came.
    from_ms: u64,
    /// When its newest frame came.
    at_ms: u64,
}

impl Segment {
    /// Where the frames from `skip` on end that fit in front of `edge`, and the number of the frame that follows. The
    /// only one left counts whatever its size, and with `at_least_one` the first.
    #[cold]
    fn fitting(&self, skip: usize, edge: usize, at_least_one: bool) -> (usize, usize) {
        let fits = self.ends[skip..].partition_point(|end| *end as usize <= edge);
        let is_forced = at_least_one || skip == self.ends.len();
        let frames = skip + fits.max(usize::from(is_forced));
        let to = match frames.checked_sub(1) {
            Some(last) => self.ends.get(last).map_or(self.bytes.len(), |end| *end as usize),
            None => 0,
        };
        (to, frames)
    }
}

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    segments: VecDeque<Segment>,
    open: BytesMut,
    open_ends: Vec<u32>,
    open_from_ms: u64,
    open_at_ms: u64,
    /// Size of the last sealed buffer, at most a segment.
    usual_bytes: usize,
    next: u64,
    bytes: usize,
    keyframe: Option<u64>,
    keyframe_at_ms: u64,
}

impl Log {
    /// An empty log.
    pub(crate) fn new() -> Self {
        Self {
            segments: VecDeque::new(),
            open: BytesMut::new(),
            open_ends: Vec::new(),
            open_from_ms: 0,
            open_at_ms: 0,
            usual_bytes: 0,
            next: 0,
            bytes: 0,
            keyframe: None,
            keyframe_at_ms: 0,
        }
    }

    /// The number of the next frame.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest kept frame; [`Log::next`] when none is kept.
    pub(crate) fn first(&self) -> u64 {
        self.segments.front().map_or_else(|| self.open_first(), |segment| segment.first)
    }

    /// The number of the newest keyframe, if it is still kept.
    pub(crate) fn keyframe(&self) -> Option<u64> {
        self.keyframe.filter(|&seq| seq >= self.first())
    }

    /// When the newest keyframe came.
    pub(crate) fn keyframe_at_ms(&self) -> u64 {
        self.keyframe_at_ms
    }

    /// When the newest frame came, kept or not.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.open_at_ms
    }

    /// When a kept frame came: exact for those at which readers usually stand, and within its segment as if the
    /// segment's frames had come evenly. [`u64::MAX`] for the next frame, which has not come.
    pub(crate) fn came_ms(&self, seq: u64) -> u64 {
        if seq >= self.open_first() {
            return if seq < self.next { self.open_from_ms } else { u64::MAX };
        }
        let segment = &self.segments[self.segment_of(seq)];
        if seq == segment.first {
            return segment.from_ms;
        }
        let spread_ms = segment.at_ms - segment.from_ms;
        segment.from_ms + spread_ms * (seq - segment.first) / segment.ends.len().max(1) as u64
    }

    /// Bytes kept.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn open_first(&self) -> u64 {
        self.next - self.open_ends.len() as u64
    }

    /// Appends a WebSocket frame with this first byte and payload, and drops what exceeds the bounds. Returns the
    /// frame's number.
    pub(crate) fn append(
        &mut self,
        first_byte: u8,
        payload: &[u8],
        keyframe: bool,
        now_ms: u64,
        keep: &Keep,
    ) -> u64 {
        if self.open.len() >= SEGMENT_BYTES || (keyframe && keep.past == Past::Keyframe) {
            self.seal();
        }
        let before = self.open.len();
        let bytes = payload.len() + HEADER_BYTES_MAX;
        if before == 0 {
            self.open_from_ms = now_ms;
            // The next burst is usually as large as the last, so this reserves once instead of growing by doubling.
            self.open.reserve(bytes.max(self.usual_bytes));
        } else {
            self.open.reserve(bytes);
        }
        encode::put_header(&mut self.open, first_byte, payload.len());
        self.open.put_slice(payload);
        self.bytes += self.open.len() - before;
        self.open_ends.push(self.open.len() as u32);
        self.open_at_ms = now_ms;
        let seq = self.next;
        self.next += 1;
        if keyframe {
            self.keyframe = Some(seq);
            self.keyframe_at_ms = now_ms;
        }
        self.trim(now_ms, keep);
        seq
    }

    fn seal(&mut self) {
        if self.open_ends.is_empty() {
            return;
        }
        let first = self.open_first();
        self.open_ends.pop();
        // A segment of one frame leaves the space for ends untouched.
        let ends = match self.open_ends.is_empty() {
            true => Vec::new(),
            false => std::mem::take(&mut self.open_ends),
        };
        let bytes = self.open.split().freeze();
        self.usual_bytes = (bytes.len() + HEADER_BYTES_MAX).min(USUAL_BYTES_MAX);
        self.segments.push_back(Segment {
            bytes,
            first,
            ends,
            from_ms: self.open_from_ms,
            at_ms: self.open_at_ms,
        });
    }

    /// Frames from this one on are kept whatever their age.
    fn held(&self, keep: &Keep) -> u64 {
        match keep.past {
            Past::Nothing => u64::MAX,
            Past::Newest => self.next.saturating_sub(1),
            Past::Keyframe => self.keyframe.unwrap_or(u64::MAX),
        }
    }

    /// The number of the first frame that the next trim does not drop for its age, nor one soon after.
    pub(crate) fn first_lasting(&self, now_ms: u64, keep: &Keep) -> u64 {
        let soon_ms = now_ms + (keep.age_ms_max / 8).min(SOON_MS_MAX);
        let held = self.held(keep);
        let mut first = self.first();
        let ends = self.segments.iter().skip(1).map(|segment| segment.first);
        let ends = ends.chain([self.open_first(), self.next]);
        let times = self.segments.iter().map(|segment| segment.at_ms).chain([self.open_at_ms]);
        for (end, at_ms) in ends.zip(times) {
            if soon_ms.saturating_sub(at_ms) <= keep.age_ms_max || end > held {
                break;
            }
            first = end;
        }
        first
    }

    /// Drops what exceeds the bounds.
    pub(crate) fn trim(&mut self, now_ms: u64, keep: &Keep) {
        let held = self.held(keep);
        while let Some(oldest) = self.segments.front() {
            let end =
                self.segments.get(1).map_or_else(|| self.open_first(), |segment| segment.first);
            let last = end == self.next;
            let large = self.bytes > keep.bytes_max && !last;
            let old = now_ms.saturating_sub(oldest.at_ms) > keep.age_ms_max && end <= held;
            if !large && !old {
                break;
            }
            self.bytes -= oldest.bytes.len();
            self.segments.pop_front();
        }
    }

    /// Returns the frames from `seq` on and before `end`, and where it stopped: `end`, or the next frame if that does
    /// not exist yet. `seq` must be kept or be the next.
    pub(crate) fn read_before(&mut self, seq: u64, end: u64, mut out: impl FnMut(Bytes)) -> u64 {
        self.seal();
        let mut seq = seq;
        for segment in &self.segments {
            let place = |seq: u64| usize::try_from(seq.saturating_sub(segment.first)).ok();
            let frames = segment.ends.len() as u64 + 1;
            let last = end.min(segment.first + frames);
            if seq >= last || seq < segment.first {
                continue;
            }
            let edge = |at: usize| match at {
                0 => 0,
                at => segment.ends.get(at - 1).map_or(segment.bytes.len(), |end| *end as usize),
            };
            let (Some(from), Some(to)) = (place(seq), place(last)) else { return seq };
            out(segment.bytes.slice(edge(from)..edge(to)));
            seq = last;
        }
        seq
    }

    /// The segment of a frame. The search covers only the possible distance from the end: each segment has a frame, and
    /// most readers are near the end.
    fn segment_of(&self, seq: u64) -> usize {
        let behind = usize::try_from(self.next - seq).unwrap_or(usize::MAX);
        let mut low = self.segments.len().saturating_sub(behind);
        let mut high = self.segments.len();
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if self.segments[middle].first <= seq {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Returns whole frames from `seq` on, until about `bytes_max` (at least one frame), and the number of the next
    /// frame to read. `seq` must be kept or be the next.
    pub(crate) fn read(&mut self, seq: u64, bytes_max: usize, mut out: impl FnMut(Bytes)) -> u64 {
        self.seal();
        let mut seq = seq;
        let mut taken = 0;
        let begin = self.segment_of(seq);
        for segment in self.segments.range(begin..) {
            let skip = usize::try_from(seq.saturating_sub(segment.first)).unwrap_or(usize::MAX);
            let frames = segment.ends.len() + 1;
            if skip >= frames {
                continue;
            }
            if taken >= bytes_max {
                break;
            }
            let from = if skip == 0 { 0 } else { segment.ends[skip - 1] as usize };
            let (to, read) = if segment.bytes.len() - from > bytes_max - taken {
                segment.fitting(skip, from + bytes_max - taken, taken == 0)
            } else {
                (segment.bytes.len(), frames)
            };
            // The only call, so that the compiler writes it out here.
            out(segment.bytes.slice(from..to));
            taken += to - from;
            seq = segment.first + read as u64;
            if read < frames {
                break;
            }
        }
        seq
    }
}

#[cfg(test)]
mod tests;
