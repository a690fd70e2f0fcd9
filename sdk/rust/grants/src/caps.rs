//! How much of a room a role may use: caps, and what a second login of one user does (`spec/roles.md` §Template).
//! Bounds only: the relay counts.

use std::{fmt, num::NonZeroU32};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::strict::{objects_only, present};

/// The most seats that one user may be allowed in a room.
pub const SECOND_LOGIN_ALLOW_MAX: u8 = 16;

/// Bounds for the members of a role. Where one is `None`, only the relay's own limit holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Caps {
    /// Members of the role in one room, at most.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub members_max: Option<NonZeroU32>,
    /// Messages that one member may send in a second.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub messages_per_s: Option<NonZeroU32>,
    /// Bytes of data frames that one member may send in a second.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub bytes_per_s: Option<NonZeroU32>,
    /// The largest data frame of one member, in bytes, its header included.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub frame_bytes_max: Option<NonZeroU32>,
}

objects_only!(Caps);

/// What happens when a user that has a seat in the room logs in again. Ordered from the strictest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecondLogin {
    /// The new login is refused.
    Reject,
    /// The new login replaces the old seat.
    Replace,
    /// The user may have this many seats, 2 to [`SECOND_LOGIN_ALLOW_MAX`].
    Allow(u8),
}

impl SecondLogin {
    /// Whether this lets in no more logins than `outer`, the role's setting. A role without one (`None`) follows
    /// the app's setting, which is not known here; only [`SecondLogin::Reject`] is within every setting.
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
                    _ => Err(E::custom("must be `replace`, `reject` or {\"allow\":2 to 16}")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecondLogin, A::Error> {
                let entry = map.next_entry::<String, u8>()?;
                match (entry, map.next_key::<String>()?) {
                    (Some((name, seats @ 2..=SECOND_LOGIN_ALLOW_MAX)), None) if name == "allow" => {
                        Ok(SecondLogin::Allow(seats))
                    }
                    _ => {
                        Err(A::Error::custom("must be `replace`, `reject` or {\"allow\":2 to 16}"))
                    }
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
    fn only_the_forms_of_a_second_login_are_read() {
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
    fn only_reject_is_within_an_unknown_setting() {
        assert!(SecondLogin::Reject.within(None) && !SecondLogin::Replace.within(None));
        assert!(SecondLogin::Replace.within(Some(SecondLogin::Allow(2))));
        assert!(!SecondLogin::Allow(3).within(Some(SecondLogin::Allow(2))));
    }
}
