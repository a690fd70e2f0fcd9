//! What moderators and the app gave a user beside its token, and the resulting effective grants. Pure: the roles and
//! the time are arguments (`spec/wire.md` §In the seat).

use std::{collections::HashMap, sync::Arc};

use stagedoor_token::{
    AtExp, Fault, Grants, Kind, Kinds, Patterns, Presence, Publish, Refusal, RoleName, Roles,
    SendTo, Subscribe, Verbs, lapsed,
};

use super::seat_token::SeatToken;

/// A user's overrides. They outlive the seat, and the room by `standing_keep_ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    given: Option<Given>,
    muted: Kinds,
    admitted: bool,
    /// The limited stays of the user's tokens, the newest last.
    stays: Vec<Stay>,
}

/// A limited stay of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stay {
    jti: String,
    /// When it began, Unix milliseconds.
    since_ms: u64,
    /// When the token expires, Unix seconds: nobody returns with it after that.
    exp: u64,
}

/// Stays remembered per user at most; beyond this the oldest are forgotten.
const STAYS_MAX: usize = 16;

/// A role set by a moderator or the app's backend.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    role: RoleName,
    /// The role that the user's token named at that time.
    over: RoleName,
    at_s: u64,
}

/// What a user may do.
#[derive(Clone, Debug)]
pub(crate) struct Effective {
    pub(crate) grants: Arc<Grants>,
    /// Whether it waits for admission, and therefore may do nothing.
    pub(crate) waiting: bool,
}

impl Overrides {
    /// Whether there is nothing to keep.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Sets a role, which overrides the token's.
    pub(crate) fn give(&mut self, role: RoleName, token: &SeatToken, now_s: u64) {
        self.given = Some(Given { role, over: token.role.clone(), at_s: now_s });
    }

    /// Mutes kinds of streams.
    pub(crate) fn mute(&mut self, kinds: Kinds) {
        self.muted = filter(Kinds::all(), |kind| self.muted.contains(kind) || kinds.contains(kind));
    }

    /// Unmutes kinds of streams.
    pub(crate) fn unmute(&mut self, kinds: Kinds) {
        self.muted = filter(self.muted, |kind| !kinds.contains(kind));
    }

    /// The muted kinds of streams.
    pub(crate) fn muted(&self) -> Kinds {
        self.muted
    }

    /// Ends the wait for admission.
    pub(crate) fn admit(&mut self) {
        self.admitted = true;
    }

    /// Considers the user's token: one that the backend issued with a new decision ends a set role.
    pub(crate) fn meet(&mut self, token: &SeatToken) {
        if self
            .given
            .as_ref()
            .is_some_and(|given| given.over != token.role && token.iat >= given.at_s)
        {
            self.given = None;
        }
    }

    /// When the stay of a token began: now, unless it was here before. Only tokens that limit it are remembered.
    pub(crate) fn stay(&mut self, token: &SeatToken, now_ms: u64) -> u64 {
        if token.max_stay_s.is_none() {
            return now_ms;
        }
        let known = self.stays.iter().find(|stay| *stay.jti == *token.jti);
        if let Some(stay) = known {
            return stay.since_ms;
        }
        self.note_stay(token, now_ms);
        now_ms
    }

    fn note_stay(&mut self, token: &SeatToken, since_ms: u64) {
        self.stays.retain(|stay| *stay.jti != *token.jti);
        self.stays.push(Stay { jti: token.jti.to_string(), since_ms, exp: token.exp });
        let surplus = self.stays.len().saturating_sub(STAYS_MAX);
        self.stays.drain(..surplus);
    }

    /// Forgets the stays of expired tokens. Returns whether anything is left to keep.
    pub(crate) fn forget_past(&mut self, now_s: u64) -> bool {
        self.stays.retain(|stay| stay.exp > now_s);
        !self.is_blank()
    }

    /// The stay continues with another token.
    pub(crate) fn stay_on(&mut self, token: &SeatToken, since_ms: u64) {
        if token.max_stay_s.is_some() {
            self.note_stay(token, since_ms);
        }
    }

    /// What the user may do at `now_s` with this token and these roles. A refusal means that the token no longer opens
    /// a seat here.
    pub(crate) fn effective(
        &self,
        token: &SeatToken,
        roles: &Roles,
        now_s: u64,
    ) -> Result<Effective, Fault> {
        self.effective_with(token, || token.grants(roles), roles, now_s)
    }

    /// The same, for a caller that has already computed the token's own grants.
    pub(crate) fn effective_with(
        &self,
        token: &SeatToken,
        own: impl FnOnce() -> Result<Arc<Grants>, Fault>,
        roles: &Roles,
        now_s: u64,
    ) -> Result<Effective, Fault> {
        let grants = self.base(token, own, roles, now_s)?;
        if grants.waits && !self.admitted {
            return Ok(Effective { grants: Arc::new(nothing(&grants)), waiting: true });
        }
        let mut grants = match &token.until {
            until if until.is_empty() => grants,
            until => lapsed(&grants, until, now_s),
        };
        if self.muted != Kinds::default() {
            let kinds = filter(grants.publish.kinds, |kind| !self.muted.contains(kind));
            Arc::make_mut(&mut grants).publish.kinds = kinds;
        }
        Ok(Effective { grants, waiting: false })
    }

