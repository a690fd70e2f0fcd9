//! What a token says of the stay in its seat (`spec/token.md` §The stay): what its end does, when each
//! privilege ends, and whose key must be shown. Says it, and enforces nothing.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
    ser::SerializeMap,
};
use stagedoor_grants::{
    RoleName,
    strict::{objects_only, present},
};

use crate::{base64url, refusal::Refusal};

/// What a token's end does to a live seat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AtExp {
    /// It ends.
    #[default]
    Close,
    /// It goes on as a weaker role.
    Demote(RoleName),
    /// It goes on for a while, in which another token may be shown.
    Grace {
        /// How long, 1 to `grace_s_max`.
        s: u32,
    },
}

impl Serialize for AtExp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Self::Close => return s.serialize_str("close"),
            Self::Demote(_) | Self::Grace { .. } => s.serialize_map(Some(1))?,
        };
        match self {
            Self::Close => {}
            Self::Demote(role) => map.serialize_entry("demote", role)?,
            Self::Grace { s } => map.serialize_entry("grace", s)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for AtExp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct AtExpVisitor;
        impl<'de> Visitor<'de> for AtExpVisitor {
            type Value = AtExp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`close`, {\"demote\":role} or {\"grace\":seconds}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<AtExp, E> {
                if text == "close" { Ok(AtExp::Close) } else { Err(E::custom("no such end")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AtExp, A::Error> {
                let at_exp = match map.next_key::<String>()?.as_deref() {
                    Some("demote") => AtExp::Demote(map.next_value()?),
                    Some("grace") => AtExp::Grace { s: map.next_value()? },
                    _ => return Err(A::Error::custom("no such end")),
                };
                match map.next_key::<String>()? {
                    None => Ok(at_exp),
                    Some(_) => Err(A::Error::custom("more than one end")),
                }
            }
        }
        d.deserialize_any(AtExpVisitor)
    }
}

/// When single privileges end, in Unix seconds; what is absent ends with the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Until {
    /// Publishing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub publish: Option<u64>,
    /// Subscribing.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub subscribe: Option<u64>,
    /// Messages.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub send: Option<u64>,
    /// The room's state.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub set: Option<u64>,
    /// Moderation.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub moderate: Option<u64>,
}

objects_only!(Until, Confirmation);

impl Until {
    /// Every end, in the order of the fields.
    fn ends(&self) -> impl Iterator<Item = u64> {
        [self.publish, self.subscribe, self.send, self.set, self.moderate].into_iter().flatten()
    }

    /// The next end after `now_s`.
    pub fn next(&self, now_s: u64) -> Option<u64> {
        self.ends().filter(|end_s| *end_s > now_s).min()
    }

    /// The first end that is zero or lies after the token's.
    pub(crate) fn beyond(&self, exp: u64) -> Option<&'static str> {
        let fits = |end_s| (1..=exp).contains(&end_s);
        if self.ends().all(fits) {
            return None;
        }
        let Self { publish, subscribe, send, set, moderate } = *self;
        let ends = [
            (publish, "publish"),
            (subscribe, "subscribe"),
            (send, "send"),
            (set, "set"),
            (moderate, "moderate"),
        ];
        ends.into_iter().find_map(|(end_s, name)| end_s.filter(|end_s| !fits(*end_s)).map(|_| name))
    }

    /// Whether it names no end.
    pub fn is_empty(&self) -> bool {
        self.ends().next().is_none()
    }
}

/// The key that whoever logs in must prove to hold (RFC 7800 §3, RFC 9449 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Confirmation {
    /// Its thumbprint.
    pub jkt: Thumbprint,
}

/// The thumbprint of a public key: the SHA-256 of its JWK (RFC 7638), as text 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(pub [u8; 32]);

impl FromStr for Thumbprint {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        base64url::decode_32(text).map(Self).ok_or(Refusal::CnfInvalid)
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        base64url::encode(&thumbprint.0)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_was_written_and_nothing_else_is_one() {
        for good in [r#""close""#, r#"{"demote":"audience"}"#, r#"{"grace":30}"#] {
            let read: AtExp = serde_json::from_str(good).expect(good);
            assert_eq!(serde_json::to_string(&read).expect("JSON"), good);
        }
        for bad in [
            r#""demote""#,
            r#""grace""#,
            "null",
            "30",
            "{}",
            r#"{"close":null}"#,
            r#"{"demote":"Host"}"#,
            r#"{"demote":null}"#,
            r#"{"grace":-1}"#,
            r#"{"grace":1.5}"#,
            r#"{"grace":1,"grace":1}"#,
            r#"{"grace":1,"demote":"a"}"#,
            r#"["close"]"#,
        ] {
            assert!(serde_json::from_str::<AtExp>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_next_end_lies_after_now() {
        let until = Until { publish: Some(20), send: Some(10), ..Until::default() };
        assert_eq!(until.next(0), Some(10));
        assert_eq!(until.next(10), Some(20));
        assert_eq!(until.next(20), None);
        assert!(!until.is_empty() && Until::default().is_empty());
    }

    #[test]
    fn a_thumbprint_is_43_canonical_characters() {
        let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert_eq!(text.parse::<Thumbprint>().map(|one| one.to_string()).as_deref(), Ok(text));
        for bad in ["", &text[1..], &format!("{text}="), &format!("{}J", &text[..42])] {
            assert_eq!(bad.parse::<Thumbprint>(), Err(Refusal::CnfInvalid), "{bad}");
        }
    }
}
