//! The parts of a token that count in its seat. Holds no token, and decides nothing.

use std::{ops::Deref, sync::Arc};

use stagedoor_bus::{Bearer, Then};
use stagedoor_token::{
    AppId, AtExp, Claims, Fault, Grants, Narrowing, Refusal, RoleName, Roles, Until, narrow,
};

/// Tokens remembered per seat that was renewed; beyond this the oldest are forgotten.
const FORMER_MAX: usize = 16;

/// The parts that count. Rare ones are behind one pointer, because every seat has one of these.
#[derive(Clone, Debug)]
pub(crate) struct SeatToken {
    /// The token's id.
    pub(crate) jti: Arc<str>,
    /// The key that signed it.
    pub(crate) kid: Arc<str>,
    /// The role that it names.
    pub(crate) role: RoleName,
    /// Issued at, Unix seconds.
    pub(crate) iat: u64,
    /// Expiry, Unix seconds.
    pub(crate) exp: u64,
    /// The app's generation of revocations when it was minted.
    pub(crate) generation: Option<u64>,
    rare: Option<Box<Rare>>,
}

/// Rare claims and rare events of a token, boxed; a seat token dereferences to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rare {
    /// The token's restriction of its role.
    pub(crate) narrowing: Option<Narrowing>,
    /// What its expiry does to the seat.
    pub(crate) at_exp: AtExp,
    /// The longest stay, in seconds.
    pub(crate) max_stay_s: Option<u32>,
    /// When single privileges end.
    pub(crate) until: Until,
    /// The role with which the seat continues after the token was revoked.
    pub(crate) demoted: Option<RoleName>,
    /// Until when the seat may present another token because this one was revoked, Unix seconds, and what happens then.
    pub(crate) revoked: Option<(u64, Then)>,
    /// The earlier tokens of this seat, with their expiry.
    former: Vec<(Arc<str>, u64)>,
}

/// The default of the rare claims.
static USUAL: Rare = Rare {
    narrowing: None,
    at_exp: AtExp::Close,
    max_stay_s: None,
    until: Until { publish: None, subscribe: None, send: None, set: None, moderate: None },
    demoted: None,
    revoked: None,
    former: Vec::new(),
};

impl Deref for SeatToken {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&USUAL)
    }
}

impl SeatToken {
    /// The parts of these claims that count; moves them out of the claims.
    pub(crate) fn of(claims: &mut Claims, kid: Arc<str>) -> Self {
        let rare = Rare {
            narrowing: claims.grants.take(),
            at_exp: std::mem::take(&mut claims.at_exp),
            max_stay_s: claims.max_stay,
            until: std::mem::take(&mut claims.until),
            ..USUAL.clone()
        };
        Self {
            jti: std::mem::take(&mut claims.jti).into(),
            kid,
            role: claims.role.clone(),
            iat: claims.iat,
            exp: claims.exp,
            generation: claims.generation,
            rare: None,
        }
        .with(rare)
    }

    fn with(self, rare: Rare) -> Self {
        Self { rare: (rare != USUAL).then(|| Box::new(rare)), ..self }
    }

    /// The same after a revocation, with the role with which the seat continues.
    pub(crate) fn demoted(&self, role: RoleName) -> Self {
        let rare = Rare { demoted: Some(role), revoked: None, ..Rare::clone(self) };
        self.clone().with(rare)
    }

    /// The same after a revocation, with a margin in which to present another token.
    pub(crate) fn revoked(&self, until_s: u64, then: Then) -> Self {
        let rare = Rare { revoked: Some((until_s, then)), ..Rare::clone(self) };
        self.clone().with(rare)
    }

    /// The same as the successor of an older token of the seat.
    pub(crate) fn after(self, old: &Self, now_s: u64) -> Self {
        let alive = old.former.iter().filter(|(_, exp)| *exp > now_s);
        let last = (old.jti != self.jti).then(|| (old.jti.clone(), old.exp));
        let mut former: Vec<(Arc<str>, u64)> = alive.cloned().chain(last).collect();
        let surplus = former.len().saturating_sub(FORMER_MAX);
        former.drain(..surplus);
        // A renewal does not extend a stay.
        let max_stay_s = [self.max_stay_s, old.max_stay_s].into_iter().flatten().min();
        let rare = Rare { max_stay_s, former, ..Rare::clone(&self) };
        self.with(rare)
    }

    /// The token's own grants with these roles: its role, restricted.
    pub(crate) fn grants(&self, roles: &Roles) -> Result<Arc<Grants>, Fault> {
        let role = roles.get(&self.role).ok_or(Refusal::RoleUnknown)?;
        narrow(role, self.narrowing.as_ref())
    }

    /// Every token that this seat used and that may still be valid.
    pub(crate) fn jtis(&self) -> impl Iterator<Item = &str> {
        self.former.iter().map(|(jti, _)| &**jti).chain([&*self.jti])
    }

    /// What a revocation is looked up by.
    pub(crate) fn bearer<'a>(&'a self, app: AppId, room: &'a str, user: &'a str) -> Bearer<'a> {
        Bearer {
            app,
            room,
            user,
            role: &self.role,
            kid: &self.kid,
            jti: &self.jti,
            iat: self.iat,
            generation: self.generation,
        }
    }
}
