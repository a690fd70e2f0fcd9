//! What a token says, and the bounds of it (`spec/token.md` §Claims, §Limits). Checks what is said against
//! the bounds; never whether a role allows it.

use serde::Serialize;
use stagedoor_grants::RoleName;

use crate::{
    app::AppId,
    fault::{Fault, Why},
    field::Field,
    narrowing::Narrowing,
    refusal::Refusal,
    stay::{AtExp, Confirmation, Until},
};

/// What a token says. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The app.
    pub app: AppId,
    /// The room's name, 1 to 128 bytes.
    pub room: String,
    /// The user id, 1 to 64 bytes.
    #[serde(rename = "sub")]
    pub user: String,
    /// A role of the app.
    pub role: RoleName,
    /// Narrows the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Narrowing>,
    /// Issued at.
    pub iat: u64,
    /// Not before.
    pub nbf: u64,
    /// Until.
    pub exp: u64,
    /// The token's id, 1 to 64 visible ASCII characters.
    pub jti: String,
    /// Shown to others, at most 128 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Shown to others, at most 1024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// The app's revocation generation when it was minted.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Whether it logs in once.
    #[serde(skip_serializing_if = "is_default")]
    pub once: bool,
    /// What its end does to a live seat.
    #[serde(skip_serializing_if = "is_default")]
    pub at_exp: AtExp,
    /// The longest stay, in seconds, whatever `exp` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stay: Option<u32>,
    /// Privileges that end before the token.
    #[serde(skip_serializing_if = "Until::is_empty")]
    pub until: Until,
    /// The key that whoever logs in must prove to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Bounds of a token, by name (`spec/token.md` §Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole token.
    pub token_bytes_max: usize,
    /// `room`.
    pub room_bytes_max: usize,
    /// `sub`.
    pub user_bytes_max: usize,
    /// `name`.
    pub name_bytes_max: usize,
    /// `meta`.
    pub meta_bytes_max: usize,
    /// `jti`.
    pub jti_bytes_max: usize,
    /// How far clocks may be apart.
    pub leeway_s: u64,
    /// The longest life.
    pub ttl_s_max: u64,
    /// The longest `grace` of `at_exp`.
    pub grace_s_max: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        token_bytes_max: 4_096,
        room_bytes_max: 128,
        user_bytes_max: 64,
        name_bytes_max: 128,
        meta_bytes_max: 1_024,
        jti_bytes_max: 64,
        leeway_s: 10,
        ttl_s_max: 86_400,
        grace_s_max: 300,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Claims {
    /// Claims for `ttl_s` from `now_s` on, with nothing optional.
    pub fn new(
        app: AppId,
        room: &str,
        user: &str,
        role: RoleName,
        jti: &str,
        now_s: u64,
        ttl_s: u64,
    ) -> Self {
        Self {
            app,
            room: room.into(),
            user: user.into(),
            role,
            grants: None,
            iat: now_s,
            nbf: now_s,
            exp: now_s.saturating_add(ttl_s),
            jti: jti.into(),
            name: None,
            meta: None,
            generation: None,
            once: false,
            at_exp: AtExp::Close,
            max_stay: None,
            until: Until::default(),
            cnf: None,
        }
    }
}

/// A text for people: bounded, and without control characters.
fn is_text(text: &str, bytes_max: usize) -> bool {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    text.len() <= bytes_max && (plain || !text.chars().any(char::is_control))
}

/// The name of a room or a user. What is a segment of its own meaning in a URL is none: the API could not name it.
fn is_name(text: &str, bytes_max: usize) -> bool {
    !matches!(text, "" | "." | "..") && is_text(text, bytes_max)
}

fn must(good: bool, refusal: Refusal) -> Result<(), Refusal> {
    if good { Ok(()) } else { Err(refusal) }
}

