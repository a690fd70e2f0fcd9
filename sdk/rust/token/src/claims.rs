//! What a token says, and how it is read strictly (`spec/token.md` §Claims). After `authorize`, before
//! `key`. Checks form and bounds; whether the signature is good was settled before.

use std::{borrow::Cow, collections::BTreeSet};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::{app::AppId, grants::Narrowing, refusal::Refusal, role::RoleName};

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
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    app: AppId,
    #[serde(borrow)]
    room: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    grants: Option<Narrowing>,
    iat: u64,
    nbf: u64,
    exp: u64,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "present")]
    name: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "present")]
    meta: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "present")]
    iss: Option<Cow<'a, str>>,
    #[serde(default, borrow, deserialize_with = "present")]
    at_exp: Option<Cow<'a, str>>,
    #[serde(default)]
    once: Option<IgnoredAny>,
    #[serde(default)]
    max_stay: Option<IgnoredAny>,
}

/// A field that is there has a value; `null` is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

const REQUIRED: [&str; 8] = ["app", "room", "sub", "role", "iat", "nbf", "exp", "jti"];
const OPTIONAL: [&str; 7] = ["grants", "name", "meta", "iss", "at_exp", "once", "max_stay"];

/// A text for people: bounded, and without control characters.
fn is_text(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && !text.chars().any(char::is_control)
}

fn is_visible_ascii(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

impl Claims {
    /// Claims for `ttl_s` from `now_s` on, without name, meta or narrowing.
    pub fn new(app: AppId, room: &str, user: &str, role: RoleName, jti: &str, now_s: u64, ttl_s: u64) -> Self {
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
        }
    }

    /// Reads the claims of a token whose signature is good.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Refusal> {
        let raw: Raw<'_> = serde_json::from_slice(json).map_err(|_| why_unreadable(json))?;
        if raw.once.is_some() || raw.max_stay.is_some() || raw.at_exp.is_some_and(|at_exp| at_exp != "close") {
            return Err(Refusal::ClaimUnsupported);
        }
        let _ = raw.iss;
        Ok(Self {
            app: raw.app,
            room: raw.room.into_owned(),
            user: raw.sub.into_owned(),
            role: raw.role.parse()?,
            grants: raw.grants,
            iat: raw.iat,
            nbf: raw.nbf,
            exp: raw.exp,
            jti: raw.jti.into_owned(),
            name: raw.name.map(Cow::into_owned),
            meta: raw.meta.map(Cow::into_owned),
        })
    }

    /// Whether everything is within its bounds, times against each other included.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        let bounded = |text: &str, bytes_max| !text.is_empty() && is_text(text, bytes_max);
        if !bounded(&self.room, limits.room_bytes_max) {
            return Err(Refusal::RoomInvalid);
        }
        if !bounded(&self.user, limits.user_bytes_max) {
            return Err(Refusal::UserInvalid);
        }
        if !bounded(&self.jti, limits.jti_bytes_max) || !is_visible_ascii(&self.jti) {
            return Err(Refusal::JtiInvalid);
        }
        if self.name.as_ref().is_some_and(|name| !is_text(name, limits.name_bytes_max)) {
            return Err(Refusal::NameInvalid);
        }
        if self.meta.as_ref().is_some_and(|meta| meta.len() > limits.meta_bytes_max) {
            return Err(Refusal::MetaInvalid);
        }
        if self.exp <= self.iat || self.exp <= self.nbf {
            return Err(Refusal::TimesInvalid);
        }
        if self.exp - self.iat > limits.ttl_s_max {
            return Err(Refusal::LifetimeTooLong);
        }
        Ok(())
    }

    /// Whether the token's life has begun and is not over. Leeway is given to the beginning only: a token
    /// is never good after its `exp`.
    pub(crate) fn check_now(&self, now_s: u64, limits: &Limits) -> Result<(), Refusal> {
        if now_s >= self.exp {
            return Err(Refusal::TokenExpired);
        }
        let latest = now_s.saturating_add(limits.leeway_s);
        if self.nbf > latest || self.iat > latest {
            return Err(Refusal::TokenNotYetValid);
        }
        Ok(())
    }
}

/// The names in an object, each once; an error if it is no object, or one comes twice.
struct Names<'a>(BTreeSet<Cow<'a, str>>);

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names<'de>, A::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'de, str>, _>()? {
                    if !names.insert(name) {
                        return Err(serde::de::Error::custom("twice"));
                    }
                }
                Ok(Names(names))
            }
        }
        d.deserialize_map(NamesVisitor)
    }
}

/// Finds the exact fault of claims that do not read. Only for the refused, so it may take its time.
fn why_unreadable(json: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct OnlyGrants {
        #[serde(default, rename = "grants")]
        _grants: Option<Narrowing>,
    }
    #[derive(Deserialize)]
    struct AnyGrants {
        #[serde(default, rename = "grants")]
        _grants: Option<IgnoredAny>,
    }
    let Ok(Names(names)) = serde_json::from_slice(json) else { return Refusal::ClaimsMalformed };
    if REQUIRED.iter().any(|name| !names.contains(*name)) {
        return Refusal::ClaimMissing;
    }
    if names.iter().any(|name| !REQUIRED.contains(&name.as_ref()) && !OPTIONAL.contains(&name.as_ref())) {
        return Refusal::ClaimUnknown;
    }
    let grants_at_fault =
        serde_json::from_slice::<OnlyGrants>(json).is_err() && serde_json::from_slice::<AnyGrants>(json).is_ok();
    if grants_at_fault { Refusal::GrantsInvalid } else { Refusal::ClaimsMalformed }
}
