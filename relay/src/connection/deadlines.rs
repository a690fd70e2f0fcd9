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
    room::seat_token::Pass,
    room::{Act, RegrantError},
    session::seat::Seat,
};

/// No timer is set further ahead.
const A_DAY_MS: u64 = 86_400_000;

/// How far a member's token was followed through its hours. Times are of the calendar, Unix milliseconds.
pub(super) struct Told {
    /// The token.
    pass: Arc<Pass>,
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
    Tell(Event<Box<RawValue>>),
    Regrant(Act),
}

fn ms(unix_s: u64) -> u64 {
    unix_s.saturating_mul(1_000)
}

impl Told {
    pub(super) fn of(pass: &Arc<Pass>, limits: &Limits, now_ms: u64) -> Self {
        let left_ms = ms(pass.exp).saturating_sub(now_ms);
        let before_ms = (limits.token_expiring_notice_s * 1_000).min(left_ms / 3);
        Self {
            pass: pass.clone(),
            notice_ms: ms(pass.exp) - before_ms,
            looked_ms: now_ms,
            ended: false,
            revoked: false,
            due: None,
        }
    }

    /// Follows another pass. Of the same token, revoked meanwhile, what its end did is not done again.
    fn meet(&mut self, pass: &Arc<Pass>, limits: &Limits, now_ms: u64) {
        let before = std::mem::replace(self, Self::of(pass, limits, now_ms));
        if before.pass.jti == pass.jti && before.pass.exp == pass.exp {
            self.notice_ms = before.notice_ms;
            self.looked_ms = before.looked_ms;
            self.ended = before.ended;
        }
    }

    /// When the next thing is due. Asked at every turn, so it is reckoned only when something changed.
    fn due(&mut self, seat: &Seat, limits: &Limits, clock: &Clock) -> Instant {
        let moves = clock.moves();
        let same = Arc::ptr_eq(&self.pass, &seat.me.pass);
        if let Some((due, reckoned)) = self.due
            && same
            && reckoned == moves
        {
            return due;
        }
        let now_ms = clock.unix_ms();
        if !same {
            self.meet(&seat.me.pass, limits, now_ms);
        }
        let left_ms = self.next_ms(seat).saturating_sub(now_ms).min(A_DAY_MS);
        let due = Instant::now() + Duration::from_millis(left_ms);
        self.due = Some((due, moves));
        due
    }

    /// When the next thing is due.
    fn next_ms(&self, seat: &Seat) -> u64 {
        let pass = &self.pass;
        let stay = pass.max_stay_s.map(|stay_s| seat.me.stay_ms + ms(stay_s.into()));
        let until = pass.until.next(self.looked_ms / 1_000);
        let end = match (&pass.at_exp, self.ended) {
            (_, false) => Some(ms(pass.exp)),
            (AtExp::Grace { s }, true) => Some(ms(pass.exp + u64::from(*s))),
            (_, true) => None,
        };
        let revoked = match &pass.revoked {
            Some(_) if !self.revoked => Some(0),
            revoked => revoked.as_ref().map(|(until_s, _)| ms(*until_s)),
        };
        let times = [stay, until.map(ms), end, revoked, Some(self.notice_ms)];
        times.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// What is due at `now_ms`, one thing at a time, the gravest first.
    fn take(&mut self, seat: &Seat, now_ms: u64) -> Option<Due> {
        let now = now_ms / 1_000;
        let pass = self.pass.clone();
        self.due = None;
        let stay_ms = pass.max_stay_s.map(|stay_s| seat.me.stay_ms + ms(stay_s.into()));
        if stay_ms.is_some_and(|stay_ms| stay_ms <= now_ms) {
            return Some(Due::Close(Close::StayOver));
        }
        if let Some((until, then)) = &pass.revoked {
            if ms(*until) <= now_ms {
                return Some(match then {
                    Then::Close => Due::Close(Close::TokenRevoked),
                    Then::Demote(role) => Due::Regrant(Act::Revoked(role.clone())),
                });
            }
            if !std::mem::replace(&mut self.revoked, true) {
                return Some(Due::Tell(Event::TokenRevoked { until: *until, now }));
            }
        }
        if ms(pass.exp) <= now_ms {
            let begun = std::mem::replace(&mut self.ended, true);
            self.notice_ms = u64::MAX;
            match &pass.at_exp {
                AtExp::Close => return Some(Due::Close(Close::TokenExpired)),
                AtExp::Grace { s } => {
                    let until = pass.exp + u64::from(*s);
                    if ms(until) <= now_ms {
                        return Some(Due::Close(Close::TokenExpired));
                    }
                    if !begun {
                        return Some(Due::Tell(Event::TokenExpired { until, now }));
                    }
                }
                AtExp::Demote(_) if !begun => return Some(Due::Regrant(Act::Time)),
                AtExp::Demote(_) => {}
            }
        }
        let until = pass.until.next(self.looked_ms / 1_000);
        if until.is_some_and(|until| until <= now) {
            self.looked_ms = now_ms;
            return Some(Due::Regrant(Act::Time));
        }
        if self.notice_ms <= now_ms {
            self.notice_ms = u64::MAX;
            return Some(Due::Tell(Event::TokenExpiring { exp: pass.exp, now }));
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
            Phase::Seated { told, session, .. } => {
                let patience_ms =
                    limits.ping_interval_ms + if self.pinged { limits.pong_timeout_ms } else { 0 };
                let heard = paused.unwrap_or(self.heard_at);
                let heard = heard + Duration::from_millis(patience_ms);
                heard.min(told.due(&session.seat, limits, &self.shared.clock))
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
            && session.paused.is_some_and(|until| until <= now)
        {
            session.paused = None;
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
            Phase::Seated { told, session } => {
                let due = told.take(&session.seat, self.shared.clock.unix_ms());
                match due {
                    Some(Due::Close(close)) => self.close(close),
                    Some(Due::Tell(event)) => self.push(encode::json(&event)),
                    Some(Due::Regrant(act)) => {
                        if let Err(RegrantError::Refused(_) | RegrantError::RoleFull) =
                            session.seat.regrant(&act)
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
        let mut cx = Context::from_waker(&self.stirring);
        if pin!(unconstrained(self.timer.as_mut())).poll(&mut cx).is_pending() {
            self.settled = true;
            return Poll::Pending;
        }
        Poll::Ready(self.on_time(Instant::now()))
    }
}
