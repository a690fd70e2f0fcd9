//! The roles of an app, and the built-in ones (`spec/roles.md`). What a role's template does not name is denied.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;
use stagedoor_grants::{Grants, RoleName};

/// A role of an app: its grants, and their JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role {
    grants: Arc<Grants>,
    /// The grants as JSON, made when first asked for.
    #[serde(skip)]
    json: OnceLock<Option<Arc<RawValue>>>,
}

impl PartialEq for Role {
    fn eq(&self, other: &Self) -> bool {
        self.grants == other.grants
    }
}

impl Eq for Role {}

impl Role {
    /// A role with these grants.
    pub fn new(template: Grants) -> Self {
        Self { grants: Arc::new(template), json: OnceLock::new() }
    }

    /// The role's name.
    pub fn name(&self) -> &RoleName {
        &self.grants.role
    }

    /// What the role allows.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// What the role allows, as JSON. Made once, because the answer to most logins contains just this. `None` where it
    /// cannot be written.
    pub fn json(&self) -> Option<&RawValue> {
        let json = || serde_json::value::to_raw_value(&*self.grants).ok().map(Arc::from);
        self.json.get_or_init(json).as_deref()
    }
}

/// The roles of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(BTreeMap<RoleName, Role>);

/// The built-in roles as JSON.
const BUILT_IN: &str = include_str!("../roles.json");

impl Roles {
    /// The built-in roles: `host`, `cohost`, `speaker`, `audience` and `observer`.
    pub fn built_in() -> Arc<Self> {
        static ROLES: OnceLock<Arc<Roles>> = OnceLock::new();
        // The file is part of this crate, and a test reads it, so it parses.
        ROLES.get_or_init(|| Arc::new(Self::from_json(BUILT_IN).unwrap_or_default())).clone()
    }

    /// Reads roles from a JSON list of templates with distinct names.
    ///
    /// # Errors
    ///
    /// An error where the text is not such a list; [`roles_flaw`](crate::form::roles_flaw) says where.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let mut roles = BTreeMap::new();
        for role in serde_json::from_str::<Vec<Role>>(text)? {
            if let Some(role) = roles.insert(role.name().clone(), role) {
                return Err(serde_json::Error::custom(format_args!(
                    "the role `{}` is given twice",
                    role.name()
                )));
            }
        }
        Ok(Self(roles))
    }

    /// The role of this name.
    pub fn get(&self, name: &str) -> Option<&Role> {
        self.0.get(name)
    }

    /// Every role, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_grants::Verbs;

    use super::*;

    #[test]
    fn the_built_in_roles_are_five() {
        let names: Vec<String> =
            Roles::built_in().iter().map(|role| role.name().to_string()).collect();
        assert_eq!(names, ["audience", "cohost", "host", "observer", "speaker"]);
    }

    #[test]
    fn a_repeated_role_is_refused() {
        assert!(Roles::from_json(r#"[{"role":"a"},{"role":"b"}]"#).is_ok());
        assert!(Roles::from_json(r#"[{"role":"a"},{"role":"a"}]"#).is_err());
    }

    #[test]
    fn a_template_that_names_nothing_allows_nothing() {
        let role: Role = serde_json::from_str(r#"{"role":"ghost"}"#).expect("a template");
        let grants = role.grants();
        assert!(grants.publish.streams.is_empty() && grants.subscribe.from.is_empty());
        assert!(!grants.send.room && grants.set.is_empty() && grants.moderate == Verbs::default());
        assert!(serde_json::from_str::<Role>(r#"{"role":"ghost","publsh":{}}"#).is_err());
    }
}
