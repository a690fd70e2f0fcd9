//! What a token says about the stay in its seat (`spec/token.md` §The stay): what its end does, when privileges end,
//! and which key must be proven. Nothing is enforced here.

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
///
/// Not `#[non_exhaustive]`: the relay must fail to compile when there is an end that it does not carry out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AtExp {
    /// The seat ends.
    #[default]
    Close,
    /// The seat continues with this role, of lower rank.
    Demote(RoleName),
    /// The seat continues for a while, in which the client may renew the token.
    Grace {
        /// How long, in seconds: 1 to `grace_s_max` (300 by default).
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
                if text == "close" {
                    Ok(AtExp::Close)
                } else {
                    Err(E::custom("must be `close`, {\"demote\":role} or {\"grace\":seconds}"))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AtExp, A::Error> {
                let at_exp = match map.next_key::<String>()?.as_deref() {
                    Some("demote") => AtExp::Demote(map.next_value()?),
                    Some("grace") => AtExp::Grace { s: map.next_value()? },
                    _ => {
                        return Err(A::Error::custom(
                            "must be `close`, {\"demote\":role} or {\"grace\":seconds}",
                        ));
                    }
                };
                match map.next_key::<String>()? {
                    None => Ok(at_exp),
                    Some(_) => Err(A::Error::custom("must be one of `demote` and `grace`")),
                }
            }
        }
        d.deserialize_any(AtExpVisitor)
    }
}

/// When single privileges end, in Unix seconds. A privilege without a time ends with the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Until {
    /// When publishing ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub publish: Option<u64>,
    /// When subscribing ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub subscribe: Option<u64>,
    /// When sending messages ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub send: Option<u64>,
    /// When setting the room's state ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub set: Option<u64>,
    /// When moderating ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub moderate: Option<u64>,
}

objects_only!(Until, Confirmation);

impl Until {
    /// Every end, in the order of the fields.
    fn ends(&self) -> impl Iterator<Item = u64> {
        [self.publish, self.subscribe, self.send, self.set, self.moderate].into_iter().flatten()
    }

    /// The next end after `now_s` (Unix seconds); `None` where no more comes.
    pub fn next(&self, now_s: u64) -> Option<u64> {
        self.ends().filter(|end_s| *end_s > now_s).min()
    }

    /// The name of the first end that is 0 or after the token's.
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

    /// Whether no privilege ends before the token.
    pub fn is_empty(&self) -> bool {
        self.ends().next().is_none()
    }
}

/// The key that a client must prove to hold when it logs in (RFC 7800 §3, RFC 9449 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Confirmation {
    /// The public key's thumbprint.
    pub jkt: Thumbprint,
}

/// The thumbprint of a public key: the SHA-256 of its JWK (RFC 7638). As text, 43 characters of canonical base64url.
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
    fn only_the_forms_of_an_end_are_read() {
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
