//! What a connection does by the clock: pings, time-outs, what a token says of time, an ordered close. One
//! timer for all of it, armed for what comes next.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use stagedoor_bus::{Clock, Then};
use stagedoor_token::AtExp;
use stagedoor_wire::{close::Close, event::Event, limits::Limits};
use tokio::task::unconstrained;

use super::{Connection, Flow, Over, Phase};
use crate::{
    log::encode,
    room::{ChangeError, GrantChange, Occupant, SeatToken},
};

/// No timer is set further ahead.
const A_DAY_MS: u64 = 86_400_000;

/// How far a member's token was followed through its hours. Times are of the calendar, Unix milliseconds.
pub(super) struct TokenTimers {
    /// The token.
    token: Arc<SeatToken>,
    /// When its end is announced; never again once it was.
    notice_ms: u64,
    /// When privileges that end before it were last looked at.
    looked_ms: u64,
    /// Whether what its end, or its revocation, does to the seat was begun.
    ended: bool,
    revoked: bool,
    /// When the next thing is due, and how often the calendar had moved when that was reckoned; none: to be
    /// reckoned again.
    due: Option<(Instant, u64)>,
}

/// What time asks of a seat.
enum Due {
    Close(Close),
    Emit(Event<Box<RawValue>>),
    Change(GrantChange),
}

fn ms(unix_s: u64) -> u64 {
    unix_s.saturating_mul(1_000)
}

impl TokenTimers {
    pub(super) fn of(token: &Arc<SeatToken>, limits: &Limits, now_ms: u64) -> Self {
        let left_ms = ms(token.exp).saturating_sub(now_ms);
        let before_ms = (limits.token_expiring_notice_s * 1_000).min(left_ms / 3);
        Self {
            token: token.clone(),
            notice_ms: ms(token.exp) - before_ms,
            looked_ms: now_ms,
            ended: false,
            revoked: false,
            due: None,
        }
    }

    /// Follows another token. Of the same token, revoked meanwhile, what its end did is not done again.
    fn meet(&mut self, token: &Arc<SeatToken>, limits: &Limits, now_ms: u64) {
        let before = std::mem::replace(self, Self::of(token, limits, now_ms));
        if before.token.jti == token.jti && before.token.exp == token.exp {
            self.notice_ms = before.notice_ms;
            self.looked_ms = before.looked_ms;
            self.ended = before.ended;
        }
    }

    /// When the next thing is due. Asked at every turn, so it is reckoned only when something changed.
    fn due(&mut self, me: &Occupant, limits: &Limits, clock: &Clock) -> Instant {
        let moves = clock.moves();
        let same = Arc::ptr_eq(&self.token, &me.token);
        if let Some((due, reckoned)) = self.due
            && same
            && reckoned == moves
        {
            return due;
        }
        let now_ms = clock.unix_ms();
        if !same {
            self.meet(&me.token, limits, now_ms);
        }
        let left_ms = self.next_ms(me).saturating_sub(now_ms).min(A_DAY_MS);
        let due = Instant::now() + Duration::from_millis(left_ms);
        self.due = Some((due, moves));
        due
    }

