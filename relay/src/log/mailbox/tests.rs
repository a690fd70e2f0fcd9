use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn mail_wakes_its_reader_once_and_every_order_wakes_it() {
    let (mailbox, mut mail) = (Mailbox::default(), Mail::default());
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    mailbox.take_io_ready();
    mailbox.take(&mut mail, true, &waker);
    let now = || woken.0.swap(0, Ordering::Relaxed);
    mailbox.ready(1);
    mailbox.ready(2);
    assert_eq!(now(), 1);
    mailbox.close(Close::Kicked);
    assert_eq!(now(), 1);
    // Only the order is taken; the rest stays for a reader of everything, without another wake-up.
    assert!(mailbox.take(&mut mail, false, &waker).is_some());
    mailbox.ready(3);
    assert_eq!(now(), 0);
    mailbox.take(&mut mail, true, &waker);
    assert_eq!(mail.ready.as_slice(), [1, 2, 3]);
    mailbox.ready(4);
    assert_eq!(now(), 1);
}

#[test]
fn io_readiness_is_seen_once_and_never_lost() {
    let (mailbox, mut mail) = (Arc::new(Mailbox::default()), Mail::default());
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    assert!(mailbox.take_io_ready(), "nobody has looked yet");
    assert!(!mailbox.take_io_ready());
    // The socket became ready between its poll and the first look at the mail.
    Waker::from(mailbox.clone()).wake();
    mailbox.take(&mut mail, true, &waker);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(mailbox.take_io_ready());
    mailbox.ready(1);
    assert!(!mailbox.take_io_ready(), "mail is not for socket and clock");
    Waker::from(mailbox.clone()).wake_by_ref();
    assert_eq!(woken.0.load(Ordering::Relaxed), 3);
    assert!(mailbox.take_io_ready());
}

#[test]
fn mail_left_behind_an_order_stays() {
    let (mailbox, mut mail) = (Mailbox::default(), Mail::default());
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(woken.clone());
    mailbox.take_io_ready();
    mailbox.take(&mut mail, true, &waker);
    mailbox.close(Close::Kicked);
    assert!(mailbox.take(&mut mail, false, &waker).is_some());
    mailbox.ready(7);
    assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    mailbox.take(&mut mail, true, &waker);
    assert_eq!(mail.ready.as_slice(), [7]);
}

#[test]
fn a_mailbox_fits_into_one_cache_line() {
    assert!(size_of::<Mailbox>() + 2 * size_of::<usize>() <= 64);
}

#[test]
fn the_earlier_order_wins() {
    let mailbox = Mailbox::default();
    let now = Instant::now();
    let later = now + std::time::Duration::from_secs(9);
    mailbox.order(Order { close: Close::Closing, at: later });
    mailbox.order(Order { close: Close::Kicked, at: now });
    mailbox.order(Order { close: Close::Closing, at: later });
    let mut mail = Mail::default();
    assert_eq!(
        mailbox.take(&mut mail, false, Waker::noop()),
        Some(Order { close: Close::Kicked, at: now })
    );
}
