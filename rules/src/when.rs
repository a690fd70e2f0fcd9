//! Conditions on claims. There are no expressions and no regular ones, so a rule can be read.

use serde_json::Value;
use stagedoor_token::Field;

use crate::{
    claims::{Claims, PATH_BYTES_MAX, Path},
    fault::{RuleFault, list, object},
};

/// The most conditions of one rule.
const CONDITIONS_MAX: usize = 16;
/// The most values of one `any_of`.
const VALUES_MAX: usize = 64;
/// The longest text to compare with, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// A condition on one claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The claim is this text, whole number, or boolean.
    Equals(Value),
    /// The claim is one of these, or a list that has one of these.
    AnyOf(Vec<Value>),
    /// The claim is a text that begins so.
    Prefix(String),
    /// The claim is there, or is not.
    Exists(bool),
}

impl Condition {
    fn holds(&self, claim: Option<&Value>) -> bool {
        match self {
            Self::Equals(value) => claim == Some(value),
            Self::AnyOf(values) => match claim {
                Some(Value::Array(claims)) => claims.iter().any(|claim| values.contains(claim)),
                Some(claim) => values.contains(claim),
                None => false,
            },
            Self::Prefix(prefix) => {
                claim.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix.as_str()))
            }
            Self::Exists(exists) => claim.is_some() == *exists,
        }
    }

    fn read(value: &Value, field: Field) -> Result<Self, RuleFault> {
        let members = object(value, field, &["equals", "any_of", "prefix", "exists"])?;
        let mut members = members.iter();
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            let what = "an object of one of `equals` `any_of` `prefix` `exists`";
            return Err(RuleFault::must(field, what));
        };
        let field = field.member(name);
        let must = |what| RuleFault::must(field, what);
        match name.as_str() {
            "equals" => scalar(value, field).map(Self::Equals),
            "any_of" => {
                let values = list(value, field, VALUES_MAX, "values")?.iter().enumerate();
                let values = values.map(|(at, value)| scalar(value, field.element(at)));
                Ok(Self::AnyOf(values.collect::<Result<_, _>>()?))
            }
            "prefix" => {
                let text = value.as_str().filter(|text| (1..=TEXT_BYTES_MAX).contains(&text.len()));
                let text = text.ok_or_else(|| must("a text of 1 to 512 bytes"))?;
                Ok(Self::Prefix(text.to_owned()))
            }
            _ => value.as_bool().map(Self::Exists).ok_or_else(|| must("`true` or `false`")),
        }
    }
}

fn scalar(value: &Value, field: Field) -> Result<Value, RuleFault> {
    let fits = match value {
        Value::String(text) => text.len() <= TEXT_BYTES_MAX,
        Value::Number(number) => number.is_u64() || number.is_i64(),
        Value::Bool(_) => true,
        _ => false,
    };
    let what = "a text of at most 512 bytes, a whole number, `true` or `false`";
    if fits { Ok(value.clone()) } else { Err(RuleFault::must(field, what)) }
}

/// Conditions that must all hold. Without any, they hold for everybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When(Vec<(Path, Condition)>);

impl When {
    /// Reads `{"groups":{"any_of":["teachers"]}}`.
    ///
    /// # Errors
    ///
    /// The first field that cannot be.
    pub fn read(value: &Value, field: Field) -> Result<Self, RuleFault> {
        let members = value.as_object().filter(|members| members.len() <= CONDITIONS_MAX);
        let what = format!("an object of at most {CONDITIONS_MAX} conditions by paths of claims");
        let members = members.ok_or_else(|| RuleFault::must(field, &what))?.iter();
        let conditions = members.map(|(path, condition)| {
            let field = field.member(path);
            let what = format!("a path of 1 to {PATH_BYTES_MAX} bytes without braces");
            let path = Path::of(path).ok_or_else(|| RuleFault::must(field, &what))?;
            Ok((path, Condition::read(condition, field)?))
        });
        conditions.collect::<Result<_, _>>().map(Self)
    }

    /// The path of the first condition that does not hold.
    pub fn failing(&self, claims: Claims<'_>) -> Option<&Path> {
        let failing = self.0.iter().find(|(path, condition)| !condition.holds(claims.at(path)));
        failing.map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(when: &Value) -> Result<When, RuleFault> {
        When::read(when, Field::of("when"))
    }

    #[test]
    fn conditions_are_on_the_kind_that_is_written() {
        let claims = json!({
            "groups": ["teachers", 7], "org": {"id": "7"}, "n": 7, "is": true, "s": "abc", "nothing": null,
        });
        for (when, holds) in [
            (json!({}), true),
            (json!({"org.id": {"equals": "7"}}), true),
            (json!({"org.id": {"equals": 7}}), false),
            (json!({"n": {"equals": 7}}), true),
            (json!({"n": {"equals": "7"}}), false),
            (json!({"is": {"equals": true}}), true),
            (json!({"is": {"equals": "true"}}), false),
            (json!({"groups": {"equals": "teachers"}}), false),
            (json!({"groups": {"any_of": ["x", "teachers"]}}), true),
            (json!({"groups": {"any_of": ["Teachers", "teacher"]}}), false),
            (json!({"groups": {"any_of": [7]}}), true),
            (json!({"s": {"any_of": ["abc"]}}), true),
            (json!({"none": {"any_of": ["abc"]}}), false),
            (json!({"s": {"prefix": "ab"}}), true),
            (json!({"s": {"prefix": "b"}}), false),
            (json!({"groups": {"prefix": "t"}}), false),
            (json!({"s": {"exists": true}}), true),
            (json!({"s": {"exists": false}}), false),
            (json!({"none": {"exists": false}}), true),
            (json!({"nothing": {"exists": true}}), false),
            (json!({"s": {"equals": "abc"}, "n": {"equals": 8}}), false),
        ] {
            let claims = Claims(claims.as_object().expect("an object"));
            let is = read(&when).expect("conditions").failing(claims).is_none();
            assert_eq!(is, holds, "{when}");
        }
    }

    #[test]
    fn conditions_that_cannot_be_name_their_field() {
        for (when, field) in [
            (json!([]), "when"),
            (json!({"a": 1}), "when.a"),
            (json!({"a": {}}), "when.a"),
            (json!({"a": {"equals": 1, "exists": true}}), "when.a"),
            (json!({"a": {"matches": "^a"}}), "when.a.matches"),
            (json!({"a": {"equals": []}}), "when.a.equals"),
            (json!({"a": {"equals": null}}), "when.a.equals"),
            (json!({"a": {"equals": 0.5}}), "when.a.equals"),
            (json!({"a": {"any_of": []}}), "when.a.any_of"),
            (json!({"a": {"any_of": ["a", {}]}}), "when.a.any_of[1]"),
            (json!({"a": {"prefix": ""}}), "when.a.prefix"),
            (json!({"a": {"exists": "yes"}}), "when.a.exists"),
            (json!({"{a}": {"exists": true}}), "when.?a?"),
        ] {
            assert_eq!(read(&when).expect_err("a fault").field.as_str(), field, "{when}");
        }
    }
}
