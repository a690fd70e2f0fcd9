//! Puts claims together, claim by claim.

use stagedoor_grants::RoleName;

use crate::{
    app::AppId,
    claims::Claims,
    narrowing::Narrowing,
    stay::{AtExp, Confirmation, Until},
};

/// Puts [`Claims`] together; [`Claims::builder`] begins it. Nothing is checked here: [`mint`](crate::mint()) does.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClaimsBuilder(Claims);

impl Claims {
    /// Begins the claims of a token for one app and one role. [`mint`](crate::mint()) refuses claims that lack
    /// something, with the code of what is missing.
    ///
    /// ```
    /// use stagedoor_token::{AppId, Claims};
    ///
    /// let now_s = 1_700_000_000;
    /// let claims = Claims::builder(AppId(7), "host".parse()?)
    ///     .room("lobby")
    ///     .user("anna")
    ///     .jti("t-1")
    ///     .lifetime(now_s, 600)
    ///     .name("Anna Example")
    ///     .build();
    /// assert_eq!((claims.nbf, claims.exp), (now_s, now_s + 600));
    /// # Ok::<(), stagedoor_token::RoleNameError>(())
    /// ```
    pub fn builder(app: AppId, role: RoleName) -> ClaimsBuilder {
        ClaimsBuilder(Self {
            app,
            room: String::new(),
            user: String::new(),
            role,
            grants: None,
            iat: 0,
            nbf: 0,
            exp: 0,
            jti: String::new(),
            name: None,
            meta: None,
            generation: None,
            once: false,
            at_exp: AtExp::Close,
            max_stay: None,
            until: Until::default(),
            cnf: None,
        })
    }
}

impl ClaimsBuilder {
    /// The room that the token opens, 1 to 128 bytes. Required.
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.0.room = room.into();
        self
    }

    /// The user id, 1 to 64 bytes. Required.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.0.user = user.into();
        self
    }

    /// The token's own id, 1 to 64 visible ASCII characters, another one for each token. Required.
    pub fn jti(mut self, jti: impl Into<String>) -> Self {
        self.0.jti = jti.into();
        self
    }

    /// Issued at `now_s`, Unix seconds, and good from then on for `ttl_s` seconds, at most 86,400. Required.
    pub fn lifetime(mut self, now_s: u64, ttl_s: u64) -> Self {
        self.0.iat = now_s;
        self.0.nbf = now_s;
        self.0.exp = now_s.saturating_add(ttl_s);
        self
    }

    /// Narrows the role's grants.
    pub fn grants(mut self, grants: Narrowing) -> Self {
        self.0.grants = Some(grants);
        self
    }

    /// The name that others in the room see, at most 128 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// Anything else that others in the room see, at most 1,024 bytes.
    pub fn meta(mut self, meta: impl Into<String>) -> Self {
        self.0.meta = Some(meta.into());
        self
    }

    /// The token logs in only once.
    pub fn once(mut self) -> Self {
        self.0.once = true;
        self
    }

    /// What the token's end does to a live seat; unless set, it closes.
    pub fn at_exp(mut self, at_exp: AtExp) -> Self {
        self.0.at_exp = at_exp;
        self
    }

    /// The longest stay in the room, in seconds, at least 1.
    pub fn max_stay(mut self, seconds: u32) -> Self {
        self.0.max_stay = Some(seconds);
        self
    }

    /// When single privileges end before the token does.
    pub fn until(mut self, until: Until) -> Self {
        self.0.until = until;
        self
    }

    /// The key that a client must prove to hold when it logs in.
    pub fn cnf(mut self, cnf: Confirmation) -> Self {
        self.0.cnf = Some(cnf);
        self
    }

    /// The claims.
    #[must_use]
    pub fn build(self) -> Claims {
        self.0
    }
}
