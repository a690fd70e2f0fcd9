//! What passes on the wire, made and parsed by hand. Last of the benchmarks.

use stagedoor_wire::frame::{FRAME_HEADER_BYTES, FrameHeader};

/// Appends a masked client frame (RFC 6455 §5.2; the mask is zero, which a server must take as any).
pub fn put_client_frame(out: &mut Vec<u8>, opcode: u8, payload: &[&[u8]]) {
    let len: usize = payload.iter().map(|part| part.len()).sum();
    out.push(0x80 | opcode);
    if len < 126 {
        out.push(0x80 | len as u8);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0x80 | 126);
        out.extend(len.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend((len as u64).to_be_bytes());
    }
    out.extend([0; 4]);
    payload.iter().for_each(|part| out.extend_from_slice(part));
}

/// Appends a data frame whose payload is a number and filling, `payload_bytes` in all.
pub fn put_numbered(out: &mut Vec<u8>, stream: u32, seq: u64, payload_bytes: usize) {
    let header = FrameHeader { keyframe: true, stream }.to_bytes();
    let filling = vec![0_u8; payload_bytes.saturating_sub(8)];
    put_client_frame(out, 2, &[&header, &seq.to_be_bytes(), &filling]);
}

/// Reads a server's frames as they come, keeping nothing but what is left of one.
#[derive(Debug, Default)]
pub struct Reader {
    head: Vec<u8>,
    skip: usize,
    /// Data frames seen.
    pub frames: u64,
    /// The number that the next data frame must carry.
    pub next: Option<u64>,
    /// Data frames that did not carry it.
    pub faults: u64,
}

impl Reader {
    /// Takes bytes.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let n = self.skip.min(bytes.len());
                self.skip -= n;
                bytes = &bytes[n..];
                continue;
            }
            // A whole head lies in the bytes nearly always; then nothing is copied.
            if self.head.is_empty()
                && let Some((size, len)) = head(bytes)
                && let Some(body) = bytes.get(size..).filter(|body| body.len() >= len.min(16))
            {
                self.count(bytes[0], body, len);
                let n = (size + len).min(bytes.len());
                self.skip = size + len - n;
                bytes = &bytes[n..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some((size, len)) = head(&self.head)
                && self.head.len() >= size + len.min(16)
            {
                let kept = std::mem::take(&mut self.head);
                self.count(kept[0], &kept[size..], len);
                self.skip = size + len - kept.len();
            }
        }
    }

    fn count(&mut self, first: u8, body: &[u8], len: usize) {
        if first != 0x82 || len < FRAME_HEADER_BYTES + 8 {
            return;
        }
        let seq =
            body[FRAME_HEADER_BYTES..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let expected = self.next.unwrap_or(seq);
        self.faults += u64::from(seq != expected);
        self.next = Some(seq + 1);
        self.frames += 1;
    }
}

/// Size of a frame's head, and length of its body.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let len = *bytes.get(1)? & 0x7f;
    match len {
        126 => Some((4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))),
        127 => {
            Some((10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?))
        }
        len => Some((2, usize::from(len))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_however_they_are_cut_and_a_gap_is_a_fault() {
        let mut all = Vec::new();
        for (seq, len) in [(0_u64, 20_usize), (1, 200), (2, 70_000), (4, 20)] {
            all.push(0x82);
            match len {
                0..126 => all.push(len as u8),
                126..=65_535 => {
                    all.push(126);
                    all.extend((len as u16).to_be_bytes());
                }
                _ => {
                    all.push(127);
                    all.extend((len as u64).to_be_bytes());
                }
            }
            all.extend([1, 0, 0, 0, 0, 1]);
            all.extend(seq.to_be_bytes());
            all.resize(all.len() + len - 14, 0);
            all.extend(b"\x81\x02{}");
        }
        for cut in [1, 2, 7, 100, 1_000, all.len()] {
            let mut reader = Reader::default();
            all.chunks(cut).for_each(|piece| reader.take(piece));
            assert_eq!((reader.frames, reader.faults), (4, 1), "{cut}");
        }
    }
}
