//! Writes to the socket: gathers from mailbox and logs into an outbox, and writes it.

use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use serde_json::value::RawValue;
use stagedoor_wire::{close::Close, event::Event};
use tokio::io::AsyncWrite;

use super::task::{Connection, Flow, Over, Phase};
use crate::log::{
    encode,
    mailbox::{Mail, Order},
};

thread_local! {
    /// Scratch space of this thread's connections for their mail.
    static MAIL: RefCell<Mail> = RefCell::default();
}

impl Connection {
    /// Fills the outbox from mailbox and logs; returns whether there may be more. From here on new mail wakes the task.
    pub(super) fn gather(&mut self, cx: &Context<'_>) -> bool {
        MAIL.with_borrow_mut(|mail| self.gather_by(mail, cx))
    }

    fn gather_by(&mut self, mail: &mut Mail, cx: &Context<'_>) -> bool {
        let bytes_max = self.shared.limits.gather_bytes_max;
        let room = self.outbox.bytes() < bytes_max;
        if let Some(order) = self.mailbox.take(mail, room, cx.waker()) {
            self.obey(order);
        }
        let Phase::Seated { session, .. } = &mut self.phase else { return false };
        if !room {
            return true;
        }
        let outbox = &mut self.outbox;
        let mut refreshed = Ok(());
        if self.mailbox.is_changing() {
            self.turn.unsettle();
            refreshed = session.refresh(|frame| outbox.push(frame));
        }
        let gathered = refreshed.and_then(|()| session.gather(mail, outbox, bytes_max));
        gathered.unwrap_or_else(|close| {
            self.close(close);
            false
        })
    }

    fn obey(&mut self, order: Order) {
        self.turn.unsettle();
        let now = Instant::now();
        let told = order.at > now || order.close == Close::Closing;
        if told && matches!(self.phase, Phase::Seated { .. }) {
            let event = Event::<Box<RawValue>>::Closing {
                code: order.close.code(),
                reason: order.close.reason().into(),
                next: order.close.next(),
                in_ms: order.at.saturating_duration_since(now).as_millis() as u64,
            };
            self.push(encode::json(&event));
        }
        if order.at <= now {
            self.close(order.close);
        } else {
            self.deadlines.order(order);
        }
    }

    /// Writes once.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        if matches!(self.phase, Phase::Closing { .. }) {
            self.io.end_follows();
        }
        match self.outbox.poll_write(Pin::new(&mut self.io), cx) {
            Poll::Ready(Ok(bytes)) => {
                self.shared.metrics.writes.add(1);
                self.shared.metrics.bytes_out.add(bytes as u64);
                self.deadlines.wrote(self.outbox.bytes() > 0);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Over)),
            Poll::Pending => {
                self.turn.unsettle();
                self.deadlines.stalls();
                Poll::Pending
            }
        }
    }

    /// Shuts the socket down once everything is written; waits for nothing if the peer closed first.
    pub(super) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Flow {
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
}
