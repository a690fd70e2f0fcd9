use std::task::Waker;

use super::*;
use crate::log::mailbox::Mail;

const NUMBER: u32 = 7;

fn audience() -> Audience {
    let limits =
        Limits { keyframe_interval_ms: 500, watched_linger_ms: 2_000, ..Limits::default() };
    Audience::new(Arc::default(), NUMBER, &limits)
}

/// How often the publisher was woken since it last looked.
fn wakes(audience: &Audience) -> usize {
    let mut mail = Mail::default();
    audience.mailbox.take(&mut mail, true, Waker::noop());
    assert!(mail.ready.iter().all(|number| *number == NUMBER));
    mail.ready.len()
}

fn watched(watched: bool) -> Told {
    Told { watched: Some(watched), ..Told::default() }
}

fn keyframe() -> Told {
    Told { keyframe: true, ..Told::default() }
}

fn later(timer_ms: u64) -> Told {
    Told { timer_ms: Some(timer_ms), ..Told::default() }
}

#[test]
fn the_first_reader_and_the_end_of_the_last_are_told() {
    let audience = audience();
    assert_eq!(audience.take(None, 0), Told::default());
    audience.reader_came();
    audience.reader_came();
    assert_eq!(wakes(&audience), 1);
    assert_eq!(audience.take(None, 10), watched(true));
    audience.reader_left();
    assert_eq!((wakes(&audience), audience.take(None, 20)), (0, Told::default()));
    audience.reader_left();
    assert_eq!((wakes(&audience), audience.take(None, 30)), (1, later(2_030)));
    assert_eq!(audience.take(None, 40), Told::default(), "the timer is set");
    audience.timer_fires(2_030);
    assert_eq!((wakes(&audience), audience.take(None, 2_030)), (1, watched(false)));
    audience.reader_came();
    assert_eq!((wakes(&audience), audience.take(None, 2_040)), (1, watched(true)));
}

#[test]
fn a_reader_that_comes_within_the_linger_was_never_away() {
    let audience = audience();
    audience.reader_came();
    assert_eq!(audience.take(None, 0), watched(true));
    audience.reader_left();
    assert_eq!(audience.take(None, 10), later(2_010));
    audience.reader_came();
    audience.timer_fires(2_010);
    assert_eq!(audience.take(None, 2_010), Told::default());
    audience.reader_left();
    assert_eq!(audience.take(None, 3_000), later(5_000), "it lingers from then on");
}

#[test]
fn a_reader_that_came_and_left_unseen_is_told_of() {
    let audience = audience();
    audience.reader_came();
    audience.reader_left();
    assert_eq!(wakes(&audience), 1);
    assert_eq!(audience.take(None, 10), Told { timer_ms: Some(2_010), ..watched(true) });
    audience.timer_fires(2_010);
    assert_eq!(audience.take(None, 2_010), watched(false));
}

#[test]
fn wishes_within_the_interval_are_one_at_its_end() {
    let audience = audience();
    assert!(!audience.wish(3, 100), "the first is passed on");
    assert_eq!((wakes(&audience), audience.take(None, 100)), (1, keyframe()));
    assert!(audience.wish(4, 200) && audience.wish(5, 300));
    assert_eq!((wakes(&audience), audience.take(Some(2), 300)), (1, later(600)));
    assert!(audience.wish(6, 400));
    audience.timer_fires(600);
    assert_eq!((wakes(&audience), audience.take(Some(3), 600)), (1, keyframe()));
    assert!(!audience.wish(9, 1_100), "the interval is over");
}

#[test]
fn a_keyframe_fulfils_the_wishes_before_it() {
    let audience = audience();
    audience.wish(3, 100);
    audience.take(None, 100);
    audience.wish(4, 200);
    assert_eq!(audience.take(Some(4), 300), Told::default());
    assert_eq!(audience.take(Some(4), 900), Told::default());
    audience.wish(5, 950);
    assert_eq!(audience.take(Some(4), 950), keyframe(), "it came before the wish");
}
