//! A refusal with the field that it is about and what is expected there (`spec/token.md` §Fields). Small, and of the
//! token's own text it contains only the bounded names in the path.

use std::fmt;

use stagedoor_grants::RoleNameError;

use crate::{field::Field, refusal::Refusal, rule::Rule};

/// Why a token was refused, and which field is wrong. Its text says what is expected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    refusal: Refusal,
    field: Field,
    why: Why,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing beyond the refusal's own text.
    Plain,
    /// The field must be this.
    Must(&'static str),
    /// The field is given twice.
    Twice,
    /// The field is missing.
    Missing,
    /// The field is not one of these.
    Unknown(&'static str),
    /// The field goes beyond the role; where it is a list of words, by this one.
    Wider(Rule, Option<&'static str>),
    /// The key's secret was used as the text that it is written in.
    SecretAsText,
}

impl Fault {
    /// A refusal of a field. `what` says what the field must be; it follows the words "must be".
    pub fn must(refusal: Refusal, field: Field, what: &'static str) -> Self {
        Self { refusal, field, why: Why::Must(what) }
    }

    pub(crate) fn new(refusal: Refusal, field: Field, why: Why) -> Self {
        Self { refusal, field, why }
    }

    /// The same fault with another path, for callers whose input names the field differently.
    #[must_use]
    pub fn at(self, field: Field) -> Self {
        Self { field, ..self }
    }

    /// The refusal without the field.
    pub fn refusal(self) -> Refusal {
        self.refusal
    }

    /// The exact code, as [`Refusal::code`].
    pub fn code(self) -> &'static str {
        self.refusal.code()
    }

    /// The code for the client that presented the token, as [`Refusal::public_code`].
    pub fn public_code(self) -> &'static str {
        self.refusal.public_code()
    }

    /// The field that is wrong; `None` before the signature is proven.
    pub fn field(self) -> Option<Field> {
        (!self.field.is_whole()).then_some(self.field)
    }

    /// The rule of the role that a narrowing breaks.
    pub fn rule(self) -> Option<Rule> {
        match self.why {
            Why::Wider(rule, _) => Some(rule),
            _ => None,
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let field = refusal.field().map_or(Field::WHOLE, Field::of);
        Self { refusal, field, why: Why::Plain }
    }
}

impl From<RoleNameError> for Fault {
    fn from(error: RoleNameError) -> Self {
        Refusal::from(error).into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refusal, field, why } = self;
        match why {
            Why::SecretAsText => {
                return f.write_str(
                    "the token is signed with the text of the key's secret; decode it from base64url, \
                     and sign with its bytes",
                );
            }
            Why::Plain if field.is_whole() => return refusal.fmt(f),
            Why::Must(what) if field.is_whole() => return write!(f, "it must be {what}"),
            _ => write!(f, "`{field}` ")?,
        }
        match why {
            Why::Must(what) => write!(f, "must be {what}"),
            Why::Twice => f.write_str("is given twice"),
            Why::Missing => f.write_str("is missing"),
            Why::Unknown(names) => write!(f, "is not one of {names}"),
            Why::Wider(_, Some(word)) => {
                write!(f, "goes beyond the role by `{word}`; a token may only narrow it")
            }
            Why::Plain | Why::Wider(_, None) | Why::SecretAsText => f.write_str(refusal.words()),
        }
    }
}

impl std::error::Error for Fault {}
