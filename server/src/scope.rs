//! Scopes: what a credential opens. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! scopes {
    ($($scope:ident $name:tt $words:tt;)*) => {
        /// What a credential opens in its app, or in the whole deployment.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        #[non_exhaustive]
        pub enum Scope {
            $(#[doc = $words] #[serde(rename = $name)] $scope,)*
        }

        impl Scope {
            /// Every scope, in the order of the index.
            pub const EVERY: &'static [Self] = &[$(Self::$scope),*];

            /// What the scope allows.
            pub(crate) fn words(self) -> &'static str {
                match self { $(Self::$scope => $words,)* }
            }

            /// The scope's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$scope => $name,)* }
            }
        }
    };
}

scopes! {
    TokensMint "tokens:mint" "Mint tokens, and what `tokens:verify` opens.";
    TokensVerify "tokens:verify" "Verify tokens.";
    TokensRevoke "tokens:revoke" "Revoke tokens, ban, and lift either.";
    RoomsRead "rooms:read" "Read rooms, members and streams.";
    RoomsModerate "rooms:moderate" "Kick, ban, mute, set roles, close rooms, send messages.";
    RolesWrite "roles:write" "Change the app's roles.";
    KeysManage "keys:manage" "Make, rotate, retire and list signing keys.";
    CredentialsManage "credentials:manage" "Make, rotate, delete and list API keys.";
    IssuersManage "issuers:manage" "Manage issuers of single sign-on, whose rules decide who gets which token.";
    TeamManage "team:manage" "Manage the app's team: who may do what in it.";
    AuditRead "audit:read" "Read the app's audit trail.";
    UsageRead "usage:read" "Read the app's usage; it opens nothing yet.";
    WebhooksManage "webhooks:manage" "Manage the app's webhooks; it opens nothing yet.";
    AppsRead "apps:read" "Read the app and its roles.";
    AppsAdmin "apps:admin" "Change the app, and everything that any other scope opens in it.";
    DeploymentAdmin "deployment:admin" "Create and delete apps, manage operators, read the whole audit trail. No API key has it.";
}

impl Scope {
    /// Every scope that an API key can have.
    pub const ALL: [Self; 15] = [
        Self::TokensMint,
        Self::TokensVerify,
        Self::TokensRevoke,
        Self::RoomsRead,
        Self::RoomsModerate,
        Self::RolesWrite,
        Self::KeysManage,
        Self::CredentialsManage,
        Self::IssuersManage,
        Self::TeamManage,
        Self::AuditRead,
        Self::UsageRead,
        Self::WebhooksManage,
        Self::AppsRead,
        Self::AppsAdmin,
    ];

    /// Whether an API key can have it.
    pub(crate) fn is_of_an_app(self) -> bool {
        self != Self::DeploymentAdmin
    }

    /// Wider scopes, each of which opens what this one opens.
    fn wider(self) -> &'static [Self] {
        match self {
            Self::TokensVerify => &[Self::TokensMint, Self::AppsAdmin],
            Self::AppsAdmin | Self::DeploymentAdmin => &[],
            _ => &[Self::AppsAdmin],
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(u32);

impl Scopes {
    /// Every scope.
    pub(crate) fn every() -> Self {
        Scope::EVERY.iter().copied().collect()
    }

    /// Reads names that are separated by spaces; unknown ones are passed over.
    pub(crate) fn of_text(text: &str) -> Self {
        let named = |name| Scope::EVERY.iter().copied().find(|scope| scope.as_str() == name);
        text.split(' ').filter_map(named).collect()
    }

    /// The names, separated by spaces.
    pub(crate) fn text(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Each, in the order of the index.
    pub(crate) fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::EVERY.iter().copied().filter(move |scope| self.has(*scope))
    }

    /// All that two sets hold.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it opens nothing.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a scope is in the set.
    pub(crate) fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// Whether the set opens what a scope opens: by itself, or by a wider one.
    pub(crate) fn opens(self, scope: Scope) -> bool {
        self.has(scope) || scope.wider().iter().any(|wider| self.has(*wider))
    }

    /// What both open.
    pub(crate) fn both(self, other: Self) -> Self {
        let of = |a: Self, b: Self| a.iter().filter(move |scope| b.opens(*scope));
        of(self, other).chain(of(other, self)).collect()
    }

    /// The first scope of this set that the outer one does not open.
    pub(crate) fn beyond(self, outer: Self) -> Option<Scope> {
        self.iter().find(|scope| !outer.opens(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(scope: Scope) -> Scopes {
        Scopes::from_iter([scope])
    }

    #[test]
    fn an_api_key_can_have_every_scope_but_the_deployments() {
        let every: Vec<Scope> = Scope::ALL.into_iter().chain([Scope::DeploymentAdmin]).collect();
        assert_eq!(every, Scope::EVERY);
        assert!(Scope::ALL.iter().all(|scope| scope.is_of_an_app()));
    }

    #[test]
    fn admin_opens_all_of_its_app_and_mint_opens_verify() {
        for held in Scope::EVERY.iter().copied() {
            for asked in Scope::EVERY.iter().copied() {
                let opens = held == asked
                    || (held == Scope::AppsAdmin && asked.is_of_an_app())
                    || (held == Scope::TokensMint && asked == Scope::TokensVerify);
                assert_eq!(only(held).opens(asked), opens, "{held:?} {asked:?}");
            }
        }
    }

    #[test]
    fn a_set_is_read_as_it_is_written_and_passes_over_others() {
        for set in [Scopes::default(), Scopes::every(), only(Scope::RoomsRead)] {
            assert_eq!(Scopes::of_text(&set.text()), set);
        }
        assert_eq!(Scopes::of_text("root rooms:read  x"), only(Scope::RoomsRead));
    }

    #[test]
    fn what_two_sets_have_in_common_is_what_both_open() {
        for one in Scope::EVERY.iter().copied() {
            for other in Scope::EVERY.iter().copied() {
                let both_sets = only(one).both(only(other));
                for scope in Scope::EVERY.iter().copied() {
                    let both = only(one).opens(scope) && only(other).opens(scope);
                    assert_eq!(both_sets.opens(scope), both, "{one:?} {other:?} {scope:?}");
                }
            }
        }
    }

    #[test]
    fn opening_is_transitive_so_nobody_gains_by_giving() {
        for outer in Scope::EVERY.iter().copied() {
            for middle in Scope::EVERY.iter().copied().filter(|scope| only(outer).opens(*scope)) {
                for inner in Scope::EVERY.iter().copied().filter(|scope| only(middle).opens(*scope))
                {
                    assert!(only(outer).opens(inner), "{outer:?} {middle:?} {inner:?}");
                }
            }
        }
    }
}