    /// When the next thing is due.
    fn next_ms(&self, me: &Occupant) -> u64 {
        let token = &self.token;
        let stay = token.max_stay_s.map(|stay_s| me.stay_ms + ms(stay_s.into()));
        let until = token.until.next(self.looked_ms / 1_000);
        let end = match (&token.at_exp, self.ended) {
            (_, false) => Some(ms(token.exp)),
            (AtExp::Grace { s }, true) => Some(ms(token.exp + u64::from(*s))),
            (_, true) => None,
        };
        let revoked = match &token.revoked {
            Some(_) if !self.revoked => Some(0),
            revoked => revoked.as_ref().map(|(until_s, _)| ms(*until_s)),
        };
        let times = [stay, until.map(ms), end, revoked, Some(self.notice_ms)];
        times.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// What is due at `now_ms`, one thing at a time, the gravest first.
    fn take(&mut self, me: &Occupant, now_ms: u64) -> Option<Due> {
        let now = now_ms / 1_000;
        let token = self.token.clone();
        self.due = None;
        let stay_ms = token.max_stay_s.map(|stay_s| me.stay_ms + ms(stay_s.into()));
        if stay_ms.is_some_and(|stay_ms| stay_ms <= now_ms) {
            return Some(Due::Close(Close::StayOver));
        }
        if let Some((until, then)) = &token.revoked {
            if ms(*until) <= now_ms {
                return Some(match then {
                    Then::Close => Due::Close(Close::TokenRevoked),
                    Then::Demote(role) => Due::Change(GrantChange::Revoked(role.clone())),
                });
            }
            if !std::mem::replace(&mut self.revoked, true) {
                return Some(Due::Emit(Event::TokenRevoked { until: *until, now }));
            }
        }
        if ms(token.exp) <= now_ms {
            let begun = std::mem::replace(&mut self.ended, true);
            self.notice_ms = u64::MAX;
            match &token.at_exp {
                AtExp::Close => return Some(Due::Close(Close::TokenExpired)),
                AtExp::Grace { s } => {
                    let until = token.exp + u64::from(*s);
                    if ms(until) <= now_ms {
                        return Some(Due::Close(Close::TokenExpired));
                    }
                    if !begun {
                        return Some(Due::Emit(Event::TokenExpired { until, now }));
                    }
                }
                AtExp::Demote(_) if !begun => return Some(Due::Change(GrantChange::Time)),
                AtExp::Demote(_) => {}
            }
        }
        let until = token.until.next(self.looked_ms / 1_000);
        if until.is_some_and(|until| until <= now) {
            self.looked_ms = now_ms;
            return Some(Due::Change(GrantChange::Time));
        }
        if self.notice_ms <= now_ms {
            self.notice_ms = u64::MAX;
            return Some(Due::Emit(Event::TokenExpiring { exp: token.exp, now }));
        }
        None
    }
}

impl Connection {
    /// What comes next by the clock.
    fn deadline(&mut self) -> Instant {
        let paused = self.paused();
        let limits = &self.shared.limits;
        let phase = match &mut self.phase {
            Phase::Stranger { until, .. } | Phase::Closing { until, .. } => *until,
            Phase::Seated { timers, session, .. } => {
                let patience_ms =
                    limits.ping_interval_ms + if self.pinged { limits.pong_timeout_ms } else { 0 };
                let heard = paused.unwrap_or(self.heard_at);
                let heard = heard + Duration::from_millis(patience_ms);
                heard.min(timers.due(session.me(), limits, &self.shared.clock))
            }
        };
        let write = self.stalled_at.map(|at| at + Duration::from_millis(limits.write_timeout_ms));
        let order = self.order.map(|order| order.at);
        [write, order, paused].into_iter().flatten().fold(phase, Instant::min)
    }

    /// Does what the clock asks for.
    fn on_time(&mut self, now: Instant) -> Flow {
        let limits = self.shared.limits.clone();
        if let Some(order) = self.order.filter(|order| order.at <= now) {
            self.order = None;
            self.close(order.close);
        }
        if let Phase::Seated { session, .. } = &mut self.phase
            && session.resume(now)
        {
            self.heard_at = now;
        }
        let patience = Duration::from_millis(limits.write_timeout_ms);
        if self.stalled_at.is_some_and(|at| at + patience <= now) {
            self.close(Close::WriteTimeout);
            return Err(Over);
        }
        match &mut self.phase {
            Phase::Stranger { until, .. } if *until <= now => self.close(Close::LoginTimeout),
            Phase::Stranger { .. } => {}
            Phase::Closing { until, .. } if *until <= now => return Err(Over),
            Phase::Closing { .. } => {}
            Phase::Seated { timers, session } => {
                let due = timers.take(session.me(), self.shared.clock.unix_ms());
                match due {
                    Some(Due::Close(close)) => self.close(close),
                    Some(Due::Emit(event)) => self.push(encode::json(&event)),
                    Some(Due::Change(change)) => {
                        if let Err(ChangeError::Token(_) | ChangeError::RoleFull) =
                            session.change_grants(&change)
                        {
                            self.close(Close::TokenExpired);
                        }
                    }
                    None => self.ping(now),
                }
            }
        }
        Ok(())
    }

    fn ping(&mut self, now: Instant) {
        let limits = &self.shared.limits;
        if self.paused().is_some() {
            return;
        }
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

    pub(super) fn poll_time(&mut self) -> Poll<Flow> {
        let due = self.deadline();
        if due < self.armed || self.timer.is_elapsed() {
            let now = Instant::now();
            if due <= now {
                // A timer would come a little later, and what is past is past for the next request too.
                return Poll::Ready(self.on_time(now));
            }
            self.armed = due;
            self.timer.as_mut().reset(due.into());
        }
        // A timer that gives way to other tasks would not have taken notice of whom to wake.
        let mut cx = Context::from_waker(&self.io_waker);
        if pin!(unconstrained(self.timer.as_mut())).poll(&mut cx).is_pending() {
            self.settled = true;
            return Poll::Pending;
        }
        Poll::Ready(self.on_time(Instant::now()))
    }
}
