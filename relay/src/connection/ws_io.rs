//! What tungstenite reads from and writes to: bytes in a buffer of the thread, and an outbox. So an answer to a ping or
//! a close is never inside a half-written frame, and an idle connection has no read buffer.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
};

use bytes::Bytes;
use stagedoor_wire::close::Close;

use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::frames::Frames;

/// The size of a thread's read buffer.
const READ_BYTES: usize = 65_536;

/// The mask of a client's frame.
const MASK_BYTES: usize = 4;

/// What tungstenite reserves for an incomplete frame; it grows with a frame that needs more.
const FRAME_BUFFER_BYTES: usize = 128;

/// A WebSocket that reads frames of at most `bytes_max`.
pub(super) fn web_socket(io: WsIo, bytes_max: usize) -> Box<WebSocket<WsIo>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(FRAME_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(bytes_max));
    Box::new(WebSocket::from_raw_socket(io, Role::Server, Some(config)))
}

/// Lets a WebSocket read what members send, after a login of `login_bytes`, if there was one.
pub(super) fn seat(
    ws: &mut Box<WebSocket<WsIo>>,
    login_bytes: Option<usize>,
    text_bytes_max: usize,
    data_bytes_max: usize,
) {
    let bytes_max = data_bytes_max.max(text_bytes_max);
    if ws.get_ref().is_at_an_end(login_bytes) {
        // Frees the buffer that held the login's token, most of what a seat would cost.
        *ws = web_socket(std::mem::take(ws.get_mut()), bytes_max);
    } else {
        ws.set_config(|config| {
            config.max_message_size = Some(bytes_max);
            config.max_frame_size = Some(bytes_max);
        });
    }
    ws.get_mut().limit(text_bytes_max, data_bytes_max);
}

thread_local! {
    static SPARE: RefCell<Option<Box<[u8]>>> = const { RefCell::new(None) };
}

/// A thread's read buffer, borrowed.
pub(super) fn borrow() -> Box<[u8]> {
    SPARE.take().unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice())
}

/// Returns the read buffer.
pub(super) fn give_back(buffer: Box<[u8]>) {
    SPARE.set(Some(buffer));
}

/// The io.
#[derive(Debug, Default)]
pub(super) struct WsIo {
    input: Option<Input>,
    frames: Frames,
    /// How many bytes tungstenite has read.
    read: usize,
    /// What tungstenite wants written.
    output: Vec<u8>,
}

#[derive(Debug)]
struct Input {
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
}

impl WsIo {
    /// Makes `end` bytes available for reading.
    pub(super) fn fill(&mut self, buffer: Box<[u8]>, end: usize) {
        self.input = Some(Input { buffer, at: 0, end });
    }

    /// From now on messages are limited.
    fn limit(&mut self, text_bytes_max: usize, data_bytes_max: usize) {
        self.frames.limit(text_bytes_max, data_bytes_max);
    }

    /// Why the connection must close, after tungstenite has read everything before the fault.
    pub(super) fn fault(&self) -> Option<Close> {
        self.frames.fault()
    }

    /// Whether tungstenite's buffers are empty: it has read at most one message of this size, in a single frame, the
    /// first one. `None`: nothing at all.
    fn is_at_an_end(&self, message_bytes: Option<usize>) -> bool {
        let head_bytes = |len| match len {
            0..126 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        self.read == message_bytes.map_or(0, |len| head_bytes(len) + MASK_BYTES + len)
    }

    /// Takes what tungstenite wants written, if anything.
    pub(super) fn take_output(&mut self) -> Option<Bytes> {
        if self.output.is_empty() { None } else { Some(std::mem::take(&mut self.output).into()) }
    }

    /// Takes the buffer away; returns the unread rest, if it must not be read yet.
    pub(super) fn empty(&mut self) -> Option<Bytes> {
        let Input { buffer, at, end } = self.input.take()?;
        let rest = (at < end).then(|| Bytes::copy_from_slice(&buffer[at..end]));
        give_back(buffer);
        rest
    }
}

impl Read for WsIo {
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

impl Write for WsIo {
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
    fn unread_bytes_are_given_back() {
        let mut io = WsIo::default();
        let mut buffer = borrow();
        buffer[..4].copy_from_slice(b"abcd");
        io.fill(buffer, 4);
        let mut one = [0];
        io.read_exact(&mut one).expect("a byte is there");
        assert_eq!(io.empty().as_deref(), Some(&b"bcd"[..]));
        assert!(io.empty().is_none());
    }

    #[test]
    fn bytes_behind_the_login_do_not_end_the_stream() {
        let read = |bytes: usize| {
            let mut io = WsIo::default();
            let mut buffer = borrow();
            buffer[..8].copy_from_slice(&[0x82, 0xff, 0, 0, 0, 0, 0, 1]);
            io.fill(buffer, bytes);
            let mut taken = vec![0; bytes];
            io.read_exact(&mut taken).expect("bytes are there");
            io
        };
        for (len, head) in [(5, 2), (125, 2), (126, 4), (300, 4)] {
            assert!(read(head + MASK_BYTES + len).is_at_an_end(Some(len)), "{len}");
            assert!(!read(head + MASK_BYTES + len + 1).is_at_an_end(Some(len)), "{len}");
        }
        assert!(WsIo::default().is_at_an_end(None) && !read(1).is_at_an_end(None));
    }
}
