//! Parses a server's bytes into deliveries, however they are split. Heads are parsed and bodies skipped: only a frame's
//! mark is read. Keeps only the start of an incomplete frame.

use crate::frames::{self, BINARY, CLOSE, MARK_BYTES, Mark, PING, PONG, TEXT};

/// Control messages up to this size are parsed; longer ones say nothing that counts here.
const TEXT_BYTES_MAX: usize = 512;

/// How deliveries are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Each binary frame is one delivery, behind a header.
    Frame {
        /// Bytes of the header.
        skip: usize,
    },
    /// The bodies of all frames form one stream of NATS lines; `MSG` brings a delivery.
    Nats,
}

/// What a reader outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A delivery.
    Frame(Mark),
    /// A short control message.
    Text(&'a [u8]),
    /// The server sent a ping.
    Ping,
    /// The server closes with this code.
    Close(u16),
    /// Anything else.
    Garbage,
}

/// The reader of one member.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    held: Vec<u8>,
    skip: usize,
    /// NATS: the held part of a line or a mark, and how much of a payload remains to be skipped.
    line: Vec<u8>,
    line_skip: usize,
}

/// How much of a frame must be present before it can be reported: all bytes, and the `len` of the body.
fn wanted(framing: Framing, first: u8, len: usize) -> usize {
    match (first & 0x0f, framing) {
        (BINARY, Framing::Frame { skip }) => len.min(skip + MARK_BYTES),
        (TEXT, Framing::Frame { .. }) if len <= TEXT_BYTES_MAX => len,
        (CLOSE, _) => len.min(2),
        _ => 0,
    }
}

impl Reader {
    /// Handles bytes.
    pub(crate) fn take(
        &mut self,
        framing: Framing,
        mut bytes: &[u8],
        mut hear: impl FnMut(Heard<'_>),
    ) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let n = self.skip.min(bytes.len());
                if framing == Framing::Nats {
                    self.nats(&bytes[..n], &mut hear);
                }
                self.skip -= n;
                bytes = &bytes[n..];
                continue;
            }
            // The start of a frame is nearly always in the bytes; then nothing is copied.
            if self.held.is_empty()
                && let Some((size, len)) = frames::head(bytes)
                && let Some(body) = bytes.get(size..)
                && body.len() >= wanted(framing, bytes[0], len)
            {
                report(framing, bytes[0], len, body, &mut hear);
                let used = if framing == Framing::Nats { 0 } else { body.len().min(len) };
                self.skip = len - used;
                bytes = &bytes[size + used..];
                continue;
            }
            self.held.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some((size, len)) = frames::head(&self.held)
                && self.held.len() >= size + wanted(framing, self.held[0], len)
            {
                let held = std::mem::take(&mut self.held);
                report(framing, held[0], len, &held[size..], &mut hear);
                self.skip = len - (held.len() - size);
            }
        }
    }

    /// Handles bytes of NATS lines: `MSG subject sid bytes`, then the payload and a line end.
    fn nats(&mut self, mut bytes: &[u8], hear: &mut impl FnMut(Heard<'_>)) {
        while !bytes.is_empty() {
            if self.line_skip > 0 {
                let n = self.line_skip.min(bytes.len());
                self.line_skip -= n;
                bytes = &bytes[n..];
                continue;
            }
            let Some(end) = self.line.iter().position(|byte| *byte == b'\n') else {
                let n =
                    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
                self.line.extend_from_slice(&bytes[..n]);
                bytes = &bytes[n..];
                if self.line.ends_with(b"\n") && !self.line.starts_with(b"MSG ") {
                    if self.line.starts_with(b"-ERR") {
                        hear(Heard::Garbage);
                    }
                    self.line.clear();
                }
                continue;
            };
            // A `MSG` line is complete; its payload follows, of which the mark is held.
            let missing = (end + 1 + MARK_BYTES).saturating_sub(self.line.len());
            let n = missing.min(bytes.len());
            self.line.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            if n == missing {
                let size = self.line[..end].rsplit(|byte| *byte == b' ').next();
                let size = size.and_then(|size| std::str::from_utf8(size).ok());
                let size = size.and_then(|size| size.trim_end().parse::<usize>().ok());
                match (size, Mark::read(&self.line[end + 1..])) {
                    (Some(size), Some(mark)) if size >= MARK_BYTES => {
                        hear(Heard::Frame(mark));
                        self.line_skip = size - MARK_BYTES + 2;
                    }
                    _ => hear(Heard::Garbage),
                }
                self.line.clear();
            }
        }
    }
}

fn report(framing: Framing, first: u8, len: usize, body: &[u8], hear: &mut impl FnMut(Heard<'_>)) {
    // A fragment, or an extension that was not negotiated.
    if first & 0xf0 != 0x80 && framing != Framing::Nats {
        return hear(Heard::Garbage);
    }
    match (first & 0x0f, framing) {
        (BINARY, Framing::Frame { skip }) => {
            let mark = body.get(skip..).filter(|_| len >= skip + MARK_BYTES).and_then(Mark::read);
            hear(mark.map_or(Heard::Garbage, Heard::Frame));
        }
        (TEXT, Framing::Frame { .. }) if len <= TEXT_BYTES_MAX => hear(Heard::Text(&body[..len])),
        (PING, _) => hear(Heard::Ping),
        (CLOSE, _) => {
            let code =
                body.first_chunk().filter(|_| len >= 2).map_or(0, |code| u16::from_be_bytes(*code));
            hear(Heard::Close(code));
        }
        (TEXT | PONG, _) | (_, Framing::Nats) => {}
        _ => hear(Heard::Garbage),
    }
}

#[cfg(test)]
mod tests;
