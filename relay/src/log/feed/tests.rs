use proptest::prelude::*;

use super::*;
use crate::log::{encode::BINARY, mailbox::Mail, segments::Past, wakes::WAKES_AT_ONCE};

fn keep(past: Past, bytes_max: usize) -> Keep {
    Keep { bytes_max, age_ms_max: 1_000, past }
}

fn ready(mailbox: &Mailbox) -> Vec<u32> {
    let mut mail = Mail::default();
    mailbox.take(&mut mail, true, std::task::Waker::noop());
    mail.ready.to_vec()
}

/// Appends, and wakes all readers.
fn append(feed: &Feed<u8>, payload: &[u8], keyframe: bool, now_ms: u64) -> Option<u64> {
    feed.append(BINARY, payload, keyframe, now_ms, &mut PendingWakes::default())
}

fn read(
    feed: &Feed<u8>,
    place: &mut Place,
    delivery: Delivery,
) -> (Vec<u8>, Vec<(u64, u64)>, Read<u8>) {
    let (mut bytes, mut jumps) = (Vec::new(), Vec::new());
    let read = feed.read(place, delivery, (usize::MAX, 0), |part| match part {
        Part::Frames(piece) => bytes.extend_from_slice(&piece),
        Part::Jump { lost, seq, .. } => jumps.push((lost, seq)),
        Part::Wants => {}
    });
    (bytes, jumps, read)
}

#[test]
fn a_waiting_reader_is_woken_once_and_a_busy_one_never() {
    let feed = Feed::new(1, keep(Past::Nothing, 1 << 20));
    let mailbox = Arc::new(Mailbox::default());
    let (mut place, _) = feed.join((&mailbox, 5), Begin::Now, None, 0);
    assert_eq!(ready(&mailbox), [5], "told of what lies there");
    assert_eq!(read(&feed, &mut place, Delivery::Reliable).2, Read::Drained);
    for _ in 0..3 {
        append(&feed, b"x", false, 0);
    }
    assert_eq!(ready(&mailbox), [5]);
    append(&feed, b"x", false, 0);
    assert_eq!(ready(&mailbox), [0_u32; 0]);
    assert_eq!(read(&feed, &mut place, Delivery::Reliable).0.len(), 12);
}

#[test]
fn places_are_reused_and_gone_readers_never_woken() {
    let feed = Feed::<u8>::new(1, keep(Past::Nothing, 1 << 20));
    let gone = Arc::new(Mailbox::default());
    for _ in 0..100 {
        let (mut place, _) = feed.join((&gone, 1), Begin::Now, None, 0);
        read(&feed, &mut place, Delivery::Reliable);
        feed.leave(&place);
    }
    ready(&gone);
    assert_eq!(feed.lock().readers.len(), 1);
    assert_eq!(feed.lock().waiting.len(), 1);
    let here = Arc::new(Mailbox::default());
    let (mut place, _) = feed.join((&here, 2), Begin::Now, None, 0);
    read(&feed, &mut place, Delivery::Reliable);
    ready(&here);
    append(&feed, b"x", false, 0);
    assert_eq!(ready(&gone), [0_u32; 0]);
    assert_eq!(ready(&here), [2]);
}

#[test]
fn a_slow_reader_jumps_by_delivery_and_learns_its_losses() {
    for (delivery, past, expected) in [
        (Delivery::Media, Past::Keyframe, Some((7, 7))),
        (Delivery::Latest, Past::Newest, Some((9, 9))),
        (Delivery::Reliable, Past::Nothing, None),
    ] {
        let feed = Feed::new(1, keep(past, 1 << 20));
        let mailbox = Arc::new(Mailbox::default());
        let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
        for n in 0..10_u64 {
            append(&feed, &[n as u8; 10], n == 7, n * 500);
            // Sealed by another reader, so that the old ones can be dropped.
            let (mut other, _) = feed.join((&mailbox, 2), Begin::Now, None, 0);
            read(&feed, &mut other, delivery);
            feed.leave(&other);
        }
        let (bytes, jumps, result) = read(&feed, &mut place, delivery);
        match expected {
            Some((lost, seq)) => {
                assert_eq!(jumps, [(lost, seq)], "{delivery:?}");
                assert_eq!(bytes[2], seq as u8, "the next frame is the one that was told");
                assert_eq!(result, Read::Drained);
            }
            None => assert_eq!(result, Read::TooLate),
        }
    }
}

