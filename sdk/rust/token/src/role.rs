//! Roles as templates, and the built-in ones (`spec/roles.md`). What a template does not name is denied.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    fmt,
    ops::Deref,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    caps::{Caps, SecondLogin},
    kind::{Kinds, Verbs},
    pattern::Patterns,
    refusal::Refusal,
    strict::{objects_only, present},
};

/// The name of a role: 1 to 32 bytes of `[a-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(Arc<str>);

impl RoleName {
    /// The text, shared.
    pub fn text(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl FromStr for RoleName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if clean && (1..=32).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(Refusal::RoleInvalid)
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl Deref for RoleName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a member may do. A role's template has this form, and so have the effective grants that a
/// member is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Grants {
    /// The role.
    pub role: RoleName,
    /// Acts of moderation reach lower ranks only.
    #[serde(default)]
    pub rank: u16,
    /// What it may publish.
    #[serde(default)]
    pub publish: Publish,
    /// What it may subscribe to.
    #[serde(default)]
    pub subscribe: Subscribe,
    /// Whom it may message.
    #[serde(default)]
    pub send: SendTo,
    /// Keys of the room's state that it may set.
    #[serde(default)]
    pub set: Patterns,
    /// Acts of moderation that it may do.
    #[serde(default)]
    pub moderate: Verbs,
    /// Whom it sees, and who sees it.
    #[serde(default)]
    pub presence: Presence,
    /// Roles that it may ask to be given.
    #[serde(default)]
    pub ask: Patterns,
    /// Roles of lower rank for which it may obtain a token for somebody else.
    #[serde(default)]
    pub invite: Patterns,
    /// Whether who comes with it waits until admitted.
    #[serde(default)]
    pub waits: bool,
    /// What a second login does; the app's setting unless given.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub second_login: Option<SecondLogin>,
    /// How much it may take.
    #[serde(default)]
    pub caps: Caps,
}

/// What may be published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Publish {
    /// Names of streams.
    pub streams: Patterns,
    /// Kinds of streams.
    pub kinds: Kinds,
    /// How many at once.
    pub streams_max: u32,
}

/// What may be subscribed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Subscribe {
    /// Names of streams.
    pub streams: Patterns,
    /// Roles of their publishers.
    pub from: Patterns,
}

/// Who may be messaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct SendTo {
    /// Everybody in the room at once.
    pub room: bool,
    /// Everybody of these roles at once.
    pub roles: Patterns,
    /// One user, of these roles.
    pub users: Patterns,
}

/// Who sees whom: both sides must allow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Presence {
    /// Roles that it sees.
    pub sees: Patterns,
    /// Roles that see it.
    pub seen_by: Patterns,
}

objects_only!(Grants, Publish, Subscribe, SendTo, Presence);

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
