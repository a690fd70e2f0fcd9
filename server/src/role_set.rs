//! An app's roles read and changed. After `issue`, before `state`. Pure: keeps nothing, asks nobody. What is
//! refused is refused with the role and the field.

use std::collections::BTreeMap;

use serde_json::{Value, json, value::RawValue};
use stagedoor_token::{Role, Roles};

use crate::error::ApiError;

fn invalid(detail: String) -> ApiError {
    ApiError::Invalid { code: "roles_invalid", detail: detail.into() }
}

/// A role set, from a JSON list of at least one and at most `roles_max` templates.
pub(crate) fn read(text: &str, roles_max: usize) -> Result<Roles, ApiError> {
    let templates: Vec<Box<RawValue>> = serde_json::from_str(text)
        .map_err(|_| invalid("a role set is a list of templates".into()))?;
    if !(1..=roles_max).contains(&templates.len()) {
        return Err(invalid(format!("a role set has 1 to {roles_max} roles")));
    }
    templates.iter().enumerate().try_for_each(|(at, raw)| read_one(raw, at).map(drop))?;
    Roles::from_json(text).map_err(|error| invalid(without_place(&error)))
}

/// One template; `at` is its place in the set.
pub(crate) fn read_one(raw: &RawValue, at: usize) -> Result<Role, ApiError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let fields = serde_json::from_str::<BTreeMap<String, Value>>(raw.get()).unwrap_or_default();
        let name = fields.get("role").and_then(Value::as_str);
        let role = name.map_or(format!("template {at}"), |name| format!("role `{name}`"));
        let reason = without_place(&error);
        match fault(raw) {
            Some(field) => invalid(format!("{role}, field `{field}`: {reason}")),
            None => invalid(format!("{role}: {reason}")),
        }
    })
}

/// The field by which a template fails, if it is one field's fault: the first that fails alone.
fn fault(raw: &RawValue) -> Option<String> {
    let fails = |template: Value| serde_json::from_value::<Role>(template).is_err();
    let alone = |name: &str, value: &Value| match name {
        "role" => json!({"role": value}),
        _ => json!({"role": "a", name: value}),
    };
    let fields: BTreeMap<String, Value> = serde_json::from_str(raw.get()).ok()?;
    let (name, value) = fields.iter().find(|(name, value)| fails(alone(name, value)))?;
    let below = value.as_object().and_then(|section| {
        if fails(alone(name, &json!({}))) {
            return None;
        }
        section.iter().find(|(field, value)| fails(alone(name, &json!({field.as_str(): value}))))
    });
    Some(below.map_or(name.clone(), |(field, _)| format!("{name}.{field}")))
}

/// What serde says, without the line and column of a text that nobody sees.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// A role set as it is stored.
pub(crate) fn write<'a>(roles: impl IntoIterator<Item = &'a Role>) -> Result<String, ApiError> {
    let roles: Vec<&Role> = roles.into_iter().collect();
    serde_json::to_string(&roles).map_err(|_| ApiError::Internal)
}

/// The set with this role as given, new or instead of the one of its name.
pub(crate) fn with(roles: &Roles, role: &Role, roles_max: usize) -> Result<Roles, ApiError> {
    let others = roles.iter().filter(|other| other.name() != role.name());
    read(&write(others.chain([role]))?, roles_max)
}

/// The set without the role of this name.
pub(crate) fn without(roles: &Roles, name: &str, roles_max: usize) -> Result<Roles, ApiError> {
    read(&write(roles.iter().filter(|role| &**role.name() != name))?, roles_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match read(text, 3).expect_err("a refusal") {
            ApiError::Invalid { code: "roles_invalid", detail } => detail.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refused_set_names_the_role_and_the_field() {
        for (set, begins) in [
            (r#"[{"role":"a"},{"role":"b","rank":-1}]"#, "role `b`, field `rank`: "),
            (r#"[{"role":"b","publsh":{}}]"#, "role `b`, field `publsh`: unknown field `publsh`"),
            (
                r#"[{"role":"b","publish":{"streams":["a"],"kinds":["smell"]}}]"#,
                "role `b`, field `publish.kinds`: ",
            ),
            (r#"[{"role":"b","send":{"rom":true}}]"#, "role `b`, field `send.rom`: "),
            (r#"[{"role":"b","send":[]}]"#, "role `b`, field `send`: "),
            (r#"[{"role":"B"}]"#, "role `B`, field `role`: "),
            (r#"[{"rank":1}]"#, "template 0: missing field `role`"),
            (r#"[{"role":"a","rank":1,"rank":2}]"#, "role `a`: duplicate field `rank`"),
            (r#"[{"role":"a"},{"role":"a"}]"#, "the role `a` twice"),
            (r#"{"role":"a"}"#, "a role set is a list of templates"),
            ("[]", "a role set has 1 to 3 roles"),
            (r#"[{"role":"a"},{"role":"b"},{"role":"c"},{"role":"d"}]"#, "a role set has 1 to 3"),
        ] {
            assert!(refusal(set).starts_with(begins), "{set}: {}", refusal(set));
        }
        assert!(!refusal(r#"[{"rank":1}]"#).contains("line"));
    }

    #[test]
    fn one_role_is_put_replaced_and_taken_out() {
        let roles = read(r#"[{"role":"a"},{"role":"b"}]"#, 2).expect("a set");
        let role = serde_json::from_str(r#"{"role":"b","rank":7}"#).expect("a template");
        let changed = with(&roles, &role, 2).expect("a set");
        assert_eq!((changed.iter().count(), changed.get("b")), (2, Some(&role)));
        let other = serde_json::from_str(r#"{"role":"c"}"#).expect("a template");
        assert!(with(&changed, &other, 2).is_err(), "no third of two");
        let fewer = without(&changed, "b", 2).expect("a set");
        assert!(fewer.get("b").is_none() && fewer.get("a").is_some());
        assert!(without(&fewer, "a", 2).is_err(), "no set is empty");
    }
}
