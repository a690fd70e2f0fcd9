//! One turn of a connection's task, of `connection`: what is read, gathered and written before it sleeps, and
//! when it lets others go first.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::AsyncWrite;
use tracing::Span;

use super::{Connection, Flow, Over, Phase};

impl Connection {
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        if matches!(self.phase, Phase::Closing { .. }) {
            self.io.end_follows();
        }
        match self.batch.poll_write(Pin::new(&mut self.io), cx) {
            Poll::Ready(Ok(bytes)) => {
                self.shared.metrics.writes.add(1);
                self.shared.metrics.bytes_out.add(bytes as u64);
                self.stalled_at = (self.batch.bytes() > 0).then(Instant::now);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Over)),
            Poll::Pending => {
                self.settled_ahead_ms = None;
                self.stalled_at.get_or_insert_with(Instant::now);
                Poll::Pending
            }
        }
    }

    /// Says goodbye to the kernel once all is written. Of a peer that said it first nothing is awaited.
    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Flow {
        if let Phase::Closing { shut, heard, .. } = &mut self.phase
            && !*shut
            && self.batch.bytes() == 0
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
        let full = self.batch.bytes() >= self.shared.limits.outbox_bytes_max;
        let mut again = false;
        if !full
            && self.paused().is_none()
            && let Poll::Ready(flow) = self.poll_read(cx)
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
        let mut wrote = false;
        if self.batch.bytes() > 0
            && let Poll::Ready(flow) = self.poll_write(cx)
        {
            flow?;
            wrote = true;
            again |= more || full || self.batch.bytes() > 0;
        }
        self.poll_shut(cx)?;
        if !(wrote && self.is_not_due())
            && let Poll::Ready(flow) = self.poll_time(cx)
        {
            flow?;
            again = true;
        }
        Ok(again)
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let span = std::mem::replace(&mut this.span, Span::none());
        let polled = span.in_scope(|| {
            loop {
                match this.poll_once(cx) {
                    Ok(true) => {}
                    Ok(false) => return Poll::Pending,
                    Err(Over) => {
                        this.leave("lost");
                        return Poll::Ready(());
                    }
                }
            }
        });
        this.span = span;
        polled
    }
}
