//! What a token's header says (`spec/token.md` §Header). Only for headers that are not, byte for byte, the
//! one that a known key writes; it never chooses an algorithm.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use crate::{algorithm::Algorithm, base64url, refusal::Refusal};

/// The `kid` and the algorithm of a header that is of the form. The header's base64url is checked here, not by the caller.
pub(crate) fn parts_of(part: &str) -> Result<(String, Algorithm), Refusal> {
    let json = base64url::decode(part).ok_or(Refusal::TokenMalformed)?;
    let text = std::str::from_utf8(&json).map_err(|_| Refusal::HeaderInvalid)?;
    let header: Header<'_> = serde_json::from_str(text).map_err(|_| Refusal::HeaderInvalid)?;
    let Header { alg: Some(alg), typ, kid: Some(kid), crit, other: false } = header else {
        return Err(Refusal::HeaderInvalid);
    };
    if typ.is_some_and(|typ| typ != "JWT") {
        return Err(Refusal::HeaderInvalid);
    }
    let alg = alg.parse::<Algorithm>().map_err(|_| Refusal::AlgUnsupported)?;
    if crit {
        return Err(Refusal::CritUnsupported);
    }
    Ok((kid.into_owned(), alg))
}

#[derive(Default)]
struct Header<'a> {
    alg: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    /// There is a `crit`, whatever it says.
    crit: bool,
    /// There is a field that has no meaning here.
    other: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Alg,
    Typ,
    Kid,
    Crit,
    #[serde(other)]
    Other,
}

/// A borrowed text where the JSON has no escapes, an owned one where it has.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header<'de>, A::Error> {
                let mut header = Header::default();
                while let Some(field) = map.next_key()? {
                    let twice = match field {
                        Field::Alg => {
                            header.alg.replace(map.next_value::<Text<'de>>()?.0).is_some()
                        }
                        Field::Typ => {
                            header.typ.replace(map.next_value::<Text<'de>>()?.0).is_some()
                        }
                        Field::Kid => {
                            header.kid.replace(map.next_value::<Text<'de>>()?.0).is_some()
                        }
                        Field::Crit => {
                            map.next_value::<IgnoredAny>()?;
                            std::mem::replace(&mut header.crit, true)
                        }
                        Field::Other => {
                            map.next_value::<IgnoredAny>()?;
                            header.other = true;
                            false
                        }
                    };
                    if twice {
                        return Err(A::Error::custom("a field twice"));
                    }
                }
                Ok(header)
            }
        }
        d.deserialize_map(HeaderVisitor)
    }
}
