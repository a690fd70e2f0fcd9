//! Principals and their rights: in which apps, which scopes, within which bounds. Pure: it decides whether
//! something is allowed, and knows no answers of HTTP.
//!
//! No `match` here has an arm for the rest: a new kind of principal must be thought through where the compiler asks.

use std::sync::Arc;

use stagedoor_bus::{Actor, Bounds, bounds::Bound};
use stagedoor_token::AppId;

use crate::scope::{Scope, Scopes};

/// The caller, without its rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The operator's root credential.
    Root,
    /// A backend, by its API key.
    ApiKey { id: Arc<str>, name: Arc<str> },
}

impl Principal {
    /// Its kind, as `GET /v1/me` names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ApiKey { .. } => "api_key",
        }
    }

    /// Its id, for rates and idempotency keys.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::ApiKey { id, .. } => id,
        }
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Root => None,
            Self::ApiKey { name, .. } => Some(name),
        }
    }

    /// The actor that records of its acts name.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Root => Actor::Root,
            Self::ApiKey { id, .. } => Actor::ApiKey(id.clone()),
        }
    }
}

/// The apps in which rights hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apps {
    /// Every app, those to come too, and what belongs to no app.
    All,
    /// One app.
    One(AppId),
}

/// What a principal may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) apps: Apps,
    pub(crate) scopes: Scopes,
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
    /// Those of the operator.
    pub(crate) fn everything() -> Self {
        Self { apps: Apps::All, scopes: Scopes::every(), bounds: Arc::default() }
    }

    /// These as far as they lie in one app, if one is given, and in these scopes.
    pub(crate) fn narrowed(self, to: Option<AppId>, scopes: Scopes) -> Self {
        let is_in = to.is_none_or(|app| self.are_in(app));
        let scopes = if is_in { self.scopes.both(scopes) } else { Scopes::default() };
        let apps = to.filter(|_| is_in).map_or(self.apps, Apps::One);
        Self { apps, scopes, bounds: self.bounds }
    }

    /// Whether they hold in an app at all.
    pub(crate) fn are_in(&self, app: AppId) -> bool {
        match self.apps {
            Apps::All => true,
            Apps::One(own) => own == app,
        }
    }

    /// Whether they open a scope in an app.
    pub(crate) fn open(&self, app: AppId, scope: Scope) -> bool {
        self.are_in(app) && self.scopes.opens(scope)
    }

    /// Whether they open a scope for the deployment as a whole.
    pub(crate) fn open_everywhere(&self, scope: Scope) -> bool {
        match self.apps {
            Apps::All => self.scopes.opens(scope),
            Apps::One(_) => false,
        }
    }

    /// Whether rights of these scopes and bounds, in an app in which these hold, are at most as wide.
    pub(crate) fn hold(&self, scopes: Scopes, bounds: &Bounds) -> Result<(), Wider> {
        if let Some(scope) = scopes.beyond(self.scopes) {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rights(scopes: &[Scope], bounds: &str) -> Rights {
        let bounds = serde_json::from_str::<Bounds>(bounds).expect("bounds").into();
        Rights { apps: Apps::One(AppId(1)), scopes: scopes.iter().copied().collect(), bounds }
    }

    #[test]
    fn an_api_key_opens_its_scopes_in_its_own_app() {
        for held in Scope::ALL {
            let key = rights(&[held], "{}");
            for scope in Scope::EVERY.iter().copied() {
                assert_eq!(key.open(AppId(1), scope), key.scopes.opens(scope));
                assert!(!key.open(AppId(2), scope) && !key.open_everywhere(scope));
                assert!(Rights::everything().open(AppId(9), scope));
                assert!(Rights::everything().open_everywhere(scope));
            }
        }
    }

    #[test]
    fn nobody_gives_a_scope_or_a_bound_beyond_its_own() {
        use Scope::{AppsAdmin, CredentialsManage, RoomsRead, TokensMint, TokensVerify};
        let team = r#"{"rooms":["team-a-*"],"rank_max":50}"#;
        let one = r#"{"rooms":["team-a-1"],"rank_max":5}"#;
        for (outer, scopes, bounds, wider) in [
            (rights(&[AppsAdmin], "{}"), &[TokensMint, AppsAdmin][..], "{}", None),
            (rights(&[TokensMint], "{}"), &[TokensVerify], "{}", None),
            (rights(&[TokensVerify], "{}"), &[TokensMint], "{}", Some(Wider::Scope(TokensMint))),
            (rights(&[AppsAdmin], team), &[RoomsRead], one, None),
            (rights(&[AppsAdmin], team), &[RoomsRead], "{}", Some(Wider::Bound(Bound::Rooms))),
            (
                rights(&[AppsAdmin], team),
                &[RoomsRead],
                r#"{"rooms":["team-a-1"]}"#,
                Some(Wider::Bound(Bound::RankMax)),
            ),
            (rights(&[CredentialsManage], team), &[RoomsRead], "{}", Some(Wider::Scope(RoomsRead))),
        ] {
            let bounds: Bounds = serde_json::from_str(bounds).expect("bounds");
            let scopes = scopes.iter().copied().collect();
            assert_eq!(outer.hold(scopes, &bounds).err(), wider, "{outer:?} {scopes:?} {bounds:?}");
        }
    }

    #[test]
    fn an_act_on_the_app_is_refused_by_the_bounds_it_would_pass() {
        for (bounds, rooms, roles, tokens) in [
            ("{}", None, None, None),
            (r#"{"addresses":["::/0"]}"#, None, None, None),
            (r#"{"rooms":["*"]}"#, Some(Bound::Rooms), Some(Bound::Rooms), Some(Bound::Rooms)),
            (r#"{"rank_max":1}"#, None, Some(Bound::RankMax), Some(Bound::RankMax)),
            (r#"{"roles":[]}"#, None, Some(Bound::Roles), Some(Bound::Roles)),
            (r#"{"ttl_s_max":1}"#, None, None, Some(Bound::TtlSMax)),
            (r#"{"once":true,"label":"a"}"#, None, None, Some(Bound::Once)),
            (r#"{"bound":true}"#, None, None, Some(Bound::Bound)),
            (r#"{"label":"a"}"#, None, None, Some(Bound::Label)),
        ] {
            let rights = rights(&[], bounds);
            let found = [Reach::Rooms, Reach::Roles, Reach::Tokens].map(|r| rights.bound_of(r));
            assert_eq!(found, [rooms, roles, tokens], "{bounds}");
        }
    }

    fn any_scopes() -> impl Strategy<Value = Vec<Scope>> {
        proptest::sample::subsequence(Scope::ALL.to_vec(), 0..=Scope::ALL.len())
    }

    #[test]
    fn narrowed_rights_are_those_of_both() {
        use Scope::{AppsAdmin, TokensMint, TokensVerify};
        let (all, one) = (Rights::everything(), rights(&[AppsAdmin], r#"{"label":"a"}"#));
        let scopes: Scopes = [TokensVerify].into_iter().collect();
        for (own, app, apps, opens) in [
            (&all, None, Apps::All, true),
            (&all, Some(2), Apps::One(AppId(2)), true),
            (&one, None, Apps::One(AppId(1)), true),
            (&one, Some(1), Apps::One(AppId(1)), true),
            (&one, Some(2), Apps::One(AppId(1)), false),
        ] {
            let narrowed = own.clone().narrowed(app.map(AppId), scopes);
            assert_eq!((narrowed.apps, &narrowed.bounds), (apps, &own.bounds));
            assert_eq!(narrowed.scopes.opens(TokensVerify), opens, "{app:?}");
            assert!(!narrowed.scopes.opens(TokensMint) && !narrowed.scopes.opens(AppsAdmin));
        }
    }

    proptest! {
        #[test]
        fn what_both_open_is_what_each_opens(a in any_scopes(), b in any_scopes()) {
            let (a, b): (Scopes, Scopes) = (a.into_iter().collect(), b.into_iter().collect());
            for scope in Scope::EVERY.iter().copied() {
                prop_assert_eq!(a.both(b).opens(scope), a.opens(scope) && b.opens(scope));
            }
        }

        #[test]
        fn what_is_given_on_opens_nothing_more(
            outer in any_scopes(), middle in any_scopes(), inner in any_scopes(),
        ) {
            let [outer, middle, inner] = [outer, middle, inner].map(|scopes| rights(&scopes, "{}"));
            let gives = |a: &Rights, b: &Rights| a.hold(b.scopes, &b.bounds).is_ok();
            prop_assert!(gives(&outer, &outer));
            if gives(&outer, &middle) {
                for scope in Scope::ALL {
                    prop_assert!(!middle.scopes.opens(scope) || outer.scopes.opens(scope));
                }
                prop_assert!(!gives(&middle, &inner) || gives(&outer, &inner));
            }
        }
    }
}