/// The longest stay, if it is one.
pub(crate) fn check_max_stay(max_stay_s: Option<u64>) -> Result<Option<u32>, Refusal> {
    let Some(max_stay_s) = max_stay_s else { return Ok(None) };
    must(max_stay_s > 0, Refusal::MaxStayInvalid)?;
    u32::try_from(max_stay_s).map(Some).map_err(|_| Refusal::MaxStayInvalid)
}

pub(crate) fn check_until(until: &Until, exp: u64) -> Result<(), Fault> {
    match until.beyond(exp) {
        None => Ok(()),
        Some(name) => {
            let field = Field::of("until").member(name);
            Err(Fault::must(Refusal::UntilInvalid, field, "1 to `exp`, in seconds"))
        }
    }
}

impl Limits {
    /// Checks whatever claims say, the time of the day apart.
    pub(crate) fn check(&self, claims: &Claims) -> Result<(), Fault> {
        self.check_room(&claims.room)?;
        self.check_user(&claims.user)?;
        self.check_jti(&claims.jti)?;
        self.check_name(claims.name.as_deref())?;
        self.check_meta(claims.meta.as_deref())?;
        self.check_at_exp(&claims.at_exp)?;
        check_max_stay(claims.max_stay.map(u64::from))?;
        check_until(&claims.until, claims.exp)?;
        Ok(self.check_times(claims.iat, claims.nbf, claims.exp)?)
    }

    pub(crate) fn check_room(&self, room: &str) -> Result<(), Refusal> {
        must(is_name(room, self.room_bytes_max), Refusal::RoomInvalid)
    }

    pub(crate) fn check_user(&self, user: &str) -> Result<(), Refusal> {
        must(is_name(user, self.user_bytes_max), Refusal::UserInvalid)
    }

    pub(crate) fn check_jti(&self, jti: &str) -> Result<(), Refusal> {
        let visible = jti.bytes().all(|b| b.is_ascii_graphic());
        must(visible && (1..=self.jti_bytes_max).contains(&jti.len()), Refusal::JtiInvalid)
    }

    pub(crate) fn check_name(&self, name: Option<&str>) -> Result<(), Refusal> {
        must(name.is_none_or(|name| is_text(name, self.name_bytes_max)), Refusal::NameInvalid)
    }

    pub(crate) fn check_meta(&self, meta: Option<&str>) -> Result<(), Refusal> {
        must(meta.is_none_or(|meta| meta.len() <= self.meta_bytes_max), Refusal::MetaInvalid)
    }

    pub(crate) fn check_at_exp(&self, at_exp: &AtExp) -> Result<(), Fault> {
        match at_exp {
            AtExp::Grace { s } if !(1..=self.grace_s_max).contains(s) => {
                let field = Field::of("at_exp.grace");
                Err(Fault::must(Refusal::AtExpInvalid, field, "1 to `grace_s_max` seconds"))
            }
            _ => Ok(()),
        }
    }

    /// Checks the times against each other.
    pub(crate) fn check_times(&self, iat: u64, nbf: u64, exp: u64) -> Result<(), Refusal> {
        must(exp > iat && exp > nbf, Refusal::TimesInvalid)?;
        must(exp - iat <= self.ttl_s_max, Refusal::LifetimeTooLong)
    }

    /// Checks that the token's life has begun and is not over. Leeway is given to the beginning only: a
    /// token is never good at its `exp` or after, so that a seat never outlives it.
    pub(crate) fn check_now(&self, iat: u64, nbf: u64, exp: u64, now_s: u64) -> Result<(), Fault> {
        must(now_s < exp, Refusal::TokenExpired)?;
        let latest_s = now_s.saturating_add(self.leeway_s);
        if nbf <= latest_s && iat <= latest_s {
            return Ok(());
        }
        let field = Field::of(if nbf > latest_s { "nbf" } else { "iat" });
        Err(Fault::new(Refusal::TokenNotYetValid, field, Why::Plain))
    }
}
