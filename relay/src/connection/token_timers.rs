//! What a token's times require of a seat: notices, privileges that end, the token's end, and the end of the stay.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use stagedoor_bus::{Clock, Then};
use stagedoor_token::AtExp;
use stagedoor_wire::{close::Close, event::Event, limits::Limits};

use crate::room::{GrantChange, Occupant, SeatToken};

/// No timer is set further ahead.
const A_DAY_MS: u64 = 86_400_000;

/// Timer state of the seat's token. Times are wall-clock, Unix milliseconds.
pub(super) struct TokenTimers {
    /// The token.
    token: Arc<SeatToken>,
    /// When its end is announced; never again after that.
    notice_ms: u64,
    /// When privileges that end early were last checked.
    looked_ms: u64,
    /// Whether handling of its end, or of its revocation, has begun.
    ended: bool,
    revoked: bool,
    /// When the next thing is due, and how often the wall clock had jumped when this was computed; `None`: to be
    /// computed again.
    due: Option<(Instant, u64)>,
}

/// What is due for the seat.
pub(super) enum Due {
    Close(Close),
    Emit(Event<Box<RawValue>>),
    Change(GrantChange),
}

fn ms(unix_s: u64) -> u64 {
    unix_s.saturating_mul(1_000)
}

impl TokenTimers {
    /// Nothing was announced or done yet.
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

    /// Switches to another token. If it is the same token, now revoked, what its end did is not done again.
    fn meet(&mut self, token: &Arc<SeatToken>, limits: &Limits, now_ms: u64) {
        let before = std::mem::replace(self, Self::of(token, limits, now_ms));
        if before.token.jti == token.jti && before.token.exp == token.exp {
            self.notice_ms = before.notice_ms;
            self.looked_ms = before.looked_ms;
            self.ended = before.ended;
        }
    }

    /// When the next thing is due. Cached, because every turn asks.
    pub(super) fn due(&mut self, me: &Occupant, limits: &Limits, clock: &Clock) -> Instant {
        let moves = clock.moves();
        let same = Arc::ptr_eq(&self.token, &me.token);
        if let Some((due, computed)) = self.due
            && same
            && computed == moves
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

    /// What is due at `now_ms`, one thing at a time, the most severe first.
    pub(super) fn take(&mut self, me: &Occupant, now_ms: u64) -> Option<Due> {
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
