//! What a user was given in a room beside its token, and what results of both: the effective grants. Pure:
//! the roles and the time are given (`spec/wire.md` §In the seat).

use std::sync::Arc;

use stagedoor_token::{
    AtExp, Fault, Grants, Kind, Kinds, Patterns, Presence, Publish, Refusal, RoleName, Roles,
    SendTo, Subscribe, Verbs, lapsed, narrow,
};

use crate::room::seat_token::Pass;

/// What a user was given. It outlives the seat, and the room by `standing_keep_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    given: Option<Given>,
    muted: Kinds,
    admitted: bool,
    /// The stays of tokens that bound them, the newest last.
    stays: Vec<Stay>,
}

/// The stay of a token that bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stay {
    jti: String,
    /// When it began, Unix milliseconds.
    since_ms: u64,
    /// When the token ends, Unix seconds: then nobody comes back with it.
    exp: u64,
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

    /// Kinds of streams that were taken away.
    pub(crate) fn muted(&self) -> Kinds {
        self.muted
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
        let known = self.stays.iter().find(|stay| *stay.jti == *pass.jti);
        if let Some(stay) = known {
            return stay.since_ms;
        }
        self.note_stay(pass, now_ms);
        now_ms
    }

    fn note_stay(&mut self, pass: &Pass, since_ms: u64) {
        self.stays.retain(|stay| *stay.jti != *pass.jti);
        self.stays.push(Stay { jti: pass.jti.to_string(), since_ms, exp: pass.exp });
        let surplus = self.stays.len().saturating_sub(STAYS_MAX);
        self.stays.drain(..surplus);
    }

    /// Forgets the stays of tokens whose life is over. Whether anything is left to keep.
    pub(crate) fn forget_past(&mut self, now_s: u64) -> bool {
        self.stays.retain(|stay| stay.exp > now_s);
        !self.is_blank()
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
    ) -> Result<Effective, Fault> {
        let grants = self.base(pass, roles, now_s)?;
        if grants.waits && !self.admitted {
            return Ok(Effective { grants: Arc::new(nothing(&grants)), waiting: true });
        }
        let mut grants = match &pass.until {
            until if until.is_empty() => grants,
            until => lapsed(&grants, until, now_s),
        };
        if self.muted != Kinds::default() {
            let kinds = filter(grants.publish.kinds, |kind| !self.muted.contains(kind));
            Arc::make_mut(&mut grants).publish.kinds = kinds;
        }
        Ok(Effective { grants, waiting: false })
    }

    fn base(&self, pass: &Pass, roles: &Roles, now_s: u64) -> Result<Arc<Grants>, Fault> {
        let template = |name: &RoleName| {
            roles.get(name).map(|role| role.grants().clone()).ok_or(Refusal::RoleUnknown.into())
        };
        if let Some(role) = &pass.demoted {
            return template(role);
        }
        match &pass.at_exp {
            AtExp::Demote(role) if now_s >= pass.exp => return template(role),
            _ => {}
        }
        let own = roles.get(&pass.role).ok_or(Refusal::RoleUnknown)?;
        let narrowed = narrow(own, pass.narrowing.as_ref())?;
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

#[cfg(test)]
mod tests {
    use stagedoor_token::{AppId, Claims};

    use super::*;

    fn pass(role: &str, jti: &str, iat: u64) -> Pass {
        let role = role.parse().expect("a role's name");
        let mut claims = Claims::new(AppId(1), "r", "u", role, jti, iat, 600);
        claims.max_stay = Some(60);
        Pass::of(&mut claims, "k".into())
    }

    fn role(standing: &Standing, pass: &Pass) -> String {
        let effective = standing.effective(pass, &Roles::built_in(), 0).expect("a seat");
        effective.grants.role.to_string()
    }

    #[test]
    fn a_given_role_stands_until_a_later_token_names_another() {
        let mut standing = Standing::default();
        let first = pass("audience", "a", 100);
        standing.give("speaker".parse().expect("a role's name"), &first, 200);
        for (next, given) in [
            (pass("audience", "b", 900), "speaker"),
            (pass("host", "c", 199), "speaker"),
            (pass("host", "d", 200), "host"),
            (first, "audience"),
        ] {
            standing.meet(&next);
            assert_eq!(role(&standing, &next), given);
        }
    }

    #[test]
    fn what_is_muted_is_taken_out_of_whatever_role_and_given_back() {
        let mut standing = Standing::default();
        let kinds = |standing: &Standing| {
            let effective = standing.effective(&pass("host", "a", 0), &Roles::built_in(), 0);
            effective.expect("a seat").grants.publish.kinds
        };
        standing.mute([Kind::Audio, Kind::Data].into_iter().collect());
        assert_eq!(kinds(&standing), [Kind::Video, Kind::Screen].into_iter().collect());
        standing.unmute([Kind::Audio].into_iter().collect());
        assert!(kinds(&standing).contains(Kind::Audio) && !kinds(&standing).contains(Kind::Data));
        standing.unmute(Kinds::all());
        assert!(standing.is_blank());
    }

    #[test]
    fn a_stay_begins_once_for_a_token_and_is_forgotten_with_its_life() {
        let mut standing = Standing::default();
        assert_eq!(standing.stay(&pass("host", "a", 0), 5), 5);
        assert_eq!(standing.stay(&pass("host", "b", 0), 6), 6);
        assert_eq!(standing.stay(&pass("host", "a", 0), 7), 5);
        assert!(standing.forget_past(599) && !standing.forget_past(600));
    }
}
