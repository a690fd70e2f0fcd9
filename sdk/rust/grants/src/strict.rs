//! Reads JSON strictly where derived code would be lenient. Knows no type of this crate; public for
//! `stagedoor-token` alone, and no part of the API.

use serde::{Deserialize, Deserializer};

/// Makes structs derived with `#[serde(remote = "Self")]` read from objects only. Derived code alone would accept
/// an array of the fields as well.
#[doc(hidden)]
#[macro_export]
macro_rules! objects_only {
    ($($name:ident),*) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct ObjectVisitor;
                impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }
                d.deserialize_map(ObjectVisitor)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, s)
            }
        }
    )*};
}

pub use objects_only;

/// Reads a field that may be absent, but must have a value where it is given: `null` is an error.
///
/// # Errors
///
/// The deserializer's own, and one for `null`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}
