//! The list compared with a naive one, and expiry.

use proptest::prelude::*;
use stagedoor_token::{AppId, Limits};

use super::*;

const NOW_S: u64 = 1_700_000_000;

fn entry(target: Target, generation: u64) -> Revocation {
    Revocation {
        app: AppId(1),
        target,
        generation,
        at_s: NOW_S,
        ends_s: None,
        ban: false,
        reason: None,
    }
}

fn anna(iat: u64, generation: Option<u64>) -> Bearer<'static> {
    Bearer {
        app: AppId(1),
        room: "main",
        user: "anna",
        role: "speaker",
        kid: "k1",
        jti: "t1",
        iat,
        generation,
    }
}

fn targets_of_anna() -> Vec<Target> {
    let text = str::to_owned;
    vec![
        Target::Jti(text("t1")),
        Target::User(text("anna")),
        Target::RoomUser { room: text("main"), user: text("anna") },
        Target::Room(text("main")),
        Target::RoomRole { room: text("main"), role: text("speaker") },
        Target::Role(text("speaker")),
        Target::Key(text("k1")),
        Target::App,
    ]
}

/// The rule for one entry.
fn naive_hit(entry: &Revocation, bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
    let matches = match &entry.target {
        Target::Jti(jti) => jti == bearer.jti,
        Target::User(user) => user == bearer.user,
        Target::RoomUser { room, user } => room == bearer.room && user == bearer.user,
        Target::Room(room) => room == bearer.room,
        Target::RoomRole { room, role } => room == bearer.room && role == bearer.role,
        Target::Role(role) => role == bearer.role,
        Target::Key(kid) => kid == bearer.kid,
        Target::App => true,
    };
    if entry.app != bearer.app || !matches {
        return None;
    }
    if entry.ban {
        let over = entry.ends_s.is_some_and(|ends_s| now_s >= ends_s);
        return (!over).then_some(Hit { ban: true, ends_s: entry.ends_s });
    }
    let before = match bearer.generation {
        Some(generation) => generation < entry.generation,
        None => bearer.iat <= entry.at_s,
    };
    let hit = matches!(entry.target, Target::Jti(_)) || before;
    hit.then_some(Hit { ban: false, ends_s: None })
}

fn naive(entries: &[Revocation], bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
    let hits: Vec<Hit> =
        entries.iter().filter_map(|entry| naive_hit(entry, bearer, now_s)).collect();
    let bans = || hits.iter().filter(|hit| hit.ban);
    if bans().any(|hit| hit.ends_s.is_none()) {
        return Some(Hit { ban: true, ends_s: None });
    }
    bans().max_by_key(|hit| hit.ends_s).or(hits.first()).copied()
}

/// Few names, so that entries collide with each other and the bearer; a room and a user may have the same.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        name().prop_map(Target::Jti),
        name().prop_map(Target::User),
        (name(), name()).prop_map(|(room, user)| Target::RoomUser { room, user }),
        name().prop_map(Target::Room),
        (name(), name()).prop_map(|(room, role)| Target::RoomRole { room, role }),
        name().prop_map(Target::Role),
        name().prop_map(Target::Key),
        Just(Target::App),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add { app: u32, target: Target, ban: bool, for_s: Option<u64> },
    Lift { nth: usize },
    Forget,
    ForgetApp { app: u32 },
    Pass { s: u64 },
    Find { app: u32, names: [String; 5], age_s: u64, generation: Option<u64> },
}

