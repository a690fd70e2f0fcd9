//! What a token says, and its limits (`spec/token.md` §Claims, §Limits). Checks the claims against the limits, never
//! whether a role allows them.

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

/// What a token says (`spec/token.md` §Claims). Times are Unix seconds.
///
/// Not `#[non_exhaustive]`: `Claims { exp, ..claims }` is how one claim is changed, and reading and checking claims
/// must fail to compile when one is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// The app whose key signs the token.
    pub app: AppId,
    /// The room that the token opens, 1 to 128 bytes.
    pub room: String,
    /// The user id (`sub`), 1 to 64 bytes.
    #[serde(rename = "sub")]
    pub user: String,
    /// The role that the member has in the room, one of the app's.
    pub role: RoleName,
    /// Narrows the role's grants; `None` leaves them as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Narrowing>,
    /// When the token was issued.
    pub iat: u64,
    /// When the token begins to be good.
    pub nbf: u64,
    /// When the token ends. From this second on it is not good.
    pub exp: u64,
    /// The token's own id, 1 to 64 visible ASCII characters. Audit records and revocations name it.
    pub jti: String,
    /// The name that others in the room see, at most 128 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Anything else that others in the room see, at most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<String>,
    /// The app's revocation generation when the token was minted (`gen`). Older revocations do not hit the token.
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Whether the token logs in only once (`spec/wire.md` §Stolen tokens).
    #[serde(skip_serializing_if = "is_default")]
    pub once: bool,
    /// What the token's end does to a live seat.
    #[serde(skip_serializing_if = "is_default")]
    pub at_exp: AtExp,
    /// The longest stay in the room, in seconds, however often the token is renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stay: Option<u32>,
    /// When single privileges end before the token does.
    #[serde(skip_serializing_if = "Until::is_empty")]
    pub until: Until,
    /// The key that a client must prove to hold when it logs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The limits of a token, by name (`spec/token.md` §Limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole token, at most.
    pub token_bytes_max: usize,
    /// Bytes of `room`, at most.
    pub room_bytes_max: usize,
    /// Bytes of `sub`, at most.
    pub user_bytes_max: usize,
    /// Bytes of `name`, at most.
    pub name_bytes_max: usize,
    /// Bytes of `meta`, at most.
    pub meta_bytes_max: usize,
    /// Bytes of `jti`, at most.
    pub jti_bytes_max: usize,
    /// How far `iat` and `nbf` may lie in the future, in seconds, because clocks differ.
    pub leeway_s: u64,
    /// The longest life of a token, `exp` less `iat`, in seconds.
    pub ttl_s_max: u64,
    /// The longest `grace` of `at_exp`, in seconds.
    pub grace_s_max: u32,
}

impl Limits {
    /// The defaults of the specification.
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

/// A text for people: bounded, and without control characters.
fn is_text(text: &str, bytes_max: usize) -> bool {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    text.len() <= bytes_max && (plain || !text.chars().any(char::is_control))
}

/// Whether a text may be the name of a room or a user. `.` and `..` may not: the API could not name them in a path.
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
