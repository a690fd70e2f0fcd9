//! How the claims of a token are read (`spec/token.md` §Claims). After `header`, before `claims`. Sees only
//! claims whose signature is good, and yields them only when everything in them is in order.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    app::AppId,
    claims::{Claims, Limits},
    refusal::Refusal,
};

/// Reads claims that a key of `app` has signed, and checks them at `now_s` within `limits`.
pub(crate) fn read(
    json: &[u8],
    app: AppId,
    now_s: u64,
    limits: &Limits,
) -> Result<Claims, Refusal> {
    let text = std::str::from_utf8(json).map_err(|_| Refusal::ClaimsMalformed)?;
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_| Refusal::ClaimsMalformed)?;
    if raw.unknown && has_a_name_twice(text) {
        return Err(Refusal::ClaimsMalformed);
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
        return Err(Refusal::ClaimMissing);
    };
    if raw.unknown {
        return Err(Refusal::ClaimUnknown);
    }
    if raw.once.is_some()
        || raw.max_stay.is_some()
        || raw.at_exp.is_some_and(|at_exp| !is_close(at_exp))
    {
        return Err(Refusal::ClaimUnsupported);
    }
    if named != app {
        return Err(Refusal::AppMismatch);
    }
    limits.check_room(&room)?;
    limits.check_user(&user)?;
    let role = role.parse()?;
    limits.check_jti(&jti)?;
    limits.check_name(raw.name.as_deref())?;
    limits.check_meta(raw.meta.as_deref())?;
    let grants = raw.grants.map(|grants| serde_json::from_str(grants.get())).transpose();
    let grants = grants.map_err(|_| Refusal::GrantsInvalid)?;
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
    })
}

/// Whether a value is the text `close`, however it is escaped.
fn is_close(value: &RawValue) -> bool {
    serde_json::from_str::<Cow<'_, str>>(value.get()).is_ok_and(|text| text == "close")
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
    iss: Option<Cow<'a, str>>,
    at_exp: Option<&'a RawValue>,
    once: Option<IgnoredAny>,
    max_stay: Option<IgnoredAny>,
    /// There is a claim that has no meaning here.
    unknown: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
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
    Iss,
    AtExp,
    Once,
    MaxStay,
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
                        Field::App => once::<A, AppId, _>(&mut map, &mut raw.app),
                        Field::Room => once::<A, Text<'de>, _>(&mut map, &mut raw.room),
                        Field::Sub => once::<A, Text<'de>, _>(&mut map, &mut raw.sub),
                        Field::Role => once::<A, Text<'de>, _>(&mut map, &mut raw.role),
                        Field::Grants => once::<A, &RawValue, _>(&mut map, &mut raw.grants),
                        Field::Iat => once::<A, u64, _>(&mut map, &mut raw.iat),
                        Field::Nbf => once::<A, u64, _>(&mut map, &mut raw.nbf),
                        Field::Exp => once::<A, u64, _>(&mut map, &mut raw.exp),
                        Field::Jti => once::<A, Text<'de>, _>(&mut map, &mut raw.jti),
                        Field::Name => once::<A, Text<'de>, _>(&mut map, &mut raw.name),
                        Field::Meta => once::<A, Text<'de>, _>(&mut map, &mut raw.meta),
                        Field::Iss => once::<A, Text<'de>, _>(&mut map, &mut raw.iss),
                        Field::AtExp => once::<A, &RawValue, _>(&mut map, &mut raw.at_exp),
                        Field::Once => once::<A, IgnoredAny, _>(&mut map, &mut raw.once),
                        Field::MaxStay => once::<A, IgnoredAny, _>(&mut map, &mut raw.max_stay),
                        Field::Unknown => {
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

/// Whether an object names something twice. Only for what is refused anyway, so it may take its time.
fn has_a_name_twice(json: &str) -> bool {
    struct Names;
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            d.deserialize_map(Self)
        }
    }
    impl<'de> Visitor<'de> for Names {
        type Value = Self;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
            let mut names = BTreeSet::new();
            while let Some((name, IgnoredAny)) = map.next_entry::<String, _>()? {
                if !names.insert(name) {
                    return Err(A::Error::custom("a name twice"));
                }
            }
            Ok(Self)
        }
    }
    serde_json::from_str::<Names>(json).is_err()
}
