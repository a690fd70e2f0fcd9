//! Tests of rights.

use proptest::prelude::*;

use super::*;
use crate::level::Level;

fn rights(scopes: &[Scope], bounds: &str) -> Rights {
    let bounds = serde_json::from_str::<Bounds>(bounds).expect("bounds");
    Rights::in_app(AppId(1), scopes.iter().copied().collect(), bounds)
}

#[test]
fn an_api_key_opens_its_scopes_in_its_own_app() {
    for held in Scope::ALL {
        let key = rights(&[held], "{}");
        for scope in Scope::EVERY.iter().copied() {
            assert_eq!(key.open(AppId(1), scope), Scopes::from_iter([held]).opens(scope));
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
        assert_eq!(
            outer.hold(AppId(1), scopes, &bounds).err(),
            wider,
            "{outer:?} {scopes:?} {bounds:?}"
        );
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

#[test]
fn levels_hold_in_their_apps_and_beside_them_everywhere() {
    let level = |level: Level| level.scopes();
    let operator = Rights::of(
        level(Level::Viewer),
        [(AppId(2), level(Level::Admin)), (AppId(1), level(Level::Support))],
    );
    assert!(
        operator.open(AppId(9), Scope::AppsRead) && !operator.open(AppId(9), Scope::TokensRevoke)
    );
    assert!(
        operator.open(AppId(1), Scope::TokensRevoke) && !operator.open(AppId(1), Scope::TokensMint)
    );
    assert!(operator.open(AppId(2), Scope::KeysManage) && operator.open(AppId(2), Scope::AppsRead));
    assert!(!operator.open(AppId(2), Scope::DeploymentAdmin));
    assert_eq!(operator.apps(Scope::AppsRead), Some(Apps::All));
    assert_eq!(operator.apps(Scope::AuditRead), Some(Apps::These(vec![AppId(1), AppId(2)])));
    assert_eq!(operator.apps(Scope::DeploymentAdmin), None);
    assert_eq!(operator.only_app(), None);
    let of_one = Rights::of(Scopes::default(), [(AppId(3), level(Level::Viewer))]);
    assert!(of_one.only_app() == Some(AppId(3)) && !of_one.are_in(AppId(1)));
    assert!(!Rights::of(Scopes::default(), []).are_in(AppId(1)));
}

#[test]
fn a_token_of_an_operator_opens_what_both_open() {
    use Scope::{AppsAdmin, AppsRead, RolesWrite, TokensMint, TokensVerify};
    let owner = Rights::of(
        Level::Viewer.scopes(),
        [(AppId(1), Level::Admin.scopes()), (AppId(2), Level::Support.scopes())],
    );
    let token = |scopes: &[Scope]| owner.clone().narrowed(None, scopes.iter().copied().collect());
    let mints = token(&[TokensMint]);
    assert!(mints.open(AppId(1), TokensMint) && mints.open(AppId(1), TokensVerify));
    assert!(!mints.open(AppId(2), TokensMint) && mints.open(AppId(2), TokensVerify));
    assert!(!mints.open(AppId(1), AppsRead) && !mints.open(AppId(3), AppsRead));
    let admin = token(&[AppsAdmin]);
    assert!(admin.open(AppId(1), AppsAdmin) && admin.open(AppId(1), RolesWrite));
    assert!(!admin.open(AppId(2), AppsAdmin) && admin.open(AppId(2), TokensVerify));
    assert!(admin.open(AppId(3), AppsRead) && !admin.open(AppId(3), TokensVerify));
}

fn any_scopes() -> impl Strategy<Value = Vec<Scope>> {
    proptest::sample::subsequence(Scope::ALL.to_vec(), 0..=Scope::ALL.len())
}

#[test]
fn narrowed_rights_are_those_of_both() {
    use Scope::{AppsAdmin, TokensMint, TokensVerify};
    let (all, one) = (Rights::everything(), rights(&[AppsAdmin], r#"{"label":"a"}"#));
    let scopes: Scopes = [TokensVerify].into_iter().collect();
    for (own, app, opened) in [
        (&all, None, [true, true]),
        (&all, Some(2), [false, true]),
        (&one, None, [true, false]),
        (&one, Some(1), [true, false]),
        (&one, Some(2), [false, false]),
    ] {
        let narrowed = own.clone().narrowed(app.map(AppId), scopes);
        assert_eq!(narrowed.bounds, own.bounds);
        let found = [1, 2].map(|app| narrowed.open(AppId(app), TokensVerify));
        assert_eq!(found, opened, "{app:?}");
        for scope in [TokensMint, AppsAdmin] {
            assert!(!narrowed.open(AppId(1), scope) && !narrowed.open(AppId(2), scope));
        }
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
        let gives = |a: &Rights, b: &Rights| a.hold(AppId(1), b.anywhere(), &b.bounds).is_ok();
        prop_assert!(gives(&outer, &outer));
        if gives(&outer, &middle) {
            for scope in Scope::ALL {
                prop_assert!(!middle.open(AppId(1), scope) || outer.open(AppId(1), scope));
            }
            prop_assert!(!gives(&middle, &inner) || gives(&outer, &inner));
        }
    }
}
