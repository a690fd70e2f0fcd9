//! How the claims of a token are read (`spec/token.md` §Claims). Sees only claims whose signature is good,
//! and yields them only when everything in them is in order.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    app::AppId,
    claims::{Claims, Limits, check_max_stay, check_until},
    fault::{Fault, Why},
    field::Field,
    form::{has_a_name_twice, malformed_claim, malformed_claims, unknown_claim},
    refusal::Refusal,
};

/// Reads claims that a key of `app` has signed, and checks them at `now_s` within `limits`.
pub(crate) fn read(json: &[u8], app: AppId, now_s: u64, limits: &Limits) -> Result<Claims, Fault> {
    let text = std::str::from_utf8(json).map_err(|_| Refusal::ClaimsMalformed)?;
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_| malformed_claims(text))?;
    if raw.unknown && has_a_name_twice(text) {
        return Err(malformed_claims(text));
    }
    let Raw {
        app: Some(named),
        room: Some(room),
        sub: Some(user),
        role: Some(role),
        iat: Some(iat),
        nbf: Some(nbf),
        exp: Some(exp),
        jti: Some(jti),
        ..
    } = raw
    else {
        return Err(raw.missing());
    };
    if raw.unknown {
        return Err(unknown_claim(text));
    }
    if named != app {
        return Err(Refusal::AppMismatch.into());
    }
    limits.check_room(&room)?;
    limits.check_user(&user)?;
    let role = role.parse()?;
    limits.check_jti(&jti)?;
    limits.check_name(raw.name.as_deref())?;
    limits.check_meta(raw.meta.as_deref())?;
    let grants = parsed(raw.grants, Refusal::GrantsInvalid)?;
    let at_exp = parsed(raw.at_exp, Refusal::AtExpInvalid)?.unwrap_or_default();
    limits.check_at_exp(&at_exp)?;
    let max_stay = check_max_stay(raw.max_stay)?;
    let until = parsed(raw.until, Refusal::UntilInvalid)?.unwrap_or_default();
    check_until(&until, exp)?;
    let cnf = parsed(raw.cnf, Refusal::CnfInvalid)?;
    limits.check_times(iat, nbf, exp)?;
    limits.check_now(iat, nbf, exp, now_s)?;
    Ok(Claims {
        app,
        room: room.into_owned(),
        user: user.into_owned(),
        role,
        grants,
        iat,
        nbf,
        exp,
        jti: jti.into_owned(),
        name: raw.name.map(Cow::into_owned),
        meta: raw.meta.map(Cow::into_owned),
        generation: raw.generation,
        once: raw.once.unwrap_or_default(),
        at_exp,
        max_stay,
        until,
        cnf,
    })
}

/// What a claim with a form of its own says, or the refusal of its own.
fn parsed<T: DeserializeOwned>(
    value: Option<&RawValue>,
    refusal: Refusal,
) -> Result<Option<T>, Fault> {
    value
        .map(|value| {
            serde_json::from_str(value.get()).map_err(|_| malformed_claim(refusal, value.get()))
        })
        .transpose()
}

#[derive(Default)]
struct Raw<'a> {
    app: Option<AppId>,
    room: Option<Cow<'a, str>>,
    sub: Option<Cow<'a, str>>,
    role: Option<Cow<'a, str>>,
    grants: Option<&'a RawValue>,
    iat: Option<u64>,
    nbf: Option<u64>,
    exp: Option<u64>,
    jti: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    meta: Option<Cow<'a, str>>,
    generation: Option<u64>,
    once: Option<bool>,
    at_exp: Option<&'a RawValue>,
    max_stay: Option<u64>,
    until: Option<&'a RawValue>,
    cnf: Option<&'a RawValue>,
    iss: Option<Cow<'a, str>>,
    /// There is a claim that has no meaning here.
    unknown: bool,
}

impl Raw<'_> {
    /// The first required claim that is not there.
    #[cold]
    fn missing(&self) -> Fault {
        let Self { app, room, sub, role, iat, nbf, exp, jti, .. } = self;
        let name = [
            (app.is_none(), "app"),
            (room.is_none(), "room"),
            (sub.is_none(), "sub"),
            (role.is_none(), "role"),
            (iat.is_none(), "iat"),
            (nbf.is_none(), "nbf"),
            (exp.is_none(), "exp"),
            (jti.is_none(), "jti"),
        ]
        .into_iter()
        .find_map(|(missing, name)| missing.then_some(name));
        let field = name.map_or(Field::WHOLE, Field::of);
        Fault::new(Refusal::ClaimMissing, field, Why::Missing)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Claim {
    App,
    Room,
    Sub,
    Role,
    Grants,
    Iat,
    Nbf,
    Exp,
    Jti,
    Name,
    Meta,
    Gen,
    Once,
    AtExp,
    MaxStay,
    Until,
    Cnf,
    Iss,
    #[serde(other)]
    Unknown,
}

/// A borrowed text where the JSON has no escapes, an owned one where it has.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<Text<'a>> for Cow<'a, str> {
    fn from(text: Text<'a>) -> Self {
        text.0
    }
}

/// Takes the next value of an object into its place, once.
fn once<'de, A, W, T>(map: &mut A, place: &mut Option<T>) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    W: Deserialize<'de> + Into<T>,
{
    match place.replace(map.next_value::<W>()?.into()) {
        None => Ok(()),
        Some(_) => Err(A::Error::custom("a claim twice")),
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct RawVisitor;
        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                let mut raw = Raw::default();
                while let Some(field) = map.next_key()? {
                    match field {
                        Claim::App => once::<A, AppId, _>(&mut map, &mut raw.app),
                        Claim::Room => once::<A, Text<'de>, _>(&mut map, &mut raw.room),
                        Claim::Sub => once::<A, Text<'de>, _>(&mut map, &mut raw.sub),
                        Claim::Role => once::<A, Text<'de>, _>(&mut map, &mut raw.role),
                        Claim::Grants => once::<A, &RawValue, _>(&mut map, &mut raw.grants),
                        Claim::Iat => once::<A, u64, _>(&mut map, &mut raw.iat),
                        Claim::Nbf => once::<A, u64, _>(&mut map, &mut raw.nbf),
                        Claim::Exp => once::<A, u64, _>(&mut map, &mut raw.exp),
                        Claim::Jti => once::<A, Text<'de>, _>(&mut map, &mut raw.jti),
                        Claim::Name => once::<A, Text<'de>, _>(&mut map, &mut raw.name),
                        Claim::Meta => once::<A, Text<'de>, _>(&mut map, &mut raw.meta),
                        Claim::Gen => once::<A, u64, _>(&mut map, &mut raw.generation),
                        Claim::Once => once::<A, bool, _>(&mut map, &mut raw.once),
                        Claim::AtExp => once::<A, &RawValue, _>(&mut map, &mut raw.at_exp),
                        Claim::MaxStay => once::<A, u64, _>(&mut map, &mut raw.max_stay),
                        Claim::Until => once::<A, &RawValue, _>(&mut map, &mut raw.until),
                        Claim::Cnf => once::<A, &RawValue, _>(&mut map, &mut raw.cnf),
                        Claim::Iss => once::<A, Text<'de>, _>(&mut map, &mut raw.iss),
                        Claim::Unknown => {
                            raw.unknown = true;
                            map.next_value::<IgnoredAny>().map(drop)
                        }
                    }?;
                }
                Ok(raw)
            }
        }
        d.deserialize_map(RawVisitor)
    }
}
