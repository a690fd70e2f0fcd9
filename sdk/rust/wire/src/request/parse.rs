//! One text message becomes a request, or the reason why it is none. Of `request`.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{OPS, Request};
use crate::code::ErrorCode;

/// The most items in a list of a request.
pub const LIST_ITEMS_MAX: usize = 2_000;

/// A text message that is no request: which code answers it, and to which `id`, if it had one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The `id` of the request, if that much could be read.
    pub id: Option<u64>,
    /// [`ErrorCode::RequestInvalid`] or [`ErrorCode::OpUnknown`].
    pub code: ErrorCode,
    /// What was wrong, without the sender's own text.
    pub message: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    op: std::borrow::Cow<'a, str>,
    id: Option<u64>,
}

/// Reads a list, and no further than to its limit: what a refused request costs is bounded.
pub(super) fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Items<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {LIST_ITEMS_MAX}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                if items.len() == LIST_ITEMS_MAX {
                    return Err(A::Error::invalid_length(items.len() + 1, &self));
                }
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_seq(Items(PhantomData))
}

/// A list that may be `null`.
pub(super) fn optional_list<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct List<T>(#[serde(deserialize_with = "list")] Vec<T>);

    Ok(Option::<List<T>>::deserialize(deserializer)?.map(|List(items)| items))
}

impl Request {
    /// Parses one text message.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        // Most begin with their `op`; what is good is read once then.
        let op = text.strip_prefix("{\"op\":\"").and_then(|rest| rest.split('"').next());
        let Some(op) = op.filter(|op| OPS.contains(op)) else { return Self::parse_any(text) };
        match Self::parse_op(op, text) {
            Ok(Some(request)) if request.is_whole() => Ok(request),
            read => Self::judge(Head::read(text)?.id, read),
        }
    }

    /// The `id` and the `op` of a message that is refused unparsed, as far as they can be read.
    pub fn head(text: &str) -> (Option<u64>, Option<&'static str>) {
        let Ok(head) = Head::read(text) else { return (None, None) };
        (head.id, OPS.iter().copied().find(|op| *op == head.op))
    }

    /// Whether it says what must be said one way or another.
    fn is_whole(&self) -> bool {
        match self {
            Self::Login(login) => login.token.is_some() != login.ticket.is_some(),
            _ => true,
        }
    }

    pub(super) fn parse_any(text: &str) -> Result<Self, Refused> {
        let head = Head::read(text)?;
        Self::judge(head.id, Self::parse_op(&head.op, text))
    }

    fn judge(
        id: Option<u64>,
        read: Result<Option<Self>, serde_json::Error>,
    ) -> Result<Self, Refused> {
        match read {
            Ok(Some(request)) if !request.is_whole() => {
                let message = "a login brings a `token` or a `ticket`".to_owned();
                Err(Refused { id, code: ErrorCode::RequestInvalid, message })
            }
            Ok(Some(request)) => Ok(request),
            Ok(None) => {
                let message = format!("`op` is one of {}", OPS.join(", "));
                Err(Refused { id, code: ErrorCode::OpUnknown, message })
            }
            Err(error) => Err(Refused::shape(id, &error)),
        }
    }
}

impl<'a> Head<'a> {
    fn read(text: &'a str) -> Result<Self, Refused> {
        serde_json::from_str(text).map_err(|error| Refused::shape(None, &error))
    }
}

impl Refused {
    fn shape(id: Option<u64>, error: &serde_json::Error) -> Self {
        let what = match error.classify() {
            serde_json::error::Category::Data => {
                "a field is missing, unknown, given twice, too long or of the wrong shape"
            }
            _ => "not one JSON object",
        };
        let message = format!("{what} (line {}, column {})", error.line(), error.column());
        Self { id, code: ErrorCode::RequestInvalid, message }
    }
}
