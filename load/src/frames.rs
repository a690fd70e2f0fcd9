//! The bytes on the wire, encoded and decoded by hand (RFC 6455 §5.2).

/// The opcode of a text frame.
pub const TEXT: u8 = 1;
/// The opcode of a binary frame.
pub const BINARY: u8 = 2;
/// The opcode of a close frame.
pub const CLOSE: u8 = 8;

/// The opcode of a ping.
pub const PING: u8 = 9;
/// The opcode of a pong.
pub const PONG: u8 = 10;

/// Bytes at the start of each payload: the sender, the frame's number, and a time.
pub const MARK_BYTES: usize = 20;

/// The start of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The sender.
    pub sender: u32,
    /// Its number, counted by the sender from 0.
    pub seq: u64,
    /// When it was due, in nanoseconds of the run's clock; 0 if that is not measured.
    pub due_ns: u64,
}

impl Mark {
    /// The mark as bytes.
    pub fn to_bytes(self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..4].copy_from_slice(&self.sender.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.seq.to_be_bytes());
        bytes[12..].copy_from_slice(&self.due_ns.to_be_bytes());
        bytes
    }

    /// The mark at the start of a payload; `None` if the payload is too short.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (sender, rest) = payload.split_first_chunk()?;
        let (seq, rest) = rest.split_first_chunk()?;
        let (due, _) = rest.split_first_chunk()?;
        Some(Self {
            sender: u32::from_be_bytes(*sender),
            seq: u64::from_be_bytes(*seq),
            due_ns: u64::from_be_bytes(*due),
        })
    }
}

/// Appends a client's frame. Its mask is zero, which a server must accept like any other.
pub fn put_client_frame(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
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
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Size of a server's frame head, and length of its body; `None` while the head is incomplete.
pub fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let len = *bytes.get(1)? & 0x7f;
    match len {
        126 => Some((4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)))),
        127 => {
            let len = u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
            Some((10, usize::try_from(len).unwrap_or(usize::MAX)))
        }
        len => Some((2, usize::from(len))),
    }
}
