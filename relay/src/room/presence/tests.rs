use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use proptest::prelude::*;
use stagedoor_token::Roles;

use super::*;

const ALL: BatchMax = BatchMax { members: usize::MAX, bytes: usize::MAX };

fn change(user: &str, role: &str) -> Change {
    let grants = Roles::built_in().get(role).expect("a built-in role").grants().clone();
    let member = Member { user: user.into(), role: role.into(), name: None, meta: None };
    Change { member, grants }
}

fn users(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.member.user.as_str()).collect()
}

fn at_most(members: usize) -> BatchMax {
    BatchMax { members, ..ALL }
}

#[test]
fn a_join_and_a_leave_cancel_out() {
    let mut presence = Presence::default();
    presence.joined(change("anna", "host"));
    presence.left(change("anna", "host"));
    assert!(presence.is_empty());
    presence.left(change("bob", "host"));
    presence.joined(change("bob", "host"));
    assert!(presence.is_empty());
}

#[test]
fn a_changed_returner_is_announced_as_leaving_first() {
    let mut presence = Presence::default();
    presence.left(change("bob", "host"));
    presence.joined(change("bob", "observer"));
    presence.left(change("bob", "observer"));
    presence.joined(change("bob", "speaker"));
    let Batch { left, joined, .. } = presence.take(None, ALL);
    assert_eq!((&*left[0].member.role, &*joined[0].member.role), ("host", "speaker"));
    assert_eq!((left.len(), joined.len(), presence.is_empty()), (1, 1, true));
}

#[test]
fn an_unchanged_returner_never_left() {
    let mut presence = Presence::default();
    presence.left(change("bob", "host"));
    presence.joined(change("bob", "observer"));
    assert!(presence.changed(&change("bob", "host")));
    assert!(presence.is_empty());
    assert!(!presence.changed(&change("bob", "observer")), "everybody was told");
}

#[test]
fn the_leave_of_a_listed_member_is_announced() {
    let mut presence = Presence::default();
    presence.joined(change("anna", "host"));
    presence.is_listed();
    presence.joined(change("bob", "host"));
    presence.left(change("anna", "host"));
    presence.left(change("bob", "host"));
    let Batch { left, joined, .. } = presence.take(None, ALL);
    assert_eq!((users(&left), users(&joined)), (vec!["anna"], vec![]), "nobody found bob");
}

#[test]
fn a_returner_missing_from_a_list_is_announced_as_leaving_first() {
    let mut presence = Presence::default();
    presence.left(change("anna", "host"));
    presence.is_listed();
    presence.joined(change("anna", "host"));
    let Batch { left, joined, .. } = presence.take(None, ALL);
    assert_eq!((users(&left), users(&joined)), (vec!["anna"], vec!["anna"]));
}

#[test]
fn a_listed_member_that_fewer_see_now_leaves_first() {
    let mut presence = Presence::default();
    presence.joined(change("bob", "speaker"));
    presence.is_listed();
    assert!(presence.changed(&change("bob", "observer")));
    assert!(presence.changed(&change("bob", "host")), "nobody found it in between");
    let Batch { left, joined, .. } = presence.take(None, ALL);
    assert_eq!(left.len(), 1);
    assert_eq!((&*left[0].member.role, &*joined[0].member.role), ("speaker", "host"));
}

#[test]
fn many_joins_and_leaves_leave_nothing_behind() {
    let mut presence = Presence::default();
    for n in 0..10_000 {
        let user = format!("u{}", n % 700);
        presence.joined(change(&user, "host"));
        presence.left(change(&user, "host"));
    }
    assert!(presence.is_empty());
    assert!(presence.order.len() <= STALE_MAX, "{}", presence.order.len());
    presence.joined(change("u1", "host"));
    assert_eq!(users(&presence.take(None, at_most(9)).joined), ["u1"]);
}

