//! Levels: what an operator may do, in one app or in all of them. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scope::{Scope, Scopes};

/// What an operator may do; each level has all of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Reads apps, rooms and usage.
    Viewer,
    /// Also reads the audit trail, verifies and revokes tokens, and moderates rooms.
    Support,
    /// Also mints tokens, changes roles, and manages webhooks and API keys.
    Developer,
    /// Everything in an app.
    Admin,
    /// Everything in the deployment. Nobody has it in a single app.
    Owner,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Support, Self::Developer, Self::Admin, Self::Owner];

    /// The level's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Support => "support",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The level with this name.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }

    /// What it adds to the levels below it.
    fn own(self) -> &'static [Scope] {
        match self {
            Self::Viewer => &[Scope::AppsRead, Scope::RoomsRead, Scope::UsageRead],
            Self::Support => {
                &[Scope::AuditRead, Scope::TokensVerify, Scope::TokensRevoke, Scope::RoomsModerate]
            }
            Self::Developer => &[
                Scope::TokensMint,
                Scope::RolesWrite,
                Scope::WebhooksManage,
                Scope::CredentialsManage,
            ],
            Self::Admin => &[Scope::AppsAdmin],
            Self::Owner => &[Scope::DeploymentAdmin],
        }
    }

    /// Its scopes.
    pub(crate) fn scopes(self) -> Scopes {
        let levels = Self::ALL.into_iter().filter(|level| *level <= self);
        levels.flat_map(|level| level.own().iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_opens_what_the_one_below_opens_and_more() {
        for pair in Level::ALL.windows(2) {
            let [lower, upper] = [pair[0].scopes(), pair[1].scopes()];
            assert_eq!(lower.beyond(upper), None, "{pair:?}");
            assert!(upper.beyond(lower).is_some(), "{pair:?}");
        }
    }

    #[test]
    fn only_an_owner_has_the_deployment_and_only_an_admin_what_is_an_apps() {
        for level in Level::ALL {
            let scopes = level.scopes();
            assert_eq!(scopes.opens(Scope::DeploymentAdmin), level == Level::Owner);
            for admins in [Scope::KeysManage, Scope::TeamManage, Scope::IssuersManage] {
                assert_eq!(scopes.opens(admins), level >= Level::Admin, "{level:?}");
            }
            assert_eq!(Level::named(level.as_str()), Some(level));
            assert_eq!(serde_json::to_value(level).expect("JSON"), level.as_str());
        }
    }
}
