//! Roles as templates, and the built-in ones (`spec/roles.md`). What a template does not name is denied.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;
use stagedoor_grants::{Grants, RoleName};

/// A role of an app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role {
    grants: Arc<Grants>,
    /// The grants as JSON, once that was asked for.
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
    /// A role of this template.
    pub fn new(template: Grants) -> Self {
        Self { grants: Arc::new(template), json: OnceLock::new() }
    }

    /// Its name.
    pub fn name(&self) -> &RoleName {
        &self.grants.role
    }

    /// All that it allows.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// All that it allows as JSON, made once: most members are told just this.
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
    /// `host`, `cohost`, `speaker`, `audience` and `observer`.
    pub fn built_in() -> Arc<Self> {
        static ROLES: OnceLock<Arc<Roles>> = OnceLock::new();
        // The file is part of this crate, and a test reads it: it cannot fail to parse.
        ROLES.get_or_init(|| Arc::new(Self::from_json(BUILT_IN).unwrap_or_default())).clone()
    }

    /// Roles from a JSON array of templates, each of another name.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let mut roles = BTreeMap::new();
        for role in serde_json::from_str::<Vec<Role>>(text)? {
            if let Some(role) = roles.insert(role.name().clone(), role) {
                return Err(serde_json::Error::custom(format_args!(
                    "the role `{}` twice",
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

    /// Every role, by name.
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
    fn a_role_twice_is_refused() {
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
