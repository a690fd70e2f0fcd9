//! How much of a room a role may take: caps, and what a second login of one user does (`spec/roles.md`
//! §Template). Sizes only: whoever seats members counts.

use std::{fmt, num::NonZeroU32};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::strict::{objects_only, present};

/// The most seats that one user may be allowed in a room.
pub const SECOND_LOGIN_ALLOW_MAX: u8 = 16;

/// Bounds for each member of a role, or for all of them; what is absent is bounded by the relay alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Caps {
    /// Members of the role in one room.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub members_max: Option<NonZeroU32>,
    /// Messages of a member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub messages_per_s: Option<NonZeroU32>,
    /// Bytes of a member's frames.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub bytes_per_s: Option<NonZeroU32>,
    /// One frame of a member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub frame_bytes_max: Option<NonZeroU32>,
}

/// Narrows [`Caps`]. How many members there are of a role is no matter of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct CapsNarrowing {
    /// Messages of the member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub messages_per_s: Option<NonZeroU32>,
    /// Bytes of the member's frames.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub bytes_per_s: Option<NonZeroU32>,
    /// One frame of the member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub frame_bytes_max: Option<NonZeroU32>,
}

objects_only!(Caps, CapsNarrowing);

/// Whether a cap is no looser than another. None is the loosest.
pub(crate) fn is_within(inner: Option<NonZeroU32>, outer: Option<NonZeroU32>) -> bool {
    outer.is_none_or(|outer| inner.is_some_and(|inner| inner <= outer))
}

/// What happens when a user who has a seat in the room logs in again. In the order of width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecondLogin {
    /// The newer login is refused.
    Reject,
    /// The newer login has the seat.
    Replace,
    /// Both have one, up to so many, 2 to [`SECOND_LOGIN_ALLOW_MAX`].
    Allow(u8),
}

impl SecondLogin {
    /// Whether it lets in no more than a role's. What a role that names none does is the app's affair, and not
    /// known here: only `reject` is within whatever it is.
    pub fn within(self, outer: Option<Self>) -> bool {
        self <= outer.unwrap_or(Self::Reject)
    }
}

impl Serialize for SecondLogin {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reject => s.serialize_str("reject"),
            Self::Replace => s.serialize_str("replace"),
            Self::Allow(seats) => {
                let mut map = s.serialize_map(Some(1))?;
                map.serialize_entry("allow", seats)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for SecondLogin {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct SecondLoginVisitor;
        impl<'de> Visitor<'de> for SecondLoginVisitor {
            type Value = SecondLogin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`replace`, `reject` or {\"allow\":2 to 16}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SecondLogin, E> {
                match text {
                    "replace" => Ok(SecondLogin::Replace),
                    "reject" => Ok(SecondLogin::Reject),
                    _ => Err(E::custom("not what a second login does")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecondLogin, A::Error> {
                let entry = map.next_entry::<String, u8>()?;
                match (entry, map.next_key::<String>()?) {
                    (Some((name, seats @ 2..=SECOND_LOGIN_ALLOW_MAX)), None) if name == "allow" => {
                        Ok(SecondLogin::Allow(seats))
                    }
                    _ => Err(A::Error::custom("not what a second login does")),
                }
            }
        }
        d.deserialize_any(SecondLoginVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_login_is_read_as_it_was_written_and_nothing_else_is_one() {
        for good in [r#""replace""#, r#""reject""#, r#"{"allow":2}"#, r#"{"allow":16}"#] {
            let read: SecondLogin = serde_json::from_str(good).expect(good);
            assert_eq!(serde_json::to_string(&read).expect("JSON"), good);
        }
        for bad in [
            r#""allow""#,
            r#""Reject""#,
            r#"{"allow":1}"#,
            r#"{"allow":17}"#,
            r#"{"allow":"2"}"#,
            r#"{"allow":2,"allow":3}"#,
            r#"{"reject":null}"#,
            r#"{}"#,
            "null",
            "2",
            r#"["allow"]"#,
        ] {
            assert!(serde_json::from_str::<SecondLogin>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_reject_is_within_what_the_app_decides() {
        assert!(SecondLogin::Reject.within(None) && !SecondLogin::Replace.within(None));
        assert!(SecondLogin::Replace.within(Some(SecondLogin::Allow(2))));
        assert!(!SecondLogin::Allow(3).within(Some(SecondLogin::Allow(2))));
    }
}
