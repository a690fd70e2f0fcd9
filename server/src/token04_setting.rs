//! An app's setting `token04` (`spec/token04.md`). Pure.

use serde::{Deserialize, Serialize};
use stagedoor_bus::{Accept, Token04};
use stagedoor_token::Roles;
use utoipa::ToSchema;

/// What is said wherever `legacy` is set.
pub(crate) const LEGACY_COSTS: &str = "`legacy` accepts CBC, which its holder can change: whoever holds one token can become another user without the secret. Use `gcm` as soon as no generator makes CBC";

/// Whether an app takes Token04, and in which encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Accepts {
    /// No Token04.
    #[default]
    Off,
    /// AES-256-GCM only.
    Gcm,
    /// AES-256-CBC too, which its holder can change.
    Legacy,
}

/// Which Token04 an app takes, and what they give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Token04Setting {
    /// `off`, `gcm`, or `legacy`, which takes CBC too.
    pub(crate) accept: Accepts,
    /// The role of a token with privilege 2.
    pub(crate) publish: String,
    /// The role of one without.
    pub(crate) join: String,
    /// Whether tokens without a room are taken, for logins that name theirs.
    pub(crate) basic: bool,
}

impl Default for Token04Setting {
    fn default() -> Self {
        let (publish, join) = ("host".into(), "audience".into());
        Self { accept: Accepts::Off, publish, join, basic: false }
    }
}

impl Token04Setting {
    /// What it costs, if it costs anything.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        (self.accept == Accepts::Legacy).then_some(LEGACY_COSTS)
    }

    /// The field with a role that the app does not have.
    pub(crate) fn beyond(&self, roles: &Roles) -> Option<&'static str> {
        let named = [("token04.publish", &self.publish), ("token04.join", &self.join)];
        named.into_iter().find(|(_, role)| roles.get(role).is_none()).map(|(field, _)| field)
    }

    /// The same for the doors; `None` where no Token04 is taken.
    pub(crate) fn at_the_door(&self, ttl_s_max: u64) -> Option<Token04> {
        let accept = match self.accept {
            Accepts::Off => return None,
            Accepts::Gcm => Accept::Gcm,
            Accepts::Legacy => Accept::Legacy,
        };
        let (publish, join) = (self.publish.parse().ok()?, self.join.parse().ok()?);
        Some(Token04 { accept, publish, join, basic: self.basic, ttl_s_max })
    }
}
