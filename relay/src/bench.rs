//! The hot paths, exposed to the instruction counter; only with the feature `bench`, and not used by the relay itself.
//! One room with one member that publishes and members that subscribe, each with a mailbox and an outbox as a
//! connection has them; no socket, no task. Needs to run within a runtime.

mod leaving;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use stagedoor_bus::{LocalBus, Receivers};
use stagedoor_token::{AppId, Claims, Pattern, Roles};
use stagedoor_wire::{
    limits::Limits,
    member::{Delivery, Kind},
    name::StreamName,
};
use tokio::io::AsyncWrite;

pub use self::leaving::Leaving;
use crate::{
    door::Admission,
    log::mailbox::{Mail, Mailbox},
    log::stream::Wish,
    log::wakes::PendingWakes,
    net::outbox::Outbox,
    room::Publishing,
    session::Seat,
    shared::Shared,
};

/// A room in which frames are forwarded.
pub struct Stage {
    publisher: Seat,
    wakes: PendingWakes,
    subscribers: Vec<Subscriber>,
    gather_bytes_max: usize,
    now_ms: u64,
    _bus: Receivers,
}

struct Subscriber {
    seat: Seat,
    mailbox: Arc<Mailbox>,
    mail: Mail,
    outbox: Outbox,
}

impl Stage {
    /// A room with this many streams of one member, and members that subscribe to all of them. Fails with the relay's
    /// refusal.
    pub fn new(streams: u32, subscribers: u32) -> Result<Self, String> {
        let (bus, ends) = LocalBus::new();
        let limits = Limits { presence_batch_interval_ms: 0, ..Limits::default() };
        let gather_bytes_max = limits.gather_bytes_max;
        let shared = Arc::new(Shared::new(limits, Vec::new(), None, bus));
        let mut publisher = take(&shared, "publisher", &Arc::default())?;
        for number in 0..streams {
            let publishing = Publishing {
                name: StreamName::new(&format!("stream-{number}")).map_err(text)?,
                kind: Kind::Data,
                delivery: Delivery::Reliable,
                meta: None,
                wish: Wish { keep_ms: None, history: false },
                live: 0,
            };
            publisher.publish(publishing).map_err(text)?;
        }
        let subscribers = (0..subscribers).map(|number| {
            let mailbox = Arc::<Mailbox>::default();
            let mut seat = take(&shared, &format!("subscriber-{number}"), &mailbox)?;
            seat.subscribe(vec!["*".parse::<Pattern>().map_err(text)?], &[], drop);
            Ok(Subscriber { seat, mailbox, mail: Mail::default(), outbox: Outbox::default() })
        });
        let subscribers = subscribers.collect::<Result<_, String>>()?;
        let wakes = PendingWakes::default();
        let mut stage =
            Self { publisher, wakes, subscribers, gather_bytes_max, now_ms: 0, _bus: ends };
        stage.drain();
        Ok(stage)
    }

    /// The numbers of the streams.
    pub fn streams(&self) -> Vec<u32> {
        self.publisher.own_numbers()
    }

    /// Advances the time by a millisecond.
    pub fn tick(&mut self) {
        self.now_ms += 1;
    }

    /// Handles a data frame from the publishing member.
    pub fn append(&mut self, stream: u32, frame: &[u8]) -> bool {
        let Self { publisher, wakes, now_ms, .. } = self;
        let taken =
            publisher.own(stream).is_some_and(|own| own.append(frame, false, *now_ms, wakes));
        while wakes.wake_some() {}
        taken
    }

    /// Fills a subscriber's outbox; returns how many bytes it holds, or `None` if the relay would close.
    pub fn gather(&mut self, subscriber: usize) -> Option<usize> {
        let Subscriber { seat, mailbox, mail, outbox } = self.subscribers.get_mut(subscriber)?;
        mailbox.take(mail, true, Waker::noop());
        seat.gather(mail, outbox, self.gather_bytes_max).ok()?;
        Some(outbox.bytes())
    }

    /// Writes a subscriber's outbox to a socket that accepts everything; returns the number of bytes.
    pub fn write(&mut self, subscriber: usize) -> usize {
        let Some(Subscriber { outbox, .. }) = self.subscribers.get_mut(subscriber) else {
            return 0;
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut bytes = 0;
        while outbox.bytes() > 0
            && let Poll::Ready(Ok(written)) = outbox.poll_write(Pin::new(&mut Taker), &mut context)
        {
            bytes += written;
        }
        bytes
    }

    /// Every subscriber gathers and writes until it is up to date, and then waits.
    pub fn drain(&mut self) {
        for subscriber in 0..self.subscribers.len() {
            while self.gather(subscriber).is_some_and(|bytes| bytes > 0) {
                self.write(subscriber);
            }
        }
    }
}

fn take(shared: &Arc<Shared>, user: &str, mailbox: &Arc<Mailbox>) -> Result<Seat, String> {
    take_in(shared, "lobby", user, mailbox)
}

fn take_in(
    shared: &Arc<Shared>,
    room: &str,
    user: &str,
    mailbox: &Arc<Mailbox>,
) -> Result<Seat, String> {
    let role = "host".parse().map_err(text)?;
    let claims = Claims::builder(AppId(7), role)
        .room(room)
        .user(user)
        .jti("t-1")
        .lifetime(1_700_000_000, 600)
        .build();
    let roles = Roles::built_in();
    let grants = roles.get("host").ok_or("no such role")?.grants().clone();
    let admission =
        Admission { claims, kid: "k".into(), roles, grants, second_login: None, since_ms: 0 };
    let taken = Seat::take(shared, admission, mailbox, "peer".into(), None);
    taken.map(|(seat, _)| seat).map_err(text)
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

/// A socket that accepts everything.
struct Taker;

impl AsyncWrite for Taker {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(std::hint::black_box(bytes).len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(std::hint::black_box(slices).iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
