use proptest::prelude::*;

use super::*;

fn put_server_frame(out: &mut Vec<u8>, opcode: u8, body: &[u8]) {
    out.push(0x80 | opcode);
    match body.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..=65_535 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
}

fn payload(seq: u64, size: usize) -> Vec<u8> {
    let mut payload = Mark { sender: 7, seq, due_ns: seq * 3 }.to_bytes().to_vec();
    payload.resize(MARK_BYTES + size, b'\n');
    payload
}

/// What is heard when the bytes arrive in pieces.
fn heard(framing: Framing, bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let (mut reader, mut heard, mut rest) = (Reader::default(), Vec::new(), bytes);
    for cut in cuts.iter().copied().chain([usize::MAX]) {
        let (piece, left) = rest.split_at(cut.min(rest.len()));
        reader.take(framing, piece, |what| heard.push(format!("{what:?}")));
        rest = left;
    }
    heard
}

proptest! {
    #[test]
    fn frames_are_read_the_same_however_they_are_split(
        sizes in prop::collection::vec(0_usize..70_000, 1..6),
        cuts in prop::collection::vec(0_usize..300, 0..60),
    ) {
        let (mut bytes, mut want) = (Vec::new(), Vec::new());
        for (seq, size) in sizes.iter().enumerate() {
            let payload = payload(seq as u64, *size);
            put_server_frame(&mut bytes, BINARY, &[&[1, 0, 0, 0, 0, 1], &*payload].concat());
            put_server_frame(&mut bytes, TEXT, b"{\"ev\":1}");
            put_server_frame(&mut bytes, 9, b"");
            let mark = Mark::read(&payload).expect("a mark");
            want.push(format!("{:?}", Heard::Frame(mark)));
            want.push(format!("{:?}", Heard::Text(b"{\"ev\":1}")));
            want.push(format!("{:?}", Heard::Ping));
        }
        put_server_frame(&mut bytes, CLOSE, b"\x0f\xa1slow");
        want.push(format!("{:?}", Heard::Close(4001)));
        prop_assert_eq!(heard(Framing::Frame { skip: 6 }, &bytes, &cuts), want);
    }

    #[test]
    fn nats_lines_are_read_the_same_in_any_frames(
        sizes in prop::collection::vec(0_usize..400, 1..6),
        bodies in prop::collection::vec(1_usize..200, 1..40),
        cuts in prop::collection::vec(0_usize..100, 0..60),
    ) {
        let (mut lines, mut want) = (b"INFO {}\r\n".to_vec(), Vec::new());
        for (seq, size) in sizes.iter().enumerate() {
            let payload = payload(seq as u64, *size);
            lines.extend(format!("MSG room.1 9 {}\r\n", payload.len()).bytes());
            lines.extend_from_slice(&payload);
            lines.extend(b"\r\nPING\r\n");
            want.push(format!("{:?}", Heard::Frame(Mark::read(&payload).expect("a mark"))));
        }
        let (mut bytes, mut rest) = (Vec::new(), &*lines);
        for size in bodies.iter().copied().chain([usize::MAX]) {
            let (body, left) = rest.split_at(size.min(rest.len()));
            put_server_frame(&mut bytes, BINARY, body);
            rest = left;
        }
        prop_assert_eq!(heard(Framing::Nats, &bytes, &cuts), want);
    }
}

#[test]
fn a_frame_too_short_for_its_mark_is_garbage() {
    let mut bytes = Vec::new();
    put_server_frame(&mut bytes, BINARY, &[0; MARK_BYTES + 5]);
    assert_eq!(heard(Framing::Frame { skip: 6 }, &bytes, &[3]), ["Garbage"]);
}
