//! One turn of a connection's task: what is read, gathered and written before it sleeps, and when it lets
//! others go first.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Instant,
};

use tokio::{io::AsyncWrite, task::yield_now};
use tracing::Span;

use super::{Connection, Flow, Over, Phase};

/// Turns in a row, before others go first: writing does not ask the runtime, which would see to that.
const TURNS_MAX: u32 = 64;

impl Connection {
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        if matches!(self.phase, Phase::Closing { .. }) {
            self.io.end_follows();
        }
        match self.outbox.poll_write(Pin::new(&mut self.io), cx) {
            Poll::Ready(Ok(bytes)) => {
                self.shared.metrics.writes.add(1);
                self.shared.metrics.bytes_out.add(bytes as u64);
                self.stalled_at = (self.outbox.bytes() > 0).then(Instant::now);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Over)),
            Poll::Pending => {
                self.settled = false;
                self.stalled_at.get_or_insert_with(Instant::now);
                Poll::Pending
            }
        }
    }

    /// Says goodbye to the kernel once all is written. Of a peer that said it first nothing is awaited.
    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Flow {
        if let Phase::Closing { shut, heard, .. } = &mut self.phase
            && !*shut
            && self.outbox.bytes() == 0
        {
            if *heard && self.io.ends_by_drop() {
                return Err(Over);
            }
            let Poll::Ready(done) = Pin::new(&mut self.io).poll_shutdown(cx) else { return Ok(()) };
            *shut = true;
            return done.map_err(|_| Over);
        }
        Ok(())
    }

    /// One turn; whether another must follow before the task may sleep.
    ///
    /// Who has published lets all others that are ready publish as well, and writes after them: so what
    /// many publish at once goes to each socket by one write.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        let full = self.outbox.bytes() >= self.shared.limits.outbox_bytes_max;
        let mut again = false;
        // Socket and timer wake the task by way of the mailbox, which says so before it wakes: whoever wakes
        // last, a turn follows that finds it said. From then on the socket is asked in each turn that may
        // read, until it refuses. A refusal alone leaves our waker with it; so a turn that does not ask
        // leaves either that waker, or `unread`.
        if self.mailbox.take_io_ready() {
            self.unread = true;
            self.settled = false;
            self.go_on_with_login();
        }
        if (self.unread || self.held)
            && !full
            && self.reads()
            && let Poll::Ready(flow) = self.poll_read()
        {
            flow?;
            let stands_back = std::mem::take(&mut self.published) && !self.stood_back;
            if stands_back {
                self.stood_back = true;
                cx.waker().wake_by_ref();
                return Ok(false);
            }
            again = true;
        }
        self.stood_back = false;
        let more = self.gather(cx);
        if self.outbox.bytes() > 0
            && let Poll::Ready(flow) = self.poll_write(cx)
        {
            flow?;
            again |= more || full || self.outbox.bytes() > 0;
        }
        self.poll_shut(cx)?;
        if !self.settled
            && let Poll::Ready(flow) = self.poll_time()
        {
            flow?;
            again = true;
        }
        if again && self.held {
            // Others go first, those too whose sockets the runtime has not looked at yet. That it wakes the task
            // then is all that is wanted of this future.
            let _ = pin!(yield_now()).poll(cx);
            return Ok(false);
        }
        Ok(again)
    }
}

impl Connection {
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

    /// Tells some of those who wait for what was published; the others when these have had their turns.
    fn wake_some(&mut self, cx: &Context<'_>) {
        self.waking = match &mut self.phase {
            Phase::Seated { session, .. } => session.wake_some(),
            _ => false,
        };
        if self.waking {
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
        if this.waking {
            this.wake_some(cx);
        }
        polled
    }
}