    fn base(
        &self,
        token: &SeatToken,
        own: impl FnOnce() -> Result<Arc<Grants>, Fault>,
        roles: &Roles,
        now_s: u64,
    ) -> Result<Arc<Grants>, Fault> {
        let template = |name: &RoleName| {
            roles.get(name).map(|role| role.grants().clone()).ok_or(Refusal::RoleUnknown.into())
        };
        if let Some(role) = &token.demoted {
            return template(role);
        }
        match &token.at_exp {
            AtExp::Demote(role) if now_s >= token.exp => return template(role),
            _ => {}
        }
        let own = own()?;
        // A set role that the app no longer has is ignored.
        let given = self.given.as_ref().and_then(|given| roles.get(&given.role));
        Ok(given.map_or(own, |role| role.grants().clone()))
    }
}

/// Empty overrides are pruned from this many users on.
const PRUNED_FROM: usize = 1_024;

/// The overrides of a room's users.
#[derive(Debug, Default)]
pub(crate) struct OverridesByUser {
    by_user: HashMap<String, Overrides>,
    /// The number at which they are next pruned.
    prune_at: usize,
}

impl OverridesByUser {
    /// A user's overrides, if there are any.
    pub(crate) fn get(&self, user: &str) -> Option<&Overrides> {
        self.by_user.get(user)
    }

    /// Saves a user's overrides, if there are any. `settled_s` is the settled time, Unix seconds.
    pub(crate) fn note(
        &mut self,
        user: &str,
        overrides: Overrides,
        settled_s: impl FnOnce() -> u64,
    ) {
        if overrides.is_blank() {
            self.by_user.remove(user);
        } else if self.by_user.get(user) != Some(&overrides) {
            if self.by_user.len() >= self.prune_at.max(PRUNED_FROM) {
                let settled_s = settled_s();
                self.by_user.retain(|_, overrides| overrides.forget_past(settled_s));
                self.prune_at = 2 * self.by_user.len();
            }
            self.by_user.insert(user.into(), overrides);
        }
    }

    /// How many users have overrides.
    pub(crate) fn len(&self) -> usize {
        self.by_user.len()
    }
}

impl FromIterator<(String, Overrides)> for OverridesByUser {
    fn from_iter<T: IntoIterator<Item = (String, Overrides)>>(all: T) -> Self {
        Self { by_user: all.into_iter().collect(), prune_at: 0 }
    }
}

fn filter(kinds: Kinds, keep: impl Fn(Kind) -> bool) -> Kinds {
    Kind::ALL.iter().copied().filter(|kind| kinds.contains(*kind) && keep(*kind)).collect()
}

/// Only the role's name and rank.
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

    fn token(role: &str, jti: &str, iat: u64) -> SeatToken {
        let role = role.parse().expect("a role's name");
        let mut claims =
            Claims::builder(AppId(1), role).room("r").user("u").jti(jti).lifetime(iat, 600).build();
        claims.max_stay = Some(60);
        SeatToken::of(&mut claims, "k".into())
    }

    fn role(overrides: &Overrides, token: &SeatToken) -> String {
        let effective = overrides.effective(token, &Roles::built_in(), 0).expect("a seat");
        effective.grants.role.to_string()
    }

    #[test]
    fn a_set_role_lasts_until_a_later_token_names_another() {
        let mut overrides = Overrides::default();
        let first = token("audience", "a", 100);
        overrides.give("speaker".parse().expect("a role's name"), &first, 200);
        for (next, given) in [
            (token("audience", "b", 900), "speaker"),
            (token("host", "c", 199), "speaker"),
            (token("host", "d", 200), "host"),
            (first, "audience"),
        ] {
            overrides.meet(&next);
            assert_eq!(role(&overrides, &next), given);
        }
    }

    #[test]
    fn muting_applies_to_any_role_and_is_reversible() {
        let mut overrides = Overrides::default();
        let kinds = |overrides: &Overrides| {
            let effective = overrides.effective(&token("host", "a", 0), &Roles::built_in(), 0);
            effective.expect("a seat").grants.publish.kinds
        };
        overrides.mute([Kind::Audio, Kind::Data].into_iter().collect());
        assert_eq!(kinds(&overrides), [Kind::Video, Kind::Screen].into_iter().collect());
        overrides.unmute([Kind::Audio].into_iter().collect());
        assert!(kinds(&overrides).contains(Kind::Audio) && !kinds(&overrides).contains(Kind::Data));
        overrides.unmute(Kinds::all());
        assert!(overrides.is_blank());
    }

    #[test]
    fn a_stay_begins_once_and_is_forgotten_when_its_token_expires() {
        let mut overrides = Overrides::default();
        assert_eq!(overrides.stay(&token("host", "a", 0), 5), 5);
        assert_eq!(overrides.stay(&token("host", "b", 0), 6), 6);
        assert_eq!(overrides.stay(&token("host", "a", 0), 7), 5);
        assert!(overrides.forget_past(599) && !overrides.forget_past(600));
    }
}
