//! What a user was given in a room beside its token, and what results of both: the effective grants. After
//! `room`, before `pass`. Pure: the roles and the time are given (`spec/wire.md` §In the seat).

use std::sync::Arc;

use stagedoor_token::{
    AtExp, Grants, Kind, Kinds, Patterns, Presence, Publish, Refusal, RoleName, Roles, SendTo,
    Subscribe, Verbs, lapsed, narrow,
};

use crate::pass::Pass;

/// What a user was given. It outlives the seat, and the room by `standing_keep_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    given: Option<Given>,
    muted: Kinds,
    admitted: bool,
    /// The stays of tokens that bound them, the newest last: the token's id, and when it began, Unix
    /// milliseconds.
    stays: Vec<(String, u64)>,
}

/// Stays that are known of a user, at most; of more, the oldest are forgotten.
const STAYS_MAX: usize = 16;

/// A role that a moderator or the app's backend gave.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    role: RoleName,
    /// The role that the user's token named then.
    over: RoleName,
    at_s: u64,
}

/// What a user may do now.
#[derive(Clone, Debug)]
pub(crate) struct Effective {
    pub(crate) grants: Arc<Grants>,
    /// Whether it waits for admission, and for that reason may do nothing.
    pub(crate) waiting: bool,
}

impl Standing {
    /// Whether there is nothing to keep.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Gives a role, over the one that the token names.
    pub(crate) fn give(&mut self, role: RoleName, pass: &Pass, now_s: u64) {
        self.given = Some(Given { role, over: pass.role.clone(), at_s: now_s });
    }

    /// Takes kinds of streams away.
    pub(crate) fn mute(&mut self, kinds: Kinds) {
        self.muted = filter(Kinds::all(), |kind| self.muted.contains(kind) || kinds.contains(kind));
    }

    /// Gives kinds of streams back.
    pub(crate) fn unmute(&mut self, kinds: Kinds) {
        self.muted = filter(self.muted, |kind| !kinds.contains(kind));
    }

    /// Ends the wait for admission.
    pub(crate) fn admit(&mut self) {
        self.admitted = true;
    }

    /// Takes notice of the user's token: one by which the backend decided anew ends a given role.
    pub(crate) fn meet(&mut self, pass: &Pass) {
        if self
            .given
            .as_ref()
            .is_some_and(|given| given.over != pass.role && pass.iat >= given.at_s)
        {
            self.given = None;
        }
    }

    /// When the stay of a token began: now, unless it was here before. Tokens that do not bound it are not
    /// noted.
    pub(crate) fn stay(&mut self, pass: &Pass, now_ms: u64) -> u64 {
        if pass.max_stay_s.is_none() {
            return now_ms;
        }
        let known = self.stays.iter().find(|(jti, _)| *jti == pass.jti);
        if let Some((_, since_ms)) = known {
            return *since_ms;
        }
        self.note_stay(pass, now_ms);
        now_ms
    }

    fn note_stay(&mut self, pass: &Pass, since_ms: u64) {
        self.stays.retain(|(jti, _)| *jti != pass.jti);
        self.stays.push((pass.jti.clone(), since_ms));
        let surplus = self.stays.len().saturating_sub(STAYS_MAX);
        self.stays.drain(..surplus);
    }

    /// The stay goes on with another token.
    pub(crate) fn stay_on(&mut self, pass: &Pass, since_ms: u64) {
        if pass.max_stay_s.is_some() {
            self.note_stay(pass, since_ms);
        }
    }

    /// What the user may do at `now_s` with this token among these roles. A refusal means that the token
    /// opens no seat here any more.
    pub(crate) fn effective(
        &self,
        pass: &Pass,
        roles: &Roles,
        now_s: u64,
    ) -> Result<Effective, Refusal> {
        let grants = self.base(pass, roles, now_s)?;
        if grants.waits && !self.admitted {
            return Ok(Effective { grants: Arc::new(nothing(&grants)), waiting: true });
        }
        let mut grants = match &pass.until {
            Some(until) => lapsed(&grants, until, now_s),
            None => grants,
        };
        if self.muted != Kinds::default() {
            let kinds = filter(grants.publish.kinds, |kind| !self.muted.contains(kind));
            Arc::make_mut(&mut grants).publish.kinds = kinds;
        }
        Ok(Effective { grants, waiting: false })
    }

    fn base(&self, pass: &Pass, roles: &Roles, now_s: u64) -> Result<Arc<Grants>, Refusal> {
        let template = |name: &RoleName| {
            roles.get(name).map(|role| role.grants().clone()).ok_or(Refusal::RoleUnknown)
        };
        if let Some(role) = &pass.demoted {
            return template(role);
        }
        match &pass.at_exp {
            AtExp::Demote(role) if now_s >= pass.exp => return template(role),
            _ => {}
        }
        let own = roles.get(&pass.role).ok_or(Refusal::RoleUnknown)?;
        let narrowed = narrow(own, pass.narrowing.as_deref())?;
        // A given role that the app no longer has is as if it had not been given.
        let given = self.given.as_ref().and_then(|given| roles.get(&given.role));
        Ok(given.map_or(narrowed, |role| role.grants().clone()))
    }
}

fn filter(kinds: Kinds, keep: impl Fn(Kind) -> bool) -> Kinds {
    Kind::ALL.iter().copied().filter(|kind| kinds.contains(*kind) && keep(*kind)).collect()
}

/// The role's name and rank, and nothing else.
fn nothing(grants: &Grants) -> Grants {
    Grants {
        publish: Publish::default(),
        subscribe: Subscribe::default(),
        send: SendTo::default(),
        set: Patterns::default(),
        moderate: Verbs::default(),
        presence: Presence::default(),
        ask: Patterns::default(),
        invite: Patterns::default(),
        ..grants.clone()
    }
}