#[test]
fn a_media_reader_without_a_keyframe_waits_for_the_next() {
    let feed = Feed::new(1, keep(Past::Keyframe, 100));
    let mailbox = Arc::new(Mailbox::default());
    let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
    let (mut sealing, _) = feed.join((&mailbox, 2), Begin::Now, None, 0);
    for n in 0..20_u8 {
        append(&feed, &[n; 10], false, 0);
        read(&feed, &mut sealing, Delivery::Media);
    }
    let (bytes, jumps, result) = read(&feed, &mut place, Delivery::Media);
    assert!(bytes.is_empty() && jumps.is_empty());
    assert_eq!(result, Read::Drained);
    append(&feed, &[20; 10], true, 0);
    let (bytes, jumps, _) = read(&feed, &mut place, Delivery::Media);
    assert_eq!((bytes[2], jumps.as_slice()), (20, &[(20, 20)][..]));
}

/// A media feed whose readers may be 1,500 ms behind.
fn timed() -> Feed<u8> {
    Feed::new(1, Keep { bytes_max: 1 << 20, age_ms_max: 60_000, past: Past::Keyframe })
        .behind_at_most(1_500)
}

/// What a read at `now_ms` does to a reader: its place then, what it lost, and whether it wants a keyframe.
fn read_at(feed: &Feed<u8>, place: &mut Place, now_ms: u64) -> (u64, Vec<u64>, usize) {
    let (mut lost, mut wants) = (Vec::new(), 0);
    let bounds = (usize::MAX, now_ms);
    feed.read(place, Delivery::Media, bounds, |part| match part {
        Part::Jump { lost: frames, behind, .. } => {
            assert_eq!(behind, Behind::Time);
            lost.push(frames);
        }
        Part::Wants => wants += 1,
        Part::Frames(_) => {}
    });
    (place.seq, lost, wants)
}

#[test]
fn a_media_reader_late_by_time_jumps_to_a_recent_keyframe() {
    let (feed, mailbox) = (timed(), Arc::default());
    let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
    let (mut edge, _) = feed.join((&mailbox, 2), Begin::Now, None, 0);
    for n in 0..20_u64 {
        append(&feed, b"x", n % 5 == 0, n * 100);
        if n == 15 {
            assert_eq!(read_at(&feed, &mut edge, 0), (16, vec![], 0), "as late as is allowed");
        }
    }
    assert_eq!(read_at(&feed, &mut place, 0), (20, vec![15], 0), "the newest frame's time counts");
    append(&feed, b"x", true, 2_000);
    assert_eq!(read_at(&feed, &mut place, 3_500), (21, vec![], 0));
}

#[test]
fn a_reader_late_by_time_without_a_recent_keyframe_wants_one() {
    let (feed, mailbox) = (timed(), Arc::default());
    let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
    append(&feed, b"x", true, 0);
    append(&feed, b"x", true, 100);
    assert_eq!(read_at(&feed, &mut place, 1_700), (0, vec![], 1), "what there is, is as old");
    append(&feed, b"x", false, 1_800);
    assert_eq!(read_at(&feed, &mut place, 1_800), (0, vec![], 1), "nobody knows whether it comes");
    append(&feed, b"x", true, 1_900);
    assert_eq!(read_at(&feed, &mut place, 1_900), (4, vec![3], 0));
    append(&feed, b"x", false, 2_000);
    append(&feed, b"x", false, 4_000);
    assert_eq!(read_at(&feed, &mut place, 0), (4, vec![], 1));
    append(&feed, b"x", false, 4_000);
    assert_eq!(read_at(&feed, &mut place, 0), (4, vec![], 0), "it waits for what it wants");
}

#[test]
fn a_reader_that_begins_has_the_time_to_catch_up() {
    let (feed, mailbox) = (timed(), Arc::default());
    append(&feed, b"x", true, 0);
    append(&feed, b"x", false, 9_000);
    for (now_ms, read) in [(10_000, (2, vec![], 0)), (11_500, (2, vec![], 0))] {
        let (mut place, _) = feed.join((&mailbox, 1), Begin::Keyframe, None, 10_000);
        assert_eq!(place.seq, 0);
        assert_eq!(read_at(&feed, &mut place, now_ms), read);
    }
    let (mut place, _) = feed.join((&mailbox, 1), Begin::Keyframe, None, 10_000);
    assert_eq!(read_at(&feed, &mut place, 11_501), (0, vec![], 1));
}

#[test]
fn the_end_follows_the_last_frame_and_nothing_follows_it() {
    let feed = Feed::new(1, keep(Past::Nothing, 1 << 20));
    let mailbox = Arc::new(Mailbox::default());
    let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
    append(&feed, b"last", false, 0);
    assert!(feed.end(9));
    assert!(!feed.end(8));
    assert_eq!(append(&feed, b"late", false, 0), None);
    let (bytes, _, result) = read(&feed, &mut place, Delivery::Reliable);
    assert_eq!((&bytes[2..], result), (&b"last"[..], Read::Ended(9)));
}

