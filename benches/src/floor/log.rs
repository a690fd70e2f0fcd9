//! The frames published in a room of the floor, encoded for the receivers. Senders are kept beside them, so that nobody
//! receives its own.

use std::collections::VecDeque;

/// A log.
#[derive(Debug, Default)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// How much has been dropped.
    base: usize,
    /// Where each part ends, and its sender.
    parts: VecDeque<(usize, usize)>,
}

impl Log {
    /// Its end.
    pub(super) fn end(&self) -> usize {
        self.base + self.bytes.len()
    }

    /// Bytes that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a binary frame as a server sends it; with `coalesce`, to the last part if it has the same sender.
    pub(super) fn push(&mut self, sender: usize, payload: &[u8], coalesce: bool) {
        put_server_frame(&mut self.bytes, 0x82, payload);
        let end = self.end();
        match self.parts.back_mut() {
            Some((to, of)) if coalesce && *of == sender => *to = end,
            _ => self.parts.push_back((end, sender)),
        }
    }

    /// The parts past `at` not sent by `me`, as ranges; `None` if `at` has been dropped.
    pub(super) fn parts(&self, at: usize, me: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let first = self.parts.partition_point(|(to, _)| *to <= at);
        let mut from = at;
        self.parts.range(first..).filter_map(move |(to, sender)| {
            let part = (from, *to);
            from = *to;
            (*sender != me).then_some(part)
        })
    }

    /// The bytes of a range; `None` if its start has been dropped.
    pub(super) fn bytes(&self, (from, to): (usize, usize)) -> Option<&[u8]> {
        self.bytes.get(from.checked_sub(self.base)?..to - self.base)
    }

    /// Drops everything before `at`.
    pub(super) fn forget(&mut self, at: usize) {
        let at = at.clamp(self.base, self.end());
        self.bytes.drain(..at - self.base);
        self.base = at;
        let gone = self.parts.partition_point(|(to, _)| *to <= at);
        self.parts.drain(..gone);
    }
}

/// Appends a frame as a server sends it.
pub(super) fn put_server_frame(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    if payload.len() < 126 {
        out.push(payload.len() as u8);
    } else if let Ok(len) = u16::try_from(payload.len()) {
        out.push(126);
        out.extend(len.to_be_bytes());
    } else {
        out.push(127);
        out.extend((payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_frames_are_skipped_and_adjacent_parts_merged() {
        let mut log = Log::default();
        for (sender, payload) in [(1, b"a"), (1, b"b"), (2, b"c"), (1, b"d")] {
            log.push(sender, payload, true);
        }
        let of = |log: &Log, at, me| log.parts(at, me).collect::<Vec<_>>();
        assert_eq!(of(&log, 0, 2), [(0, 6), (9, 12)]);
        assert_eq!(of(&log, 3, 1), [(6, 9)]);
        assert_eq!(log.bytes((6, 9)), Some(&b"\x82\x01c"[..]));
        log.forget(6);
        assert_eq!((of(&log, 6, 2), log.kept_bytes()), (vec![(9, 12)], 6));
        assert_eq!(log.bytes((0, 6)), None);
    }
}
