//! The combined effect of all entries of one target. Pure.

use stagedoor_token::Limits;

use crate::revocation::{Bearer, Hit, Revocation};

/// How long a token that a revocation covers may be valid, and so the entry is kept, in seconds.
pub const REVOCATION_KEPT_S: u64 = Limits::DEFAULT.ttl_s_max + Limits::DEFAULT.leeway_s;

/// The kind of target that is a token id.
pub(super) const JTI: usize = 0;

/// No end of a ban.
const FOR_GOOD: u32 = u32::MAX;

/// The combined effect of all entries of one target. Seconds in 32 bits last until 2106.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// The highest generation that an entry began.
    pub(super) generation: u64,
    /// The newest revocation that is not a ban; 0: none.
    pub(super) at_s: u32,
    /// The latest end of a ban; 0: none.
    pub(super) ban_ends_s: u32,
}

fn seconds(s: u64) -> u32 {
    u32::try_from(s).unwrap_or(u32::MAX)
}

impl Mark {
    pub(super) fn add(&mut self, entry: &Revocation) {
        if entry.ban {
            let ends_s = entry.ends_s.map_or(FOR_GOOD, seconds);
            self.ban_ends_s = self.ban_ends_s.max(ends_s);
        } else {
            self.generation = self.generation.max(entry.generation);
            self.at_s = self.at_s.max(seconds(entry.at_s).max(1));
        }
    }

    fn bans(&self, now_s: u64) -> bool {
        self.ban_ends_s == FOR_GOOD || u64::from(self.ban_ends_s) > now_s
    }

    pub(super) fn hit(&self, kind: usize, bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
        if self.bans(now_s) {
            let until = self.ban_ends_s != FOR_GOOD;
            return Some(Hit { ban: true, ends_s: until.then_some(self.ban_ends_s.into()) });
        }
        let before = match bearer.generation {
            Some(generation) => generation < self.generation,
            None => bearer.iat <= u64::from(self.at_s),
        };
        (self.at_s > 0 && (kind == JTI || before)).then_some(Hit { ban: false, ends_s: None })
    }

    /// Drops what has expired. Returns whether anything is left.
    pub(super) fn live(&mut self, now_s: u64) -> bool {
        if !self.bans(now_s) {
            self.ban_ends_s = 0;
        }
        if u64::from(self.at_s) + REVOCATION_KEPT_S <= now_s {
            (self.at_s, self.generation) = (0, 0);
        }
        self.ban_ends_s > 0 || self.at_s > 0
    }
}

/// The more severe of two: a ban, and of two bans the longer one.
pub(super) fn worse(one: Hit, other: Hit) -> Hit {
    let rank = |hit: Hit| (hit.ban, hit.ends_s.is_none(), hit.ends_s);
    if rank(one) >= rank(other) { one } else { other }
}
