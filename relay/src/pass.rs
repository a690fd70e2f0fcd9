//! What of a token counts in the seat that it opened. After `standing`, before `stream`. Holds no token, and
//! decides nothing.

use stagedoor_bus::{Bearer, Then};
use stagedoor_token::{AppId, AtExp, Claims, Narrowing, RoleName, Until};

/// Tokens by which a seat was renewed, at most; of more, the oldest are forgotten.
const FORMER_MAX: usize = 16;

/// What counts of a token.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The token's id.
    pub(crate) jti: String,
    /// The key that signed it.
    pub(crate) kid: String,
    /// The role that it names.
    pub(crate) role: RoleName,
    /// How it narrows that role.
    pub(crate) narrowing: Option<Box<Narrowing>>,
    /// Issued at, Unix seconds.
    pub(crate) iat: u64,
    /// Until, Unix seconds.
    pub(crate) exp: u64,
    /// The app's generation of revocations at the mint.
    pub(crate) generation: Option<u64>,
    /// What its end does to the seat.
    pub(crate) at_exp: AtExp,
    /// The longest stay, in seconds.
    pub(crate) max_stay_s: Option<u32>,
    /// When single privileges end; none: never before the token.
    pub(crate) until: Option<Box<Until>>,
    /// The role that is left to the seat since its token was revoked.
    pub(crate) demoted: Option<RoleName>,
    /// Until when the seat may bring another token because this one was revoked, Unix seconds, and what
    /// happens then.
    pub(crate) revoked: Option<(u64, Then)>,
    /// The tokens that it took the place of in this seat, with their ends.
    former: Vec<(String, u64)>,
}

impl Pass {
    /// What counts of these claims; takes what it keeps out of them.
    pub(crate) fn of(claims: &mut Claims, kid: &str) -> Self {
        let until = std::mem::take(&mut claims.until);
        Self {
            jti: std::mem::take(&mut claims.jti),
            kid: kid.into(),
            role: claims.role.clone(),
            narrowing: claims.grants.take().map(Box::new),
            iat: claims.iat,
            exp: claims.exp,
            generation: claims.generation,
            at_exp: std::mem::take(&mut claims.at_exp),
            max_stay_s: claims.max_stay,
            until: (until != Until::default()).then(|| Box::new(until)),
            demoted: None,
            revoked: None,
            former: Vec::new(),
        }
    }

    /// This pass after its token was revoked: with the role that is left to the seat.
    pub(crate) fn demoted(&self, role: RoleName) -> Self {
        Self { demoted: Some(role), revoked: None, ..self.clone() }
    }

    /// This pass after its token was revoked: with a margin in which to bring another.
    pub(crate) fn revoked(&self, until_s: u64, then: Then) -> Self {
        Self { revoked: Some((until_s, then)), ..self.clone() }
    }

    /// This pass in the place of an older one of the same seat.
    pub(crate) fn after(mut self, old: &Self, now_s: u64) -> Self {
        let alive = old.former.iter().filter(|(_, exp)| *exp > now_s);
        let last = (old.jti != self.jti).then(|| (old.jti.clone(), old.exp));
        self.former = alive.cloned().chain(last).collect();
        let surplus = self.former.len().saturating_sub(FORMER_MAX);
        self.former.drain(..surplus);
        // A renewal makes no stay longer.
        self.max_stay_s = [self.max_stay_s, old.max_stay_s].into_iter().flatten().min();
        self
    }

    /// Every token that this seat used and that may be alive.
    pub(crate) fn jtis(&self) -> impl Iterator<Item = &str> {
        self.former.iter().map(|(jti, _)| jti.as_str()).chain([self.jti.as_str()])
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