#[test]
fn nobody_begins_at_what_is_dropped_for_its_age_before_it_is_read() {
    let begin_and_read = |begin, resume, now_ms| {
        let feed = Feed::<u8>::new(1, keep(Past::Nothing, 1 << 20));
        let mailbox = Arc::new(Mailbox::default());
        let (mut other, _) = feed.join((&mailbox, 2), Begin::Now, None, 0);
        append(&feed, b"old", false, 0);
        read(&feed, &mut other, Delivery::Reliable);
        let (mut place, resumed) = feed.join((&mailbox, 1), begin, resume, now_ms);
        // The room hears of the reader before the reader reads.
        append(&feed, b"joined", false, now_ms + 1);
        let (bytes, _, result) = read(&feed, &mut place, Delivery::Reliable);
        (resumed, bytes.len(), result)
    };
    let resume = Some(member::Cursor { epoch: 1, seq: 0 });
    assert_eq!(begin_and_read(Begin::Now, resume, 800), (true, 13, Read::Drained));
    for now_ms in [900, 1_000, 1_001, 5_000] {
        assert_eq!(begin_and_read(Begin::Now, resume, now_ms), (false, 8, Read::Drained));
        assert_eq!(begin_and_read(Begin::Oldest, None, now_ms), (false, 8, Read::Drained));
    }
}

#[test]
fn only_a_cursor_of_the_same_log_resumes() {
    let feed = Feed::<u8>::new(7, keep(Past::Nothing, 1 << 20));
    let mailbox = Arc::new(Mailbox::default());
    for _ in 0..5 {
        append(&feed, b"x", false, 0);
    }
    let at = |epoch, seq| {
        let (place, resumed) =
            feed.join((&mailbox, 1), Begin::Now, Some(member::Cursor { epoch, seq }), 0);
        (place.seq, resumed)
    };
    assert_eq!(at(7, 2), (2, true));
    assert_eq!(at(7, 5), (5, true));
    assert_eq!(at(7, 6), (5, false));
    assert_eq!(at(8, 2), (5, false));
}

#[test]
fn many_readers_are_woken_in_parts_and_none_forgotten() {
    let feed = Feed::<u8>::new(1, keep(Past::Nothing, 1 << 20));
    let mailboxes: Vec<_> =
        (0..WAKES_AT_ONCE * 2 + 1).map(|_| Arc::new(Mailbox::default())).collect();
    let mut places: Vec<_> =
        mailboxes.iter().map(|mailbox| feed.join((mailbox, 1), Begin::Now, None, 0).0).collect();
    let mut all_read = || {
        for (place, mailbox) in places.iter_mut().zip(&mailboxes) {
            ready(mailbox);
            assert_eq!(read(&feed, place, Delivery::Reliable).2, Read::Drained);
        }
    };
    let told = || mailboxes.iter().filter(|mailbox| !ready(mailbox).is_empty()).count();
    all_read();
    let mut wakes = PendingWakes::default();
    feed.append(BINARY, b"x", false, 0, &mut wakes);
    assert_eq!(told(), 0);
    assert!(wakes.wake_some());
    assert_eq!(told(), WAKES_AT_ONCE);
    assert!(wakes.wake_some());
    assert_eq!(told(), WAKES_AT_ONCE);
    assert!(!wakes.wake_some());
    assert_eq!(told(), 1);
    // The publisher is gone before all are woken.
    all_read();
    feed.append(BINARY, b"x", false, 0, &mut wakes);
    wakes.wake_some();
    drop(wakes);
    assert_eq!(told(), mailboxes.len());
}

proptest! {
    /// In whatever order reader and publisher run, frames read and frames reported lost add up, in order.
    #[test]
    fn read_and_lost_add_up(
        turns in prop::collection::vec((1_usize..8, any::<bool>(), 0_u64..400, any::<bool>()), 1..120),
        latest: bool,
    ) {
        let (delivery, past) =
            if latest { (Delivery::Latest, Past::Newest) } else { (Delivery::Media, Past::Keyframe) };
        let feed = Feed::<u8>::new(1, keep(past, 400));
        let mailbox = Arc::new(Mailbox::default());
        let (mut place, _) = feed.join((&mailbox, 1), Begin::Now, None, 0);
        let (mut sealing, _) = feed.join((&mailbox, 2), Begin::Now, None, 0);
        let (mut next, mut now_ms, mut published) = (0_u64, 0, 0_u64);
        for (frames, keyframe, pass, reads) in turns {
            now_ms += pass;
            for n in 0..frames {
                append(&feed, &published.to_be_bytes(), keyframe && n == 0, now_ms);
                published += 1;
            }
            read(&feed, &mut sealing, Delivery::Latest);
            if reads {
                let (bytes, jumps, _) = read(&feed, &mut place, delivery);
                for (lost, seq) in jumps {
                    prop_assert_eq!(next + lost, seq);
                    next = seq;
                }
                for frame in bytes.chunks(10) {
                    let seq = u64::from_be_bytes(frame[2..].try_into().expect("eight bytes"));
                    prop_assert_eq!(seq, next);
                    next += 1;
                }
            }
        }
    }
}
