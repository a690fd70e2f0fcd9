//! What of a token counts in the seat that it opened. Holds no token, and decides nothing.

use std::{ops::Deref, sync::Arc};

use stagedoor_bus::{Bearer, Then};
use stagedoor_token::{
    AppId, AtExp, Claims, Fault, Grants, Narrowing, Refusal, RoleName, Roles, Until, narrow,
};

/// Tokens by which a seat was renewed, at most; of more, the oldest are forgotten.
const FORMER_MAX: usize = 16;

/// What counts of a token. What most tokens do not say is behind one pointer, because every seat has one of these.
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
    /// Until, Unix seconds.
    pub(crate) exp: u64,
    /// The app's generation of revocations at the mint.
    pub(crate) generation: Option<u64>,
    rare: Option<Box<Rare>>,
}

/// Rare claims and what rarely happens to a token, boxed; a seat token dereferences to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rare {
    /// How the token narrows its role.
    pub(crate) narrowing: Option<Narrowing>,
    /// What its end does to the seat.
    pub(crate) at_exp: AtExp,
    /// The longest stay, in seconds.
    pub(crate) max_stay_s: Option<u32>,
    /// When single privileges end.
    pub(crate) until: Until,
    /// The role that is left to the seat since its token was revoked.
    pub(crate) demoted: Option<RoleName>,
    /// Until when the seat may bring another token because this one was revoked, Unix seconds, and what
    /// happens then.
    pub(crate) revoked: Option<(u64, Then)>,
    /// The tokens that it took the place of in this seat, with their ends.
    former: Vec<(Arc<str>, u64)>,
}

/// The rare claims of a token that makes none.
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
    /// What counts of these claims; takes what it keeps out of them.
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

    /// The same after the token was revoked: with the role that is left to the seat.
    pub(crate) fn demoted(&self, role: RoleName) -> Self {
        let rare = Rare { demoted: Some(role), revoked: None, ..Rare::clone(self) };
        self.clone().with(rare)
    }

    /// The same after the token was revoked: with a margin in which to bring another.
    pub(crate) fn revoked(&self, until_s: u64, then: Then) -> Self {
        let rare = Rare { revoked: Some((until_s, then)), ..Rare::clone(self) };
        self.clone().with(rare)
    }

    /// The same in the place of an older token of the seat.
    pub(crate) fn after(self, old: &Self, now_s: u64) -> Self {
        let alive = old.former.iter().filter(|(_, exp)| *exp > now_s);
        let last = (old.jti != self.jti).then(|| (old.jti.clone(), old.exp));
        let mut former: Vec<(Arc<str>, u64)> = alive.cloned().chain(last).collect();
        let surplus = former.len().saturating_sub(FORMER_MAX);
        former.drain(..surplus);
        // A renewal makes no stay longer.
        let max_stay_s = [self.max_stay_s, old.max_stay_s].into_iter().flatten().min();
        let rare = Rare { max_stay_s, former, ..Rare::clone(&self) };
        self.with(rare)
    }

    /// What the token alone opens among these roles: its role, narrowed.
    pub(crate) fn grants(&self, roles: &Roles) -> Result<Arc<Grants>, Fault> {
        let role = roles.get(&self.role).ok_or(Refusal::RoleUnknown)?;
        narrow(role, self.narrowing.as_ref())
    }

    /// Every token that this seat used and that may be alive.
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
