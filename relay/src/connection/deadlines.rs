//! When a connection must act without input: silence, a peer that accepts no bytes, an ordered close. One timer serves
//! all of them, armed for the next.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use stagedoor_wire::{close::Close, limits::Limits};
use tokio::{task::unconstrained, time::Sleep};

use crate::log::mailbox::Order;

/// A connection's timer, taken over from the handshake.
pub(crate) struct Timer {
    pub(crate) sleep: Pin<Box<Sleep>>,
    until: Instant,
}

impl Timer {
    /// A timer that fires at `until`.
    pub(crate) fn until(until: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(until.into())), until }
    }
}

/// What silence requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing yet.
    Wait,
    /// Send a ping.
    Ping,
    /// Close: the ping was not answered.
    Dead,
}

/// A connection's deadlines.
#[repr(C)]
pub(super) struct Deadlines {
    armed: Instant,
    order: Option<Order>,
    /// When the socket last accepted some of the queued bytes, or first refused them; `None` while it accepts all.
    stalled_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    heard_at: Instant,
    pinged: bool,
}

impl Deadlines {
    /// No close is ordered, and the peer has just been heard.
    pub(super) fn new(timer: Timer, now: Instant) -> Self {
        let Timer { sleep: timer, until: armed } = timer;
        Self { armed, order: None, stalled_at: None, timer, heard_at: now, pinged: false }
    }

    /// The peer was heard; `fresh` means that bytes arrived now rather than having waited to be read.
    #[inline]
    pub(super) fn heard(&mut self, fresh: bool, now: Instant) {
        self.heard_at = now;
        self.pinged &= !fresh;
    }

    /// When the peer was last heard.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Sets an ordered close. The earlier of two counts.
    pub(super) fn order(&mut self, order: Order) {
        if self.order.is_none_or(|old| order.at < old.at) {
            self.order = Some(order);
        }
    }

    /// The ordered close, if it is due.
    pub(super) fn take_order(&mut self, now: Instant) -> Option<Close> {
        self.order.take_if(|order| order.at <= now).map(|order| order.close)
    }

    /// The socket accepted bytes; `more` are still queued.
    #[inline]
    pub(super) fn wrote(&mut self, more: bool) {
        self.stalled_at = more.then(Instant::now);
    }

    /// The socket accepted nothing.
    pub(super) fn stalls(&mut self) {
        self.stalled_at.get_or_insert_with(Instant::now);
    }

    fn stall_ends(&self, limits: &Limits) -> Option<Instant> {
        self.stalled_at.map(|at| at + Duration::from_millis(limits.write_timeout_ms))
    }

    /// Whether the socket has accepted nothing for too long.
    pub(super) fn is_stalled(&self, limits: &Limits, now: Instant) -> bool {
        self.stall_ends(limits).is_some_and(|end| end <= now)
    }

    /// When silence next requires something. While reading is paused, nothing is expected of the peer.
    pub(super) fn silence_ends(&self, paused: Option<Instant>, limits: &Limits) -> Instant {
        let patience_ms =
            limits.ping_interval_ms + if self.pinged { limits.pong_timeout_ms } else { 0 };
        paused.unwrap_or(self.heard_at) + Duration::from_millis(patience_ms)
    }

    /// What silence requires now.
    pub(super) fn silence(&mut self, limits: &Limits, now: Instant) -> Silence {
        let quiet = now.duration_since(self.heard_at);
        let ping = Duration::from_millis(limits.ping_interval_ms);
        if quiet >= ping + Duration::from_millis(limits.pong_timeout_ms) && self.pinged {
            return Silence::Dead;
        }
        if quiet >= ping && !self.pinged {
            self.pinged = true;
            return Silence::Ping;
        }
        Silence::Wait
    }

    /// The next deadline: the phase's own, the end of a pause, or one of these.
    pub(super) fn next(&self, phase: Instant, paused: Option<Instant>, limits: &Limits) -> Instant {
        let order = self.order.map(|order| order.at);
        [self.stall_ends(limits), order, paused].into_iter().flatten().fold(phase, Instant::min)
    }

    /// Waits until `due`; returns the time then.
    pub(super) fn poll(&mut self, due: Instant, waker: &Waker) -> Poll<Instant> {
        if due < self.armed || self.timer.is_elapsed() {
            let now = Instant::now();
            if due <= now {
                // The timer would fire slightly late, and for the next request too, what is due is due.
                return Poll::Ready(now);
            }
            self.armed = due;
            self.timer.as_mut().reset(due.into());
        }
        // The task's waker must be registered even if the runtime makes the timer yield.
        let mut cx = Context::from_waker(waker);
        if pin!(unconstrained(self.timer.as_mut())).poll(&mut cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Instant::now())
    }
}
