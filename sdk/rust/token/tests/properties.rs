//! What holds for all claims, all mutations, all grants: sampled.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

#[path = "properties/model.rs"]
mod model;
#[path = "properties/mutated.rs"]
mod mutated;
#[path = "properties/sampled.rs"]
mod sampled;

use std::sync::Arc;

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use stagedoor_token::{
    Fault, Grants, KeySet, Narrowing, Refusal, Role, lapsed, mint, narrow, verify, verify_with_key,
};

use model::{Act, allows, end_of, model, stands_for, widths};
use mutated::{KINDS, mutate, mutation, tokens};
use sampled::{NOW_S, act, claims, every_name, fitted, grants, key, narrowing, patterns, until};

/// More cases than by default, since each is quick; `PROPTEST_CASES` sets a quarter of them.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases * 4, failure_persistence: None, ..default }
}

/// How many mutations of each kind are tried on a token of each algorithm.
const MUTATIONS: usize = 10_000;

#[test]
fn no_mutation_of_any_kind_verifies_by_any_algorithm() {
    let mut runner = TestRunner::deterministic();
    let claims = claims().new_tree(&mut runner).expect("claims").current();
    for (token, key) in tokens(&claims) {
        let keys = KeySet::from_iter([&key]);
        assert_eq!(verify(&token, &keys, NOW_S).as_ref(), Ok(&claims));
        for kind in KINDS {
            let mut tried = 0;
            while tried < MUTATIONS {
                let sample = any::<(u8, prop::sample::Index)>().new_tree(&mut runner);
                let (by, at) = sample.expect("a sample").current();
                let mutated = mutate(&token, &kind(by), at);
                if mutated == token {
                    continue;
                }
                let refusal = verify(&mutated, &keys, NOW_S).expect_err("a mutation verifies");
                assert_eq!(refusal.public_code(), "token_invalid", "{mutated}");
                tried += 1;
            }
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_minted_verifies_to_the_same_claims(claims in claims()) {
        let token = mint(&claims, &key()).expect("claims within the limits");
        let keys = KeySet::from_iter([key()]);
        let over = verify(&token, &keys, claims.exp);
        let (same, signer) = verify_with_key(&token, &keys, NOW_S).expect("a good token");
        prop_assert_eq!(signer.kid(), "k-1");
        prop_assert_eq!(&same, &claims);
        prop_assert_eq!(verify(&token, &keys, NOW_S), Ok(claims));
        prop_assert_eq!(over.map_err(Fault::refusal), Err(Refusal::TokenExpired));
    }

    #[test]
    fn no_mutation_of_a_token_verifies(
        claims in claims(),
        mutations in vec((mutation(), any::<prop::sample::Index>()), 1..4),
    ) {
        let token = mint(&claims, &key()).expect("claims within the limits");
        let keys = KeySet::from_iter([key()]);
        let mut mutated = token.clone();
        for (mutation, at) in &mutations {
            if !mutated.is_empty() {
                mutated = mutate(&mutated, mutation, *at);
            }
        }
        prop_assume!(mutated != token);
        let refusal = verify(&mutated, &keys, NOW_S).expect_err("a mutation verifies");
        prop_assert_eq!(refusal.public_code(), "token_invalid");
    }

    #[test]
    fn any_text_is_refused_without_a_word_of_why(text in "\\PC{0,64}|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{43}") {
        let refusal = verify(&text, &KeySet::from_iter([key()]), NOW_S).expect_err("a text verifies");
        prop_assert_eq!(refusal.public_code(), "token_invalid");
    }

    #[test]
    fn authorize_agrees_with_the_model(grants in grants(), acts in vec(act(), 1..16)) {
        for act in acts {
            prop_assert_eq!(allows(&grants, &act), model(&grants, &act), "{:?}", act);
        }
    }

    #[test]
    fn narrow_never_yields_a_right_that_the_role_lacks(
        held in grants(),
        wish in narrowing(),
        acts in vec(act(), 1..32),
    ) {
        let role = Role::new(held.clone());
        // Most wishes are too wide: what is too wide is taken out until what is left narrows.
        let wish = fitted(&role, wish);
        let narrowed = narrow(&role, Some(&wish)).expect("a narrowing within the role");
        prop_assert_eq!((&narrowed.role, narrowed.rank), (&held.role, held.rank));
        for (narrowed, held) in widths(&narrowed).into_iter().zip(widths(&held)) {
            prop_assert!(narrowed <= held);
        }
        // What the wish says is what comes of it.
        prop_assert_eq!(narrowed.waits, wish.waits.unwrap_or(held.waits));
        prop_assert_eq!(narrowed.second_login, wish.second_login.or(held.second_login));
        prop_assert_eq!(narrowed.caps.bytes_per_s, wish.caps.bytes_per_s.or(held.caps.bytes_per_s));
        for act in acts {
            prop_assert!(!allows(&narrowed, &act) || allows(&held, &act), "{:?}", act);
            // Nor a right over others that they did not give.
            if let Act::See(member) = &act {
                let seen = |by: &Grants| allows(member, &Act::See(Box::new(by.clone())));
                prop_assert!(!seen(&narrowed) || seen(&held));
            }
        }
    }

    #[test]
    fn lapsed_takes_away_what_is_over_and_never_gives(
        held in grants(),
        until in until(20),
        now_s in 0..25_u64,
        acts in vec(act(), 1..32),
    ) {
        let held = Arc::new(held);
        let left = lapsed(&held, &until, now_s);
        prop_assert_eq!(widths(&left), widths(&held));
        for act in &acts {
            let over = end_of(&until, act).is_some_and(|end_s| end_s <= now_s);
            prop_assert_eq!(allows(&left, act), allows(&held, act) && !over, "{:?}", act);
        }
        // Until the next end it stays the same, and twice is once.
        let next_s = until.next(now_s).unwrap_or(u64::MAX);
        prop_assert_eq!(&lapsed(&held, &until, next_s - 1), &left);
        prop_assert_eq!(&lapsed(&left, &until, now_s), &left);
        // Before the first end nothing is made anew.
        let first_s = until.next(0).unwrap_or(u64::MAX);
        prop_assert_eq!(Arc::ptr_eq(&left, &held), now_s < first_s);
    }

    #[test]
    fn a_list_is_within_another_exactly_when_it_stands_for_no_more(a in patterns(), b in patterns()) {
        let no_more = every_name().iter().all(|name| !stands_for(&a, name) || stands_for(&b, name));
        // Several patterns may share what one stands for; the answer for lists is then the stricter.
        prop_assert!(!a.within(&b) || no_more);
        if a.iter().count() <= 1 && b.iter().count() <= 1 {
            prop_assert_eq!(a.within(&b), no_more);
        }
    }

    #[test]
    fn grants_and_narrowings_read_as_they_were_written(grants in grants(), wish in narrowing()) {
        let json = serde_json::to_string(&grants).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Grants>(&json).expect("grants"), grants);
        let json = serde_json::to_string(&wish).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Narrowing>(&json).expect("a narrowing"), wish);
    }
}