#[test]
fn a_batch_is_bounded_and_keeps_the_order_but_for_the_first() {
    let mut presence = Presence::default();
    for user in ["c", "a", "b", "d"] {
        presence.joined(change(user, "host"));
    }
    assert_eq!(users(&presence.take(Some("b"), at_most(2)).joined), ["b", "c"]);
    assert_eq!(users(&presence.take(Some("nobody"), at_most(2)).joined), ["a", "d"]);
    assert!(presence.is_empty());
}

#[test]
fn a_batch_is_bounded_in_bytes_and_one_member_always_fits() {
    let mut presence = Presence::default();
    let mut large = change("large", "host");
    large.member.meta = Some("\u{1}".repeat(100));
    for change in [change("a", "host"), large, change("b", "host")] {
        presence.joined(change);
    }
    let max = BatchMax { bytes: 300, ..ALL };
    assert_eq!(users(&presence.take(None, max).joined), ["a"]);
    assert_eq!(users(&presence.take(None, max).joined), ["large"], "600 bytes by itself");
    assert_eq!(users(&presence.take(Some("b"), max).joined), ["b"]);
}

proptest! {
    /// Whatever is announced and when: nobody leaves who was not there, nobody joins who is, and in the end everybody
    /// knows who is there, as what, including those who read a list meanwhile.
    #[test]
    fn announcements_are_each_users_life_in_order(
        lists in any::<bool>(),
        acts in prop::collection::vec((0_usize..4, 0_usize..6, 1_usize..4), 0..60),
    ) {
        const USERS: [&str; 4] = ["a", "b", "c", "d"];
        const ROLES: [&str; 3] = ["host", "speaker", "observer"];
        let mut presence = Presence::default();
        let (mut there, mut told) = (BTreeMap::new(), BTreeMap::new());
        // The knowledge of a viewer who last read a list and then got all announcements.
        let known = RefCell::new(BTreeMap::<String, String>::new());
        let mut tell = |batch: Batch| {
            let mut known = known.borrow_mut();
            batch.left.iter().for_each(|left| drop(known.remove(&left.member.user)));
            let came = batch.joined.iter().map(|joined| &joined.member);
            known.extend(came.map(|member| (member.user.clone(), member.role.clone())));
            let mut seen = BTreeSet::new();
            for left in batch.left {
                let was_there = told.remove(&left.member.user).is_some();
                assert!(was_there || lists, "nobody leaves twice");
            }
            for joined in batch.joined {
                assert!(seen.insert(joined.member.user.clone()));
                let before = told.insert(joined.member.user.clone(), joined.member.role.clone());
                assert!(before.is_none(), "nobody comes twice");
            }
        };
        for (user, act, max) in acts {
            let user = USERS[user];
            match (act, there.get(user).copied()) {
                (0..=2, None) => {
                    there.insert(user, ROLES[act]);
                    presence.joined(change(user, ROLES[act]));
                }
                (0, Some(_)) => {
                    there.insert(user, "cohost");
                    // Viewers who know the member get `role_changed`, which is not part of this file.
                    let waits = presence.changed(&change(user, "cohost"));
                    if !waits {
                        tell(Batch { left: vec![change(user, "host")], ..Batch::default() });
                        tell(Batch { joined: vec![change(user, "cohost")], ..Batch::default() });
                    }
                }
                (1 | 2, Some(role)) => {
                    there.remove(user);
                    presence.left(change(user, role));
                }
                (3, _) => tell(presence.take(Some(user), at_most(max))),
                (5, _) if lists => {
                    presence.is_listed();
                    let found = there.iter().map(|(user, role)| ((*user).into(), (*role).into()));
                    known.replace(found.collect());
                }
                _ => tell(presence.take(None, at_most(max))),
            }
            prop_assert!(act != 3 || !presence.waits_for(user));
        }
        while !presence.is_empty() {
            tell(presence.take(None, at_most(1)));
        }
        let there: BTreeMap<String, String> =
            there.iter().map(|(user, role)| ((*user).into(), (*role).into())).collect();
        prop_assert_eq!(&told, &there);
        prop_assert_eq!(known.into_inner(), there);
    }
}
