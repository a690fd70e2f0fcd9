//! Decides whether a token is minted, and with which claims. Pure: app, key, revocations, time and id are arguments.

use std::sync::Arc;

use stagedoor_bus::{Bearer, Bound, Bounds, Revocations};
use stagedoor_token::{
    AppId, AtExp, Claims, Confirmation, Fault, Field, Grants, Key, MintError, Narrowing, Refusal,
    Roles, Until, mint, seat,
};

/// A backend's request for a token.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) ttl_s: Option<u64>,
    pub(crate) grants: Option<Narrowing>,
    pub(crate) name: Option<String>,
    pub(crate) meta: Option<String>,
    pub(crate) stay: Stay,
}

/// The requested rules of the stay in the seat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stay {
    pub(crate) once: bool,
    pub(crate) at_exp: AtExp,
    pub(crate) max_stay: Option<u32>,
    pub(crate) until: Until,
    pub(crate) cnf: Option<Confirmation>,
}

/// The lifetimes of an app's tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    pub(crate) ttl_s_default: u64,
    pub(crate) ttl_s_max: u64,
}

/// The app's present state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) lives: Lives,
    pub(crate) roles: &'a Roles,
    pub(crate) key: &'a Key,
    /// Those of the key's line.
    pub(crate) line: &'a Bounds,
    pub(crate) revocations: &'a Revocations,
    /// Those of the credential that asks.
    pub(crate) bounds: &'a Bounds,
}

/// What a token may say in the app now.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) roles: &'a Roles,
    /// Those of the key's line.
    pub(crate) line: &'a Bounds,
    pub(crate) revocations: &'a Revocations,
    /// Those of the credential that asks.
    pub(crate) bounds: &'a Bounds,
}

/// Why no token is minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotIssued {
    /// The door would refuse its claims, or there is no key to sign with.
    Mint(MintError),
    /// A ban covers it until then, Unix seconds; `None`: without an end.
    Banned { ends_s: Option<u64> },
    /// The format of Token04 cannot say it, or the door would refuse it as such.
    Token04 { code: &'static str, detail: Box<str>, field: Field },
    /// It exceeds this bound of the credential that asks, or of the line that signs.
    Exceeds(Bound),
}

impl<T: Into<MintError>> From<T> for NotIssued {
    fn from(error: T) -> Self {
        Self::Mint(error.into())
    }
}

/// A token and its claims.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) claims: Claims,
    pub(crate) grants: Arc<Grants>,
}

/// Mints a token, or says which rule of the door it would fail. The token gets the app's current generation, so that
/// only later revocations hit it.
pub(crate) fn issue(
    wanted: Wanted,
    Terms { lives, roles, key, line, revocations, bounds }: Terms<'_>,
    now_s: u64,
    jti: &str,
) -> Result<Issued, NotIssued> {
    let generation = Some(revocations.generation(key.app()));
    let claims = claims_for(wanted, lives, key.app(), generation, now_s, jti)?;
    let grants = judge(&claims, key.kid(), Rules { roles, line, revocations, bounds }, now_s)?;
    let token = mint(&claims, key)?;
    Ok(Issued { token, claims, grants })
}

/// What the token is to say.
pub(crate) fn claims_for(
    wanted: Wanted,
    lives: Lives,
    app: AppId,
    generation: Option<u64>,
    now_s: u64,
    jti: &str,
) -> Result<Claims, NotIssued> {
    let ttl_s = wanted.ttl_s.unwrap_or(lives.ttl_s_default.min(lives.ttl_s_max));
    if ttl_s > lives.ttl_s_max {
        let what = "at most the app's `ttl_s_max`";
        return Err(Fault::must(Refusal::LifetimeTooLong, Field::of("ttl_s"), what).into());
    }
    if ttl_s == 0 {
        return Err(Fault::must(Refusal::TimesInvalid, Field::of("ttl_s"), "at least 1").into());
    }
    let role = wanted.role.parse().map_err(Refusal::from)?;
    let Stay { once, at_exp, max_stay, until, cnf } = wanted.stay;
    Ok(Claims {
        grants: wanted.grants,
        name: wanted.name,
        meta: wanted.meta,
        generation,
        once,
        at_exp,
        max_stay,
        until,
        cnf,
        ..Claims::builder(app, role)
            .room(&wanted.room)
            .user(&wanted.user)
            .jti(jti)
            .lifetime(now_s, ttl_s)
            .build()
    })
}

