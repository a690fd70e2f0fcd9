//! One task owns one socket: it reads, passes requests to the session, gathers, writes. It never waits for another
//! member, and never interleaves frames.

mod deadlines;
mod frames;
mod login;
mod reading;
mod task;
mod timing;
mod token_timers;
mod turn;
mod writing;
mod ws_io;

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::task::yield_now;
use tracing::Span;

use self::task::{Over, Phase};
pub(crate) use self::{
    deadlines::Timer,
    task::{Begin, Connection},
};

/// Turns in a row before the task yields: writing alone does not go through the runtime's fairness budget.
const TURNS_MAX: u32 = 64;

impl Connection {
    /// One turn; returns whether another must follow before the task may sleep.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        let full = self.outbox.bytes() >= self.shared.limits.outbox_bytes_max;
        let mut again = false;
        if self.mailbox.take_io_ready() {
            self.turn.io_ready();
            self.go_on_with_login();
        }
        if self.turn.may_read()
            && !full
            && self.reads()
            && let Poll::Ready(flow) = self.poll_read()
        {
            flow?;
            if self.turn.stands_back() {
                cx.waker().wake_by_ref();
                return Ok(false);
            }
            again = true;
        }
        self.turn.writes();
        let more = self.gather(cx);
        if self.outbox.bytes() > 0
            && let Poll::Ready(flow) = self.poll_write(cx)
        {
            flow?;
            again |= more || full || self.outbox.bytes() > 0;
        }
        self.poll_shut(cx)?;
        if !self.turn.is_settled()
            && let Poll::Ready(flow) = self.poll_time()
        {
            flow?;
            again = true;
        }
        if again && self.turn.is_held() {
            // Yields, also to tasks whose sockets the runtime has not polled yet. The only purpose of this future is
            // that it wakes the task afterwards.
            let _ = pin!(yield_now()).poll(cx);
            return Ok(false);
        }
        Ok(again)
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS_MAX {
            match self.poll_once(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(Over) => {
                    self.leave("lost");
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Wakes some readers of the published frames; the others follow when these have had their turns.
    fn wake_some(&mut self, cx: &Context<'_>) {
        let more = match &mut self.phase {
            Phase::Seated { session, .. } => session.wake_some(),
            _ => false,
        };
        self.turn.woke(more);
        if more {
            cx.waker().wake_by_ref();
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let polled = if this.span.is_disabled() {
            this.poll_turns(cx)
        } else {
            let span = std::mem::replace(&mut this.span, Span::none());
            let polled = span.in_scope(|| this.poll_turns(cx));
            this.span = span;
            polled
        };
        if this.turn.is_waking() {
            this.wake_some(cx);
        }
        polled
    }
}
