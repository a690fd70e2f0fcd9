//! Principals and their rights: in which apps, which scopes, within which bounds. Pure: it decides whether
//! something is allowed, and knows no answers of HTTP.
//!
//! No `match` here has an arm for the rest: a new kind of principal must be thought through where the compiler asks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stagedoor_bus::{Actor, Bounds, bounds::Bound};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use crate::scope::{Scope, Scopes};

/// What an operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OperatorKind {
    /// A person, who logs in.
    Person,
    /// A program, which never logs in.
    Service,
}

impl OperatorKind {
    /// The kind's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
}

/// The caller, without its rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The root credential's holder.
    Root,
    /// A backend, by its API key.
    ApiKey { id: Arc<str>, name: Arc<str> },
    /// One of the team.
    Operator { id: Arc<str>, name: Arc<str>, kind: OperatorKind },
}

impl Principal {
    /// Its kind, as `GET /v1/me` names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ApiKey { .. } => "api_key",
            Self::Operator { kind, .. } => kind.as_str(),
        }
    }

    /// Its id, for rates and idempotency keys.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::ApiKey { id, .. } | Self::Operator { id, .. } => id,
        }
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::ApiKey { name, .. } | Self::Operator { name, .. } => Some(name),
        }
    }

    /// The actor that records of its acts name.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Root => Actor::Root,
            Self::ApiKey { id, .. } => Actor::ApiKey(id.clone()),
            Self::Operator { id, .. } => Actor::Operator(id.clone()),
        }
    }
}

/// The apps in which rights open a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apps {
    /// Every app, those to come too, and what belongs to no app.
    All,
    /// These, in order.
    These(Vec<AppId>),
}

/// What a principal may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// In every app, those to come too, and in what belongs to no app.
    everywhere: Scopes,
    /// In these apps, beside that. Each app once, in order.
    each: Arc<[(AppId, Scopes)]>,
    pub(crate) bounds: Arc<Bounds>,
}

/// In what rights are wider than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wider {
    /// In a scope that the others do not open.
    Scope(Scope),
    /// In a field of the bounds.
    Bound(Bound),
}

impl Rights {
    /// Those of the root credential.
    pub(crate) fn everything() -> Self {
        Self::of(Scopes::every(), [])
    }

    /// Scopes in one app.
    pub(crate) fn in_app(app: AppId, scopes: Scopes, bounds: Bounds) -> Self {
        Self { bounds: Arc::new(bounds), ..Self::of(Scopes::default(), [(app, scopes)]) }
    }

    /// Scopes everywhere, and beside them in single apps.
    pub(crate) fn of(everywhere: Scopes, each: impl IntoIterator<Item = (AppId, Scopes)>) -> Self {
        let mut each: Vec<_> = each.into_iter().collect();
        each.sort_unstable_by_key(|(app, _)| *app);
        each.dedup_by_key(|(app, _)| *app);
        Self { everywhere, each: each.into(), bounds: Arc::default() }
    }

    /// The scopes that hold in an app; `None`: no rights are valid for it at all.
    pub(crate) fn scopes_in(&self, app: AppId) -> Option<Scopes> {
        let own = self.each.binary_search_by_key(&app, |(app, _)| *app);
        let own = own.ok().and_then(|at| self.each.get(at)).map(|(_, scopes)| *scopes);
        match own {
            None if self.everywhere.is_empty() => None,
            own => Some(self.everywhere.and(own.unwrap_or_default())),
        }
    }

    /// The scopes that hold in every app.
    pub(crate) fn everywhere(&self) -> Scopes {
        self.everywhere
    }

    /// The apps with scopes of their own, and those scopes.
    pub(crate) fn each(&self) -> &[(AppId, Scopes)] {
        &self.each
    }

    /// The scopes that hold anywhere.
    pub(crate) fn anywhere(&self) -> Scopes {
        self.each.iter().fold(self.everywhere, |all, (_, scopes)| all.and(*scopes))
    }

