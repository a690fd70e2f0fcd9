//! Checks the heads of a client's frames (RFC 6455 §5.2) as they arrive, so that a forbidden or oversized frame closes
//! the connection before its payload arrives. Pure; does not consume the bytes.

use stagedoor_wire::close::Close;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The longest head: two bytes, a length of 64 bits, the mask.
const HEAD_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u8 = 125;

/// The state of a connection's incoming frames.
#[derive(Debug)]
pub(super) struct Frames {
    /// Payload still to come of the current frame.
    left: u64,
    /// Payload of the unfinished message, according to the heads so far.
    message_bytes: u64,
    text_bytes_max: u32,
    data_bytes_max: u32,
    /// The incomplete head; for a close, including the code that follows it.
    head: [u8; HEAD_BYTES_MAX],
    have: u8,
    /// The opcode of the unfinished message.
    unfinished: Option<u8>,
    fault: Option<Close>,
}

impl Default for Frames {
    /// Without limits: tungstenite limits strangers.
    fn default() -> Self {
        Self {
            left: 0,
            message_bytes: 0,
            text_bytes_max: u32::MAX,
            data_bytes_max: u32::MAX,
            head: [0; HEAD_BYTES_MAX],
            have: 0,
            unfinished: None,
            fault: None,
        }
    }
}

