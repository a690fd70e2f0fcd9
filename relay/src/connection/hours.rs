//! What a connection does by the clock, of `connection`: pings, time-outs, the end of the token, an ordered
//! close. One timer for all of it, armed for what comes next.

use std::{
    future::Future,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use stagedoor_wire::{close::Close, event::Event};

use super::{Connection, Flow, Over, Phase};
use crate::encode;

impl Connection {
    /// What comes next by the clock.
    fn deadline(&self) -> Instant {
        let limits = &self.shared.limits;
        let phase = match &self.phase {
            Phase::Stranger { until, .. } | Phase::Closing { until, .. } => *until,
            Phase::Seated { expires, notice, .. } => {
                let patience_ms =
                    limits.ping_interval_ms + if self.pinged { limits.pong_timeout_ms } else { 0 };
                let heard = self.heard_at + Duration::from_millis(patience_ms);
                heard.min(notice.unwrap_or(*expires))
            }
        };
        let write = (self.batch.bytes() > 0)
            .then(|| self.wrote_at + Duration::from_millis(limits.write_timeout_ms));
        let order = self.order.map(|order| order.at);
        phase.min(write.unwrap_or(phase)).min(order.unwrap_or(phase))
    }

    /// Does what the clock asks for.
    fn on_time(&mut self, now: Instant) -> Flow {
        let limits = self.shared.limits.clone();
        if let Some(order) = self.order.filter(|order| order.at <= now) {
            self.order = None;
            self.close(order.close);
        }
        let stalled = self.wrote_at + Duration::from_millis(limits.write_timeout_ms) <= now;
        if self.batch.bytes() > 0 && stalled {
            self.close(Close::WriteTimeout);
            return Err(Over);
        }
        match &mut self.phase {
            Phase::Stranger { until, .. } if *until <= now => self.close(Close::LoginTimeout),
            Phase::Stranger { .. } => {}
            Phase::Closing { until, .. } if *until <= now => return Err(Over),
            Phase::Closing { .. } => {}
            Phase::Seated { expires, notice, session } => {
                if *expires <= now {
                    self.close(Close::TokenExpired);
                } else if notice.is_some_and(|notice| notice <= now) {
                    *notice = None;
                    let (exp, now) = (session.seat.me.exp, self.shared.clock.unix_s());
                    self.push(encode::json(&Event::<Box<RawValue>>::TokenExpiring { exp, now }));
                } else {
                    self.ping(now);
                }
            }
        }
        Ok(())
    }

    fn ping(&mut self, now: Instant) {
        let limits = &self.shared.limits;
        let quiet = now.duration_since(self.heard_at);
        if quiet >= Duration::from_millis(limits.ping_interval_ms + limits.pong_timeout_ms)
            && self.pinged
        {
            self.close(Close::Dead);
        } else if quiet >= Duration::from_millis(limits.ping_interval_ms) && !self.pinged {
            self.pinged = true;
            self.push(encode::ping());
        }
    }

    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<Flow> {
        let due = self.deadline();
        if due < self.armed || self.timer.is_elapsed() {
            self.armed = due;
            self.timer.as_mut().reset(due.into());
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(self.on_time(Instant::now()))
    }
}