fn step() -> impl Strategy<Value = Step> {
    let names = [name(), name(), name(), name(), name()];
    prop_oneof![
        6 => (0..2_u32, target(), any::<bool>(), prop::option::of(0..200_000_u64))
            .prop_map(|(app, target, ban, for_s)| Step::Add { app, target, ban, for_s }),
        1 => (0..20_usize).prop_map(|nth| Step::Lift { nth }),
        1 => Just(Step::Forget),
        1 => (0..2_u32).prop_map(|app| Step::ForgetApp { app }),
        3 => (0..60_000_u64).prop_map(|s| Step::Pass { s }),
        12 => (0..2_u32, names, 0..86_000_u64, prop::option::of(0..12_u64)).prop_map(
            |(app, names, age_s, generation)| Step::Find { app, names, age_s, generation }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn find_agrees_with_a_naive_list(steps in prop::collection::vec(step(), 1..80)) {
        let list = Revocations::default();
        let mut entries: Vec<Revocation> = Vec::new();
        let (mut now_s, mut generations) = (NOW_S, [0_u64; 2]);
        // For each app, when each generation began: what a token minted then may contain.
        let mut began: [Vec<u64>; 2] = [vec![NOW_S - 86_400], vec![NOW_S - 86_400]];
        for step in steps {
            match step {
                Step::Add { app, target, ban, for_s } => {
                    let (nth, ends_s) = (app as usize, for_s.filter(|_| ban));
                    generations[nth] += 1;
                    began[nth].push(now_s);
                    let entry = Revocation {
                        app: AppId(app),
                        target,
                        generation: generations[nth],
                        at_s: now_s,
                        ends_s: ends_s.map(|s| now_s + s),
                        ban,
                        reason: None,
                    };
                    list.add(&entry);
                    prop_assert_eq!(list.generation(AppId(app)), generations[nth]);
                    entries.push(entry);
                }
                Step::Lift { nth } => {
                    if nth < entries.len() {
                        let lifted = entries.remove(nth);
                        let left: Vec<Revocation> =
                            entries.iter().filter(|entry| entry.app == lifted.app).cloned().collect();
                        list.lift(lifted.app, &lifted.target, &left);
                    }
                }
                Step::Forget => { list.forget(now_s); }
                Step::ForgetApp { app } => {
                    list.forget_app(AppId(app));
                    entries.retain(|entry| entry.app != AppId(app));
                    // Its tokens are gone with its keys; a new app with the number starts fresh.
                    generations[app as usize] = 0;
                    began[app as usize] = vec![now_s];
                }
                Step::Pass { s } => now_s += s,
                Step::Find { app, names: [room, user, role, kid, jti], age_s, generation } => {
                    let began = &began[app as usize];
                    let iat = match generation {
                        // A token of a generation was issued when it began, or later.
                        Some(generation) => began.get(generation as usize).copied().unwrap_or(now_s),
                        None => now_s - age_s,
                    };
                    if now_s - iat >= Limits::DEFAULT.ttl_s_max {
                        continue;
                    }
                    let bearer = Bearer {
                        app: AppId(app),
                        room: &room,
                        user: &user,
                        role: &role,
                        kid: &kid,
                        jti: &jti,
                        iat,
                        generation,
                    };
                    let jti_old = entries.iter().any(|entry| {
                        entry.target == Target::Jti(jti.clone()) && now_s >= entry.at_s + REVOCATION_KEPT_S
                    });
                    // A bearer whose entry may have expired has no token that verifies.
                    if !jti_old {
                        prop_assert_eq!(list.find(&bearer, now_s), naive(&entries, &bearer, now_s));
                    }
                }
            }
        }
    }
}

#[test]
fn a_held_entry_works_like_a_listed_one_until_dropped() {
    let list = Arc::new(Revocations::default());
    let bearer = anna(NOW_S, None);
    for target in targets_of_anna() {
        for ban in [false, true] {
            let short =
                Revocation { ban, ends_s: ban.then_some(NOW_S + 9), ..entry(target.clone(), 5) };
            let long = Revocation { ends_s: None, ..short.clone() };
            let (first, second) =
                (Revocations::hold(&list, &short), Revocations::hold(&list, &long));
            let both = naive(&[short.clone(), long.clone()], &bearer, NOW_S);
            assert_eq!(list.find(&bearer, NOW_S), both, "{target:?}");
            assert!(list.is_empty(), "it is not in the list");
            list.add(&short);
            drop(second);
            assert_eq!(
                list.find(&bearer, NOW_S),
                naive(std::slice::from_ref(&short), &bearer, NOW_S)
            );
            list.lift(AppId(1), &target, &[]);
            assert_eq!(list.find(&bearer, NOW_S), naive(&[short], &bearer, NOW_S));
            drop(first);
            assert_eq!(list.find(&bearer, NOW_S), None, "{target:?}");
        }
    }
}

#[test]
fn a_target_hits_only_its_earlier_tokens() {
    for target in targets_of_anna() {
        let list = Revocations::default();
        list.add(&entry(target.clone(), 5));
        let by_id = matches!(target, Target::Jti(_));
        for (iat, generation, hit) in [
            (NOW_S - 9, Some(4), true),
            (NOW_S, Some(5), by_id),
            (NOW_S, None, true),
            (NOW_S + 1, None, by_id),
        ] {
            let found = list.find(&anna(iat, generation), NOW_S);
            assert_eq!(found.is_some(), hit, "{target:?} {iat} {generation:?}");
            assert!(found.is_none_or(|hit| !hit.ban));
        }
        let other = Bearer {
            room: "other",
            user: "ben",
            role: "host",
            kid: "k2",
            jti: "t2",
            ..anna(NOW_S, None)
        };
        assert_eq!(list.find(&other, NOW_S).is_some(), target == Target::App, "{target:?}");
        let of_another_app = Bearer { app: AppId(2), ..anna(NOW_S, None) };
        assert_eq!(list.find(&of_another_app, NOW_S), None);
    }
}

#[test]
fn a_ban_hits_every_token_until_its_end() {
    for target in targets_of_anna() {
        let list = Revocations::default();
        let until = |ends_s| Revocation { ban: true, ends_s, ..entry(target.clone(), 1) };
        list.add(&until(Some(NOW_S + 60)));
        let new = anna(NOW_S + 9, Some(9));
        let hit = |ends_s| Some(Hit { ban: true, ends_s });
        assert_eq!(list.find(&new, NOW_S + 59), hit(Some(NOW_S + 60)));
        assert_eq!(list.find(&new, NOW_S + 60), None, "{target:?}");
        list.add(&until(Some(NOW_S + 30)));
        assert_eq!(
            list.find(&new, NOW_S + 59),
            hit(Some(NOW_S + 60)),
            "a shorter ban does not shorten another"
        );
        list.add(&until(None));
        assert_eq!(list.find(&new, NOW_S * 2), hit(None));
        list.lift(AppId(1), &target, &[until(Some(NOW_S + 60))]);
        assert_eq!(list.find(&new, NOW_S + 59), hit(Some(NOW_S + 60)), "one of two was lifted");
        list.lift(AppId(1), &target, &[]);
        assert_eq!((list.find(&new, NOW_S), list.len()), (None, 0));
    }
}

#[test]
fn entries_expire_with_the_last_token_they_could_hit() {
    let list = Revocations::default();
    for target in targets_of_anna() {
        list.add(&entry(target, 1));
    }
    list.add(&Revocation { ban: true, ..entry(Target::User("for-good".into()), 1) });
    let until = Some(NOW_S + 5);
    list.add(&Revocation { ban: true, ends_s: until, ..entry(Target::User("until".into()), 1) });
    assert_eq!((list.len(), list.forget(NOW_S + 4)), (10, 0));
    assert_eq!((list.forget(NOW_S + 5), list.len()), (1, 9));
    assert_eq!(list.forget(NOW_S + REVOCATION_KEPT_S - 1), 0);
    assert_eq!((list.forget(NOW_S + REVOCATION_KEPT_S), list.len()), (8, 1));
    assert_eq!(list.forget(u64::MAX), 0);
    assert_eq!(list.generation(AppId(1)), 1, "the generation outlives its entries");
    list.forget_app(AppId(1));
    assert_eq!((list.len(), list.generation(AppId(1))), (0, 0));
}
