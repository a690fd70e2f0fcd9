//! Handles a connection's deadlines.

use std::{task::Poll, time::Instant};

use stagedoor_wire::close::Close;

use super::{
    deadlines::Silence,
    task::{Connection, Flow, Over, Phase},
    token_timers::Due,
};
use crate::{log::encode, room::ChangeError};

impl Connection {
    /// Waits for the next deadline and handles it.
    pub(super) fn poll_time(&mut self) -> Poll<Flow> {
        let due = self.deadline();
        match self.deadlines.poll(due, &self.io_waker) {
            Poll::Ready(now) => Poll::Ready(self.on_time(now)),
            Poll::Pending => {
                self.turn.settle();
                Poll::Pending
            }
        }
    }

    /// The next deadline.
    fn deadline(&mut self) -> Instant {
        let paused = self.paused();
        let limits = &self.shared.limits;
        let phase = match &mut self.phase {
            Phase::Stranger(stranger) => stranger.until(),
            Phase::Closing { until, .. } => *until,
            Phase::Seated { timers, session } => {
                let due = timers.due(session.me(), limits, &self.shared.clock);
                self.deadlines.silence_ends(paused, limits).min(due)
            }
        };
        self.deadlines.next(phase, paused, limits)
    }

    /// Handles what is due.
    fn on_time(&mut self, now: Instant) -> Flow {
        if let Some(close) = self.deadlines.take_order(now) {
            self.close(close);
        }
        if let Phase::Seated { session, .. } = &mut self.phase
            && session.resume(now)
        {
            self.deadlines.heard(false, now);
        }
        if self.deadlines.is_stalled(&self.shared.limits, now) {
            self.close(Close::WriteTimeout);
            return Err(Over);
        }
        match &mut self.phase {
            Phase::Stranger(stranger) if stranger.until() <= now => self.close(Close::LoginTimeout),
            Phase::Stranger(_) => {}
            Phase::Closing { until, .. } if *until <= now => return Err(Over),
            Phase::Closing { .. } => {}
            Phase::Seated { timers, session } => {
                match timers.take(session.me(), self.shared.clock.unix_ms()) {
                    Some(Due::Close(close)) => self.close(close),
                    Some(Due::Emit(event)) => self.push(encode::json(&event)),
                    Some(Due::Change(change)) => {
                        if let Err(ChangeError::Token(_) | ChangeError::RoleFull) =
                            session.change_grants(&change)
                        {
                            self.close(Close::TokenExpired);
                        }
                    }
                    None => self.on_silence(now),
                }
            }
        }
        Ok(())
    }

    fn on_silence(&mut self, now: Instant) {
        if self.paused().is_some() {
            return;
        }
        match self.deadlines.silence(&self.shared.limits, now) {
            Silence::Wait => {}
            Silence::Ping => self.push(encode::ping()),
            Silence::Dead => self.close(Close::Dead),
        }
    }
}
