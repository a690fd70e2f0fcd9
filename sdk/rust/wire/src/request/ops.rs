//! From the list of operations: the requests, and their `op` as types.

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $op:literal;)*) => {
        /// One request. Unknown operations, unknown fields and repeated fields are refused.
        ///
        /// Not `#[non_exhaustive]`: the relay must fail to compile when the wire has a request that it does not answer.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        const OPS: &[&str] = &[$($op,)*];

        impl Request {
            fn parse_op(op: &str, text: &str) -> Result<Option<Self>, serde_json::Error> {
                match op {
                    $($op => serde_json::from_str(text).map(|request| Some(Self::$name(request))),)*
                    _ => Ok(None),
                }
            }

            /// The `id` that the answer carries.
            pub fn id(&self) -> u64 {
                match self { $(Self::$name(request) => request.id,)* }
            }

            /// Sets the `id`, which is unique among the requests that wait for an answer.
            pub fn set_id(&mut self, id: u64) {
                match self { $(Self::$name(request) => request.id = id,)* }
            }

            /// The `op`, for logs and metrics.
            pub fn op(&self) -> &'static str {
                match self { $(Self::$name(_) => $op,)* }
            }
        }

        /// The `op` of each request as a type, which is always written and reads nothing but itself.
        pub mod op {
            $(
                #[doc = concat!("`", $op, "`")]
                #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
                pub struct $name;

                impl serde::Serialize for $name {
                    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                        s.serialize_str($op)
                    }
                }

                impl<'de> serde::Deserialize<'de> for $name {
                    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                        let op = std::borrow::Cow::<'de, str>::deserialize(d)?;
                        if op == $op { Ok(Self) } else { Err(serde::de::Error::custom("another op")) }
                    }
                }
            )*
        }
    };
}

pub(super) use ops;
