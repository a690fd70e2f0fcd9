//! Reads JSON objects strictly: a member that is given twice is an error, because two readers could take different ones.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use stagedoor_wire::depth::is_within;

/// How deeply an object may be nested.
const DEPTH_MAX: usize = 16;

/// A value without repeated members.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number"))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut all = Vec::new();
                while let Some(Strict(value)) = list.next_element()? {
                    all.push(value);
                }
                Ok(all.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut all = Map::new();
                while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
                    if all.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is given twice"));
                    }
                }
                Ok(all.into())
            }
        }

        deserializer.deserialize_any(Reader).map(Strict)
    }
}

/// A JSON object, nested at most 16 deep, none of whose members is given twice.
pub fn object(json: &[u8]) -> Option<Map<String, Value>> {
    if !is_within(json, DEPTH_MAX) {
        return None;
    }
    match serde_json::from_slice(json) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_given_twice_is_refused_at_any_depth() {
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            "[]",
            "1",
            r#"{"a":1"#,
            r#"{"a":1}{}"#,
            &format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17)),
        ] {
            assert_eq!(object(bad.as_bytes()), None, "{bad}");
        }
        let good = r#"{"a":{"b":[1,-2,0.5,null,true,"c"]},"b":{"a":1}}"#;
        let read = object(good.as_bytes()).map(Value::Object);
        assert_eq!(read, serde_json::from_str(good).ok());
    }
}