    /// The app, if they hold in one only.
    pub(crate) fn only_app(&self) -> Option<AppId> {
        match &*self.each {
            [(app, _)] if self.everywhere.is_empty() => Some(*app),
            _ => None,
        }
    }

    /// These as far as they lie in one app, if one is given, and in these scopes.
    pub(crate) fn narrowed(self, to: Option<AppId>, scopes: Scopes) -> Self {
        let narrowed = match to {
            Some(app) => {
                let own = self.scopes_in(app).map(|own| (app, own.both(scopes)));
                Self::of(Scopes::default(), own)
            }
            None => {
                let each = self.each.iter().map(|(app, own)| (*app, own.both(scopes)));
                Self::of(self.everywhere.both(scopes), each)
            }
        };
        Self { bounds: self.bounds, ..narrowed }
    }

    /// Whether they hold in an app at all.
    pub(crate) fn are_in(&self, app: AppId) -> bool {
        self.scopes_in(app).is_some()
    }

    /// Whether they open a scope in an app.
    pub(crate) fn open(&self, app: AppId, scope: Scope) -> bool {
        self.scopes_in(app).is_some_and(|scopes| scopes.opens(scope))
    }

    /// Whether they open a scope for the deployment as a whole.
    pub(crate) fn open_everywhere(&self, scope: Scope) -> bool {
        self.everywhere.opens(scope)
    }

    /// The apps in which they open a scope; `None`: in none.
    pub(crate) fn apps(&self, scope: Scope) -> Option<Apps> {
        if self.open_everywhere(scope) {
            return Some(Apps::All);
        }
        let opened = self.each.iter().filter(|(_, scopes)| scopes.opens(scope));
        let opened: Vec<AppId> = opened.map(|(app, _)| *app).collect();
        (!opened.is_empty()).then_some(Apps::These(opened))
    }

    /// Whether rights of these scopes and bounds in every app are at most as wide.
    pub(crate) fn hold_everywhere(&self, scopes: Scopes, bounds: &Bounds) -> Result<(), Wider> {
        if let Some(scope) = scopes.beyond(self.everywhere) {
            return Err(Wider::Scope(scope));
        }
        bounds.within(&self.bounds).map_err(Wider::Bound)
    }

    /// Whether rights of these scopes and bounds in an app are at most as wide.
    pub(crate) fn hold(&self, app: AppId, scopes: Scopes, bounds: &Bounds) -> Result<(), Wider> {
        if let Some(scope) = scopes.beyond(self.scopes_in(app).unwrap_or_default()) {
            return Err(Wider::Scope(scope));
        }
        bounds.within(&self.bounds).map_err(Wider::Bound)
    }

    /// The bound, if there is one, that an act on the whole app would reach around.
    pub(crate) fn bound_of(&self, reach: Reach) -> Option<Bound> {
        let Bounds { rooms, roles, rank_max, ttl_s_max, once, bound, label, addresses: _ } =
            &*self.bounds;
        let bounded = [
            (Bound::Rooms, rooms.is_some(), true),
            (Bound::Roles, roles.is_some(), reach >= Reach::Roles),
            (Bound::RankMax, rank_max.is_some(), reach >= Reach::Roles),
            (Bound::TtlSMax, ttl_s_max.is_some(), reach >= Reach::Tokens),
            (Bound::Once, *once, reach >= Reach::Tokens),
            (Bound::Bound, *bound, reach >= Reach::Tokens),
            (Bound::Label, label.is_some(), reach >= Reach::Tokens),
        ];
        let exceeded = bounded.into_iter().find(|(_, is_bounded, reaches)| *is_bounded && *reaches);
        exceeded.map(|(bound, ..)| bound)
    }
}

/// How far an act that is about no room reaches; each kind reaches further than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// All rooms of the app.
    Rooms,
    /// What roles are, in all rooms.
    Roles,
    /// What tokens say: a secret that signs any.
    Tokens,
}

#[cfg(test)]
mod tests;
