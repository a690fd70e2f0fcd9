//! The bytes of a server's WebSocket frame (RFC 6455 §5.2). A server does not mask, so the bytes are the same for every
//! receiver and are made once. Frames are never fragmented.

use std::cell::RefCell;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

/// FIN and the opcode of text.
pub(crate) const TEXT: u8 = 0x81;
/// FIN and the opcode of binary.
pub(crate) const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// The longest frame header a server writes, in bytes.
pub(crate) const HEADER_BYTES_MAX: usize = 10;

/// A scratch buffer larger than this is not kept.
const SCRATCH_BYTES_MAX: usize = 65_536;

thread_local! {
    /// Where a message is written before its length is known.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes the header of a frame of `len` payload bytes.
pub(crate) fn put_header(out: &mut impl BufMut, first: u8, len: usize) {
    out.put_u8(first);
    if len < 126 {
        out.put_u8(len as u8);
    } else if let Ok(len) = u16::try_from(len) {
        out.put_u8(126);
        out.put_u16(len);
    } else {
        out.put_u8(127);
        out.put_u64(len as u64);
    }
}

fn frame(first: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES_MAX + payload.len());
    put_header(&mut out, first, payload.len());
    out.put_slice(payload);
    out.freeze()
}

/// A text frame with `message` as JSON. Everything that the wire defines can be serialized; if it ever cannot, the
/// frame contains `null`, and the fault is logged.
pub(crate) fn json(message: &impl Serialize) -> Bytes {
    let mut text = SCRATCH.take();
    if let Err(error) = serde_json::to_writer(&mut text, message) {
        tracing::warn!(%error, "a message cannot be serialized");
        text.clear();
        text.extend_from_slice(b"null");
    }
    let frame = frame(TEXT, &text);
    if text.capacity() <= SCRATCH_BYTES_MAX {
        text.clear();
        SCRATCH.set(text);
    }
    frame
}

/// Any value of the wire as raw JSON.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

/// A close frame; the reason is cut at 123 bytes.
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.bytes().take(123));
    frame(CLOSE, &payload)
}

/// An empty ping.
pub(crate) fn ping() -> Bytes {
    Bytes::from_static(&[PING, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_has_its_shortest_header() {
        for (len, bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut out = Vec::new();
            put_header(&mut out, BINARY, len);
            assert_eq!(out.len(), bytes, "{len}");
        }
        assert_eq!(close(4000, "closing").as_ref(), b"\x88\x09\x0f\xa0closing");
    }
}
