//! Reads and changes an app's roles. Pure. A refusal names the role and the field.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};
use stagedoor_token::{
    Field, Role, Roles,
    form::{Flaw, template_flaw},
};

use crate::error::ApiError;

/// Reserved in paths where a role's name may stand.
const VERSIONS: &str = "versions";

fn invalid(field: Field, detail: String) -> ApiError {
    ApiError::Invalid { code: "roles_invalid", detail: detail.into() }.at(field)
}

/// A role set, from the JSON list `roles` of 1 to `roles_max` templates.
pub(crate) fn read(text: &str, roles_max: usize) -> Result<Roles, ApiError> {
    let set = Field::of("roles");
    let templates: Vec<Box<RawValue>> = serde_json::from_str(text)
        .map_err(|_| invalid(set, "a role set must be a list of templates".into()))?;
    if !(1..=roles_max).contains(&templates.len()) {
        return Err(invalid(set, format!("a role set must have 1 to {roles_max} roles")));
    }
    let mut names = BTreeMap::new();
    for (at, raw) in templates.iter().enumerate() {
        let role = read_at(raw, set.element(at), &format!("template {at}"))?;
        if &**role.name() == VERSIONS {
            let detail = format!(
                "a role cannot be called `{VERSIONS}`, because that path lists the versions"
            );
            return Err(invalid(set.element(at).member("role"), detail));
        }
        if names.insert(role.name().clone(), at).is_some() {
            let detail = format!("the role `{}` is given twice", role.name());
            return Err(invalid(set.element(at).member("role"), detail));
        }
    }
    Roles::from_json(text).map_err(|error| invalid(set, without_place(&error)))
}

/// One template, called `field` in the body.
pub(crate) fn read_one(raw: &RawValue) -> Result<Role, ApiError> {
    read_at(raw, Field::of("template"), "the template")
}

fn read_at(raw: &RawValue, here: Field, called: &str) -> Result<Role, ApiError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let fields = serde_json::from_str::<BTreeMap<String, Value>>(raw.get()).unwrap_or_default();
        let name = fields.get("role").and_then(Value::as_str);
        // An invalid name may be of any length.
        let name = name.filter(|name| name.len() <= 32);
        let role = name.map_or_else(|| called.to_owned(), |name| format!("role `{name}`"));
        // `detail` names its place in the template, `field` its place in the body.
        let reason = template_flaw(raw.get(), Field::WHOLE)
            .map_or_else(|| without_place(&error), |flaw| flaw.to_string());
        let field = template_flaw(raw.get(), here).map_or(here, Flaw::field);
        invalid(field, format!("{role}: {reason}"))
    })
}

/// Serde's message without line and column, which refer to a text that the caller does not see.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

/// A role set in its stored form.
pub(crate) fn write<'a>(roles: impl IntoIterator<Item = &'a Role>) -> Result<String, ApiError> {
    let roles: Vec<&Role> = roles.into_iter().collect();
    serde_json::to_string(&roles).map_err(|_| ApiError::Internal)
}

/// The set with this role added, or in place of the one with its name.
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

    fn refusal(text: &str) -> (String, String) {
        match read(text, 3).expect_err("a refusal") {
            ApiError::At { field, error } => match *error {
                ApiError::Invalid { code: "roles_invalid", detail } => {
                    (field.to_string(), detail.into_owned())
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refused_set_names_the_role_and_the_field() {
        for (set, field, begins) in [
            (r#"[{"role":"versions"}]"#, "roles[0].role", "a role cannot be called `versions`"),
            (
                r#"[{"role":"a"},{"role":"b","rank":-1}]"#,
                "roles[1].rank",
                "role `b`: `rank` must be an integer, 0 to 65535",
            ),
            (
                r#"[{"role":"b","publsh":{}}]"#,
                "roles[0].publsh",
                "role `b`: `publsh` is not one of `role` `rank` `publish`",
            ),
            (
                r#"[{"role":"b","publish":{"streams":["a"],"kinds":["audio","smell"]}}]"#,
                "roles[0].publish.kinds[1]",
                "role `b`: `publish.kinds[1]` must be one of `audio`",
            ),
            (
                r#"[{"role":"b","send":{"rom":true}}]"#,
                "roles[0].send.rom",
                "role `b`: `send.rom` is not one of `room` `roles` `users`",
            ),
            (
                r#"[{"role":"b","send":[]}]"#,
                "roles[0].send",
                "role `b`: `send` must be an object of `room` `roles` `users`",
            ),
            (r#"[{"role":"B"}]"#, "roles[0].role", "role `B`: `role` must be 1 to 32 bytes"),
            (r#"[{"rank":1}]"#, "roles[0].role", "template 0: `role` is missing"),
            (r#"[[]]"#, "roles[0]", "template 0: it must be an object of `role` `rank`"),
            (
                r#"[{"role":"a","rank":1,"rank":2}]"#,
                "roles[0].rank",
                "role `a`: `rank` is given twice",
            ),
            (
                r#"[{"role":"b"},{"role":"a"},{"role":"a"}]"#,
                "roles[2].role",
                "the role `a` is given twice",
            ),
            (r#"{"role":"a"}"#, "roles", "a role set must be a list of templates"),
            ("[]", "roles", "a role set must have 1 to 3 roles"),
            (
                r#"[{"role":"a"},{"role":"b"},{"role":"c"},{"role":"d"}]"#,
                "roles",
                "a role set must have 1 to 3",
            ),
        ] {
            let (named, detail) = refusal(set);
            assert_eq!(named, field, "{set}: {detail}");
            assert!(detail.starts_with(begins), "{set}: {detail}");
        }
    }

    #[test]
    fn a_role_is_added_replaced_and_removed() {
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