/// Whether the app's rules allow it; its effective grants.
pub(crate) fn judge(
    claims: &Claims,
    kid: &str,
    Rules { roles, line, revocations, bounds }: Rules<'_>,
    now_s: u64,
) -> Result<Arc<Grants>, NotIssued> {
    let grants = seat(claims, roles)?;
    for bounds in [bounds, line] {
        bounds.check_claims(claims, roles).map_err(NotIssued::Exceeds)?;
    }
    if let Some(hit) = revocations.find(&Bearer::of(claims, kid), now_s).filter(|hit| hit.ban) {
        return Err(NotIssued::Banned { ends_s: hit.ends_s });
    }
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stagedoor_bus::{Revocation, Target};
    use stagedoor_token::{KeySet, KeyState, Patterns, verify};

    fn try_issue(change: impl FnOnce(&mut Wanted)) -> Result<Issued, NotIssued> {
        issue_among(&Revocations::default(), change)
    }

    fn issue_among(
        revocations: &Revocations,
        change: impl FnOnce(&mut Wanted),
    ) -> Result<Issued, NotIssued> {
        issue_within(revocations, &Bounds::default(), change)
    }

    fn issue_within(
        revocations: &Revocations,
        bounds: &Bounds,
        change: impl FnOnce(&mut Wanted),
    ) -> Result<Issued, NotIssued> {
        let key = Key::hs256(AppId(7), "k", &[1; 32], KeyState::Current).expect("a key");
        let mut wanted = Wanted {
            room: "lobby".into(),
            user: "anna".into(),
            role: "host".into(),
            ttl_s: None,
            grants: None,
            name: None,
            meta: None,
            stay: Stay::default(),
        };
        change(&mut wanted);
        let lives = Lives { ttl_s_default: 60, ttl_s_max: 600 };
        let roles = Roles::built_in();
        let line = &Bounds::default();
        let terms = Terms { lives, roles: &roles, key: &key, line, revocations, bounds };
        issue(wanted, terms, 1_000, "j")
    }

    fn refused(change: impl FnOnce(&mut Wanted)) -> Refusal {
        match try_issue(change).err().expect("a refusal") {
            NotIssued::Mint(MintError::Refused(fault)) => fault.refusal(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_issued_token_verifies_and_has_the_apps_lifetime() {
        let issued = try_issue(|_| {}).expect("a token");
        let key = Key::hs256(AppId(7), "k", &[1; 32], KeyState::Current).expect("a key");
        let claims = verify(&issued.token, &KeySet::from_iter([key]), 1_000).expect("a good token");
        assert_eq!(claims, issued.claims);
        assert_eq!(claims.exp, 1_060);
    }

    #[test]
    fn a_ban_stops_the_mint_and_a_revocation_does_not() {
        let targets = [
            Target::User("anna".into()),
            Target::RoomUser { room: "lobby".into(), user: "anna".into() },
            Target::Room("lobby".into()),
            Target::RoomRole { room: "lobby".into(), role: "host".into() },
            Target::Role("host".into()),
            Target::Key("k".into()),
            Target::App,
        ];
        for target in targets {
            let list = Revocations::default();
            let entry = |generation, ban, ends_s| Revocation {
                app: AppId(7),
                target: target.clone(),
                generation,
                at_s: 1_000,
                ends_s,
                ban,
                reason: None,
            };
            list.add(&entry(3, false, None));
            let issued = issue_among(&list, |_| {}).expect("a token");
            assert_eq!(issued.claims.generation, Some(3));
            let found = list.find(&Bearer::of(&issued.claims, "k"), 1_000);
            assert_eq!(found, None, "{target:?} hits a token from after");
            list.add(&entry(4, true, Some(1_001)));
            let refused = issue_among(&list, |_| {}).err();
            assert_eq!(refused, Some(NotIssued::Banned { ends_s: Some(1_001) }), "{target:?}");
            list.add(&entry(5, true, None));
            let refused = issue_among(&list, |_| {}).err();
            assert_eq!(refused, Some(NotIssued::Banned { ends_s: None }));
        }
    }

    fn bounds(rooms: Option<&[&str]>, roles: Option<&[&str]>, numbers: [Option<u16>; 2]) -> Bounds {
        Bounds {
            rooms: rooms.map(|rooms| Patterns::of(rooms).expect("patterns")),
            roles: roles.map(|r| r.iter().map(|role| role.parse().expect("a role")).collect()),
            rank_max: numbers[0],
            ttl_s_max: numbers[1].map(u64::from),
            ..Bounds::default()
        }
    }

    #[test]
    fn a_ban_beyond_the_bounds_stays_untold() {
        let list = Revocations::default();
        let target = Target::User("anna".into());
        let (generation, at_s, reason) = (1, 1_000, None);
        let app = AppId(7);
        list.add(&Revocation { app, target, generation, at_s, ends_s: None, ban: true, reason });
        let none = bounds(Some(&[]), None, [None; 2]);
        let refused = issue_within(&list, &none, |_| {}).err();
        assert_eq!(refused, Some(NotIssued::Exceeds(Bound::Rooms)));
    }

    fn any_bounds() -> impl Strategy<Value = Bounds> {
        let some = |names: &[&'static str]| {
            let all = names.to_vec();
            proptest::option::of(proptest::sample::subsequence(all.clone(), 0..=all.len()))
        };
        let rooms = some(&["lobby", "l*", "hall", "*"]);
        let roles = some(&["host", "speaker", "audience"]);
        let rank = proptest::option::of(proptest::sample::select(vec![10, 50, 100]));
        let ttl = proptest::option::of(proptest::sample::select(vec![30, 60, 600]));
        let flags = (any::<bool>(), any::<bool>());
        (rooms, roles, rank, ttl, flags).prop_map(|(rooms, roles, rank, ttl, (once, bound))| {
            let bounds = bounds(rooms.as_deref(), roles.as_deref(), [rank, ttl]);
            Bounds { once, bound, ..bounds }
        })
    }

    proptest! {
        #[test]
        fn what_inner_bounds_let_mint_outer_ones_do(
            inner in any_bounds(), outer in any_bounds(), ttl_s in proptest::option::of(1..700_u64),
            role in proptest::sample::select(vec!["host", "speaker", "audience"]),
            room in proptest::sample::select(vec!["lobby", "hall", "loft"]),
            demote in proptest::option::of(proptest::sample::select(vec!["speaker", "audience"])),
            once: bool, bound: bool,
        ) {
            let issue = |bounds: &Bounds| {
                let issued = issue_within(&Revocations::default(), bounds, |wanted| {
                    wanted.room = room.into();
                    wanted.role = role.into();
                    wanted.ttl_s = ttl_s;
                    wanted.stay.once = once;
                    wanted.stay.at_exp = demote.map_or(AtExp::Close, |role| {
                        AtExp::Demote(role.parse().expect("a role"))
                    });
                    let jkt = serde_json::json!({ "jkt": "A".repeat(43) });
                    wanted.stay.cnf = bound.then(|| serde_json::from_value(jkt).expect("a key"));
                });
                issued.map(|issued| issued.claims)
            };
            let unbounded = issue(&Bounds::default());
            let (of_inner, of_outer) = (issue(&inner), issue(&outer));
            if inner.within(&outer).is_ok() && of_inner.is_ok() {
                prop_assert_eq!(&of_outer, &of_inner);
            }
            for bounded in [of_inner, of_outer] {
                let same = bounded == unbounded;
                prop_assert!(same || matches!(bounded, Err(NotIssued::Exceeds(_))), "{:?}", bounded);
            }
        }
    }

    #[test]
    fn a_token_the_door_would_refuse_is_not_issued() {
        assert_eq!(refused(|wanted| wanted.room.clear()), Refusal::RoomInvalid);
        assert_eq!(refused(|wanted| wanted.user = "u".repeat(65)), Refusal::UserInvalid);
        assert_eq!(refused(|wanted| wanted.role = "king".into()), Refusal::RoleUnknown);
        assert_eq!(refused(|wanted| wanted.ttl_s = Some(601)), Refusal::LifetimeTooLong);
        assert_eq!(refused(|wanted| wanted.ttl_s = Some(0)), Refusal::TimesInvalid);
        let wide = serde_json::from_str(r#"{"publish":{"streams":["*"]}}"#).expect("a narrowing");
        let refusal = refused(|wanted| {
            wanted.role = "audience".into();
            wanted.grants = Some(wide);
        });
        assert_eq!(refusal, Refusal::GrantsTooWide);
    }
}