/// The length of a head of which these bytes have arrived; exact once the first two have.
fn wanted(head: &[u8]) -> usize {
    let &[first, second, ..] = head else { return 2 };
    let length = second & !MASKED;
    let extended = match length {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let code = if first & 0x0f == CLOSE && length >= 2 { 2 } else { 0 };
    2 + extended + 4 + code
}

/// Whether the first two bytes may start a head.
fn may_begin(first: u8, second: u8, unfinished: Option<u8>) -> bool {
    let opcode = first & 0x0f;
    let is_known = match opcode {
        CONTINUATION => unfinished.is_some(),
        TEXT | BINARY => unfinished.is_none(),
        CLOSE..=PONG => first & FIN != 0 && second & !MASKED <= CONTROL_BYTES_MAX,
        _ => false,
    };
    is_known && first & 0x70 == 0 && second & MASKED != 0
}

/// The length that a whole head states; `None` if it is not in its shortest form.
fn length(head: &[u8]) -> Option<u64> {
    match (head[1] & !MASKED, &head[2..]) {
        (126, &[a, b, ..]) => Some(u64::from(u16::from_be_bytes([a, b]))).filter(|n| *n > 125),
        (127, &[a, b, c, d, e, f, g, h, ..]) => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            .filter(|n| (0x1_0000..1 << 63).contains(n)),
        (short, _) => Some(u64::from(short)),
    }
}

/// Whether a peer may close with this code (RFC 6455 §7.4).
fn may_close_with(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

impl Frames {
    /// From now on messages are limited, including the one in progress.
    pub(super) fn limit(&mut self, text_bytes_max: usize, data_bytes_max: usize) {
        self.text_bytes_max = u32::try_from(text_bytes_max).unwrap_or(u32::MAX);
        self.data_bytes_max = u32::try_from(data_bytes_max).unwrap_or(u32::MAX);
        if let Some(opcode) = self.unfinished
            && self.message_bytes > self.bytes_max(opcode)
        {
            self.fault = Some(Close::TooLarge);
        }
    }

    /// Why the connection must close, after everything before the fault was handled.
    pub(super) fn fault(&self) -> Option<Close> {
        self.fault
    }

    /// Checks the next bytes; returns how many of them precede a fault.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        if self.fault.is_some() {
            return 0;
        }
        let (mut at, mut head_at) = (0, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            if self.left > 0 {
                let skipped = usize::try_from(self.left).map_or(rest.len(), |n| n.min(rest.len()));
                self.left -= skipped as u64;
                at += skipped;
                continue;
            }
            let have = usize::from(self.have);
            if have == 0 {
                head_at = at;
            }
            let taken = rest.len().min(wanted(&self.head[..have]) - have);
            self.head[have..have + taken].copy_from_slice(&rest[..taken]);
            self.have += taken as u8;
            at += taken;
            if let Err(fault) = self.judge() {
                self.fault = Some(fault);
                return head_at;
            }
        }
        bytes.len()
    }

    fn bytes_max(&self, opcode: u8) -> u64 {
        u64::from(if opcode == TEXT { self.text_bytes_max } else { self.data_bytes_max })
    }

    /// Checks the part of a head that has arrived.
    fn judge(&mut self) -> Result<(), Close> {
        let have = usize::from(self.have);
        if have == 2 && !may_begin(self.head[0], self.head[1], self.unfinished) {
            return Err(Close::ProtocolError);
        }
        if have < wanted(&self.head[..have]) {
            return Ok(());
        }
        self.have = 0;
        let length = length(&self.head).ok_or(Close::ProtocolError)?;
        let (opcode, is_final) = (self.head[0] & 0x0f, self.head[0] & FIN != 0);
        self.left = length;
        if opcode >= CLOSE {
            return if opcode == CLOSE { self.judge_close(length) } else { Ok(()) };
        }
        let message = self.unfinished.unwrap_or(opcode);
        let message_bytes = self.message_bytes.saturating_add(length);
        if message_bytes > self.bytes_max(message) {
            return Err(Close::TooLarge);
        }
        self.unfinished = (!is_final).then_some(message);
        self.message_bytes = if is_final { 0 } else { message_bytes };
        Ok(())
    }

    /// A close has no payload, or a code with an optional reason.
    fn judge_close(&mut self, length: u64) -> Result<(), Close> {
        if length == 0 {
            return Ok(());
        }
        let [_, _, mask_a, mask_b, _, _, a, b, ..] = self.head;
        let code = u16::from_be_bytes([a ^ mask_a, b ^ mask_b]);
        if length == 1 || !may_close_with(code) {
            return Err(Close::ProtocolError);
        }
        self.left = length - 2;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// A frame's head: flags and opcode, mask bit, length, and the number of bits that encode the length.
    #[derive(Clone, Debug)]
    struct Written {
        first: u8,
        masked: bool,
        length: usize,
        bits: u8,
        code: u16,
    }

    impl Written {
        fn bytes(&self) -> Vec<u8> {
            let mut bytes = vec![self.first];
            let masked = if self.masked { MASKED } else { 0 };
            match self.bits {
                7 => bytes.push(masked | self.length as u8),
                16 => {
                    bytes.push(masked | 126);
                    bytes.extend((self.length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(masked | 127);
                    bytes.extend((self.length as u64).to_be_bytes());
                }
            }
            if self.masked {
                bytes.extend([1, 2, 3, 4]);
            }
            let [a, b] = self.code.to_be_bytes();
            let payload = [a ^ 1, b ^ 2].into_iter().chain(std::iter::repeat(7));
            bytes.extend(payload.take(self.length));
            bytes
        }
    }

    fn written() -> impl Strategy<Value = Written> {
        let first = prop_oneof![
            6 => select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
            1 => Just(0x88),
            1 => any::<u8>(),
        ];
        let length = prop_oneof![4 => 0_usize..126, 1 => 126_usize..400, 1 => 65_530_usize..65_540];
        let code = prop_oneof![select(vec![1000_u16, 1005, 1015, 2999, 3000, 4304]), any::<u16>()];
        (first, prop::bool::weighted(0.97), length, 0..20_u8, code).prop_map(
            |(first, masked, length, odd, code)| {
                let fewest = match length {
                    0..126 => 7,
                    126..0x1_0000 => 16,
                    _ => 64,
                };
                let bits = if odd == 0 { 64 } else { fewest };
                Written { first, masked, length, bits, code }
            },
        )
    }

    /// A reference implementation, frame by frame: how many are valid, and what is wrong with the next.
    fn law(frames: &[Written], text_max: usize, data_max: usize) -> (usize, Option<Close>) {
        let mut open: Option<(u8, usize)> = None;
        for (at, frame) in frames.iter().enumerate() {
            let (fin, reserved, opcode) =
                (frame.first >= 0x80, frame.first >> 4 & 7, frame.first & 15);
            let fewest = frame.bits == 7 && frame.length < 126
                || frame.bits == 16 && (126..65_536).contains(&frame.length)
                || frame.bits == 64 && frame.length > 65_535;
            let good = reserved == 0
                && frame.masked
                && fewest
                && match (opcode, open) {
                    (0, open) => open.is_some(),
                    (1 | 2, open) => open.is_none(),
                    (8, _) => {
                        let code = [1000..1004, 1007..1015, 3000..5000];
                        let named = code.iter().any(|codes| codes.contains(&frame.code));
                        fin && (frame.length == 0
                            || frame.length > 1 && frame.length < 126 && named)
                    }
                    (9 | 10, _) => fin && frame.length < 126,
                    _ => false,
                };
            if !good {
                return (at, Some(Close::ProtocolError));
            }
            if opcode < 8 {
                let (kind, before) = open.unwrap_or((opcode, 0));
                let all = before + frame.length;
                if all > if kind == 1 { text_max } else { data_max } {
                    return (at, Some(Close::TooLarge));
                }
                open = (!fin).then_some((kind, all));
            }
        }
        (frames.len(), None)
    }

    proptest! {
        #[test]
        fn split_frames_are_judged_like_the_reference(
            frames in vec(written(), 1..8),
            pieces in vec(1_usize..40, 1..40),
            maxima in (0_usize..70_000, 0_usize..70_000),
        ) {
            let (good, fault) = law(&frames, maxima.0, maxima.1);
            let before: usize = frames[..good].iter().map(|frame| frame.bytes().len()).sum();
            let all: Vec<u8> = frames.iter().flat_map(Written::bytes).collect();
            let mut judged = Frames::default();
            judged.limit(maxima.0, maxima.1);
            let (mut at, mut passed) = (0, 0);
            for piece in pieces.iter().cycle() {
                // Large payloads in large pieces.
                let end = (at + piece * (1 + at / 500)).min(all.len());
                passed += judged.pass(&all[at..end]);
                at = end;
                if judged.fault().is_some() || at == all.len() {
                    break;
                }
            }
            prop_assert_eq!(judged.fault(), fault, "{:?}", frames);
            match fault {
                None => prop_assert_eq!(passed, all.len()),
                // The part of a head that arrived before its fault was visible has been passed on.
                Some(_) => prop_assert!((before..before + HEAD_BYTES_MAX).contains(&passed)),
            }
            prop_assert!(judged.fault().is_none() || judged.pass(&all) == 0);
        }

        #[test]
        fn any_bytes_are_passed_or_a_fault(bytes in vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            let passed = frames.pass(&bytes);
            prop_assert_eq!(passed < bytes.len(), frames.fault().is_some());
        }
    }

    #[test]
    fn new_limits_apply_to_the_message_in_progress() {
        let mut frames = Frames::default();
        let begun = Written { first: TEXT, masked: true, length: 300, bits: 16, code: 0 };
        assert_eq!(frames.pass(&begun.bytes()), begun.bytes().len());
        frames.limit(300, 10);
        assert_eq!(frames.fault(), None);
        frames.limit(299, 10);
        assert_eq!(frames.fault(), Some(Close::TooLarge));
    }
}
