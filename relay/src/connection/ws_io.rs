//! What tungstenite reads from and writes to: bytes that the connection read into a buffer of its thread, and
//! an outbox. So an answer to a ping or a close never lands in the middle of a half-written frame, and no
//! connection holds a read buffer while nothing comes.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
};

use bytes::Bytes;
use stagedoor_wire::close::Close;

use super::frames::Frames;

/// The size of a thread's read buffer.
const READ_BYTES: usize = 65_536;

/// The mask of a client's frame.
const MASK_BYTES: usize = 4;

thread_local! {
    static SPARE: RefCell<Option<Box<[u8]>>> = const { RefCell::new(None) };
}

/// A thread's read buffer, on loan.
pub(super) fn borrow() -> Box<[u8]> {
    SPARE.take().unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice())
}

/// Gives the read buffer back.
pub(super) fn give_back(buffer: Box<[u8]>) {
    SPARE.set(Some(buffer));
}

/// The tap.
#[derive(Debug, Default)]
pub(super) struct Tap {
    input: Option<Input>,
    frames: Frames,
    /// How many bytes tungstenite has read.
    read: usize,
    /// What tungstenite wants to have written.
    pub(super) output: Vec<u8>,
}

#[derive(Debug)]
struct Input {
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
}

impl Tap {
    /// Lays out `end` bytes to be read.
    pub(super) fn fill(&mut self, buffer: Box<[u8]>, end: usize) {
        self.input = Some(Input { buffer, at: 0, end });
    }

    /// From now on messages have limits.
    pub(super) fn limit(&mut self, text_bytes_max: usize, data_bytes_max: usize) {
        self.frames.limit(text_bytes_max, data_bytes_max);
    }

    /// Why the connection must close, once tungstenite has read all before it.
    pub(super) fn fault(&self) -> Option<Close> {
        self.frames.fault()
    }

    /// Whether tungstenite holds nothing: it has read no more than one message of so many bytes, alone in
    /// one frame, which was the first. Without a message: nothing at all.
    pub(super) fn is_at_an_end(&self, message_bytes: Option<usize>) -> bool {
        let head_bytes = |len| match len {
            0..126 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        self.read == message_bytes.map_or(0, |len| head_bytes(len) + MASK_BYTES + len)
    }

    /// Takes the buffer away; what was not read of it, if it is not to be read yet.
    pub(super) fn empty(&mut self) -> Option<Bytes> {
        let Input { buffer, at, end } = self.input.take()?;
        let rest = (at < end).then(|| Bytes::copy_from_slice(&buffer[at..end]));
        give_back(buffer);
        rest
    }
}

impl Read for Tap {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(input) = &mut self.input else { return Err(io::ErrorKind::WouldBlock.into()) };
        let n = buf.len().min(input.end - input.at);
        let n = self.frames.pass(&input.buffer[input.at..input.at + n]);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..n].copy_from_slice(&input.buffer[input.at..input.at + n]);
        input.at += n;
        self.read += n;
        Ok(n)
    }
}

impl Write for Tap {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_given_back() {
        let mut tap = Tap::default();
        let mut buffer = borrow();
        buffer[..4].copy_from_slice(b"abcd");
        tap.fill(buffer, 4);
        let mut one = [0];
        tap.read_exact(&mut one).expect("a byte is there");
        assert_eq!(tap.empty().as_deref(), Some(&b"bcd"[..]));
        assert!(tap.empty().is_none());
    }

    #[test]
    fn what_came_behind_the_login_is_not_an_end() {
        let read = |bytes: usize| {
            let mut tap = Tap::default();
            let mut buffer = borrow();
            buffer[..8].copy_from_slice(&[0x82, 0xff, 0, 0, 0, 0, 0, 1]);
            tap.fill(buffer, bytes);
            let mut taken = vec![0; bytes];
            tap.read_exact(&mut taken).expect("bytes are there");
            tap
        };
        for (len, head) in [(5, 2), (125, 2), (126, 4), (300, 4)] {
            assert!(read(head + MASK_BYTES + len).is_at_an_end(Some(len)), "{len}");
            assert!(!read(head + MASK_BYTES + len + 1).is_at_an_end(Some(len)), "{len}");
        }
        assert!(Tap::default().is_at_an_end(None) && !read(1).is_at_an_end(None));
    }
}
