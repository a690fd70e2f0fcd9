use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const KEEP: Keep = Keep { bytes_max: 1 << 20, age_ms_max: 1_000, past: Past::Nothing };

fn frames(log: &mut Log, seq: u64) -> (Vec<Vec<u8>>, u64) {
    let mut bytes = Vec::new();
    let next = log.read(seq, usize::MAX, |piece: Bytes| bytes.extend_from_slice(&piece));
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (len, head) = match bytes[at + 1] {
            126 => (usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])), 4),
            len => (usize::from(len), 2),
        };
        out.push(bytes[at + head..at + head + len].to_vec());
        at += head + len;
    }
    (out, next)
}

#[test]
fn a_reader_gets_every_frame_from_its_number_on() {
    let mut log = Log::new();
    for n in 0..10_u8 {
        log.append(encode::BINARY, &[n; 3], false, 0, &KEEP);
        if n % 4 == 0 {
            frames(&mut log, 0);
        }
    }
    for from in 0..=10 {
        let (got, next) = frames(&mut log, from);
        assert_eq!(next, 10);
        assert_eq!(got, (from as u8..10).map(|n| vec![n; 3]).collect::<Vec<_>>());
    }
}

#[test]
fn a_read_stops_near_its_bound_and_continues_there() {
    let mut log = Log::new();
    for n in 0..100_u8 {
        log.append(encode::BINARY, &[n; 100], false, 0, &KEEP);
        log.seal();
    }
    let mut taken = 0;
    let next = log.read(0, 1_000, |piece| taken += piece.len());
    assert!((1_000..1_200).contains(&taken), "{taken}");
    assert_eq!(frames(&mut log, next).0[0], vec![next as u8; 100]);
}

#[test]
fn bytes_and_age_bound_what_is_kept() {
    let mut log = Log::new();
    let keep = Keep { bytes_max: 1_000, ..KEEP };
    for n in 0..100 {
        log.append(encode::BINARY, &[0; 98], false, n, &keep);
        log.seal();
        assert!(log.bytes() <= 1_000);
    }
    assert_eq!(log.first(), 90);
    log.append(encode::BINARY, &[0; 98], false, 5_000, &keep);
    assert_eq!(log.first(), 100);
}

#[test]
fn the_newest_keyframe_outlives_its_age_but_not_the_bytes() {
    let mut log = Log::new();
    let keep = Keep { past: Past::Keyframe, bytes_max: 1_000, ..KEEP };
    for (n, key) in [(0, true), (1, false), (2, true), (3, false)] {
        log.append(encode::BINARY, &[0; 98], key, n, &keep);
        log.seal();
    }
    log.append(encode::BINARY, &[0; 98], false, 10_000, &keep);
    log.seal();
    assert_eq!((log.first(), log.keyframe()), (2, Some(2)));
    for _ in 0..20 {
        log.append(encode::BINARY, &[0; 98], false, 10_000, &keep);
        log.seal();
    }
    assert_eq!(log.keyframe(), None);
}

proptest! {
    /// The log and a plain queue of frames agree on what can be read.
    #[test]
    fn the_log_behaves_like_a_queue(
        ops in prop::collection::vec((0_usize..400, any::<bool>(), any::<bool>(), 0_u64..600), 1..200),
        bytes_max in 100_usize..5_000,
    ) {
        let keep = Keep { bytes_max, age_ms_max: 1_000, past: Past::Nothing };
        let mut log = Log::new();
        let mut model: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
        let mut now_ms = 0;
        for (n, (len, keyframe, read, pass)) in ops.into_iter().enumerate() {
            now_ms += pass;
            let payload = vec![n as u8; len];
            let seq = log.append(encode::BINARY, &payload, keyframe, now_ms, &keep);
            prop_assert_eq!(seq, n as u64);
            model.push_back((seq, payload));
            while model.front().is_some_and(|(seq, _)| *seq < log.first()) {
                model.pop_front();
            }
            prop_assert!(!model.is_empty(), "the newest frame is kept");
            if read {
                for from in [log.first(), (log.first() + log.next()) / 2, log.next()] {
                    let (got, next) = frames(&mut log, from);
                    prop_assert_eq!(next, log.next());
                    let want: Vec<_> =
                        model.iter().filter(|(seq, _)| *seq >= from).map(|(_, p)| p.clone()).collect();
                    prop_assert_eq!(got, want);
                }
            }
            prop_assert!(log.bytes() <= bytes_max + SEGMENT_BYTES + 500);
        }
    }
}
