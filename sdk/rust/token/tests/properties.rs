//! What holds for all claims, all mutations, all grants: sampled.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use std::num::NonZeroU32;

use proptest::{collection::vec, option, prelude::*, sample::select};
use stagedoor_token::{
    Action, AppId, Caps, Claims, Decision, Grants, Key, KeySet, KeyState, Kind, Limits, Narrowing,
    Patterns, Presence, Publish, Refusal, Role, RoleName, SecondLogin, SendTo, Subscribe, Verb,
    authorize, mint, narrow, verify, widening,
};

const NOW_S: u64 = 1_790_000_000;

fn key() -> Key {
    Key::hs256(AppId(7), "k-1", &[9; 32], KeyState::Current).expect("a key")
}

// Few letters, so that names and patterns meet often.
fn name() -> impl Strategy<Value = String> {
    "[ab]{1,3}"
}

fn patterns() -> impl Strategy<Value = Patterns> {
    vec("[ab]{1,3}|[ab]{0,2}\\*", 0..4).prop_map(|texts| {
        Patterns::of(&texts.iter().map(String::as_str).collect::<Vec<_>>()).expect("patterns")
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    select(Kind::ALL)
}

fn verb() -> impl Strategy<Value = Verb> {
    select(Verb::ALL)
}

fn grants() -> impl Strategy<Value = Grants> {
    let publish = (patterns(), vec(kind(), 0..4), 0..4_u32);
    let send = (any::<bool>(), patterns(), patterns());
    let rest = (patterns(), vec(verb(), 0..5), patterns(), patterns());
    let life = (patterns(), patterns(), any::<bool>(), option::of(second_login()), caps());
    (name(), 0..4_u16, publish, (patterns(), patterns()), send, rest, life).prop_map(
        |(role, rank, publish, subscribe, send, rest, life)| Grants {
            role: role.parse().expect("a role"),
            rank,
            publish: Publish {
                streams: publish.0,
                kinds: publish.1.into_iter().collect(),
                streams_max: publish.2,
            },
            subscribe: Subscribe { streams: subscribe.0, from: subscribe.1 },
            send: SendTo { room: send.0, roles: send.1, users: send.2 },
            set: rest.0,
            moderate: rest.1.into_iter().collect(),
            presence: Presence { sees: rest.2, seen_by: rest.3 },
            ask: life.0,
            invite: life.1,
            waits: life.2,
            second_login: life.3,
            caps: life.4,
        },
    )
}

fn second_login() -> impl Strategy<Value = SecondLogin> {
    prop_oneof![
        Just(SecondLogin::Reject),
        Just(SecondLogin::Replace),
        (2..=16_u8).prop_map(SecondLogin::Allow),
    ]
}

fn caps() -> impl Strategy<Value = Caps> {
    let cap = || option::of((1..4_u32).prop_map(|cap| NonZeroU32::new(cap).expect("a cap")));
    (cap(), cap(), cap(), cap()).prop_map(
        |(members_max, messages_per_s, bytes_per_s, frame_bytes_max)| Caps {
            members_max,
            messages_per_s,
            bytes_per_s,
            frame_bytes_max,
        },
    )
}

/// Any fields of some grants.
fn narrowing() -> impl Strategy<Value = Narrowing> {
    (grants(), any::<[bool; 19]>()).prop_map(|(of, given)| {
        let mut narrowing = Narrowing::default();
        narrowing.publish.streams = given[0].then_some(of.publish.streams);
        narrowing.publish.kinds = given[1].then_some(of.publish.kinds);
        narrowing.publish.streams_max = given[2].then_some(of.publish.streams_max);
        narrowing.subscribe.streams = given[3].then_some(of.subscribe.streams);
        narrowing.subscribe.from = given[4].then_some(of.subscribe.from);
        narrowing.send.room = given[5].then_some(of.send.room);
        narrowing.send.roles = given[6].then_some(of.send.roles);
        narrowing.send.users = given[7].then_some(of.send.users);
        narrowing.set = given[8].then_some(of.set);
        narrowing.moderate = given[9].then_some(of.moderate);
        narrowing.presence.sees = given[10].then_some(of.presence.sees);
        narrowing.presence.seen_by = given[11].then_some(of.presence.seen_by);
        narrowing.ask = given[12].then_some(of.ask);
        narrowing.invite = given[13].then_some(of.invite);
        narrowing.waits = given[14].then_some(of.waits);
        narrowing.second_login = of.second_login.filter(|_| given[15]);
        narrowing.caps.messages_per_s = of.caps.messages_per_s.filter(|_| given[16]);
        narrowing.caps.bytes_per_s = of.caps.bytes_per_s.filter(|_| given[17]);
        narrowing.caps.frame_bytes_max = of.caps.frame_bytes_max.filter(|_| given[18]);
        narrowing
    })
}

/// An action that owns what [`Action`] borrows.
#[derive(Clone, Debug)]
enum Act {
    Publish(String, Kind, u32),
    Subscribe(String, String),
    SendRoom,
    SendRole(String),
    SendUser(String),
    Set(String),
    Moderate(Verb, Option<u16>),
    Assign(Verb, u16, u16, u16),
    Ask(String),
    Invite(String, u16),
    See(Box<Grants>),
}

impl Act {
    fn action(&self) -> Action<'_> {
        match self {
            Self::Publish(stream, kind, live) => {
                Action::Publish { stream, kind: *kind, live: *live }
            }
            Self::Subscribe(stream, publisher_role) => Action::Subscribe { stream, publisher_role },
            Self::SendRoom => Action::SendRoom,
            Self::SendRole(role) => Action::SendRole(role),
            Self::SendUser(role) => Action::SendUser { role },
            Self::Set(key) => Action::Set { key },
            Self::Moderate(verb, target_rank) => {
                Action::Moderate { verb: *verb, target_rank: *target_rank }
            }
            Self::Assign(verb, target_rank, from_rank, to_rank) => Action::Assign {
                verb: *verb,
                target_rank: *target_rank,
                from_rank: *from_rank,
                to_rank: *to_rank,
            },
            Self::Ask(role) => Action::Ask { role },
            Self::Invite(role, rank) => Action::Invite { role, rank: *rank },
            Self::See(member) => Action::See { member },
        }
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (name(), kind(), 0..4_u32)
            .prop_map(|(stream, kind, live)| Act::Publish(stream, kind, live)),
        (name(), name()).prop_map(|(stream, role)| Act::Subscribe(stream, role)),
        Just(Act::SendRoom),
        name().prop_map(Act::SendRole),
        name().prop_map(Act::SendUser),
        name().prop_map(Act::Set),
        (verb(), option::of(0..5_u16)).prop_map(|(verb, rank)| Act::Moderate(verb, rank)),
        (verb(), 0..5_u16, 0..5_u16, 0..5_u16)
            .prop_map(|(verb, target, from, to)| Act::Assign(verb, target, from, to)),
        name().prop_map(Act::Ask),
        (name(), 0..5_u16).prop_map(|(role, rank)| Act::Invite(role, rank)),
        grants().prop_map(|member| Act::See(Box::new(member))),
    ]
}

fn claims() -> impl Strategy<Value = Claims> {
    let texts = (
        "\\PC{1,32}",
        "\\PC{1,16}",
        "[!-~]{1,64}",
        option::of("\\PC{0,32}"),
        option::of(vec(any::<char>(), 0..128).prop_map(String::from_iter)),
    );
    let times = (0..=Limits::DEFAULT.leeway_s * 2, 0..=NOW_S, 1..=Limits::DEFAULT.ttl_s_max / 2);
    (texts, "[a-z0-9_-]{1,32}", option::of(narrowing()), times).prop_map(
        |((room, user, jti, name, meta), role, grants, (late_s, nbf, life_s))| {
            let iat = NOW_S + Limits::DEFAULT.leeway_s - late_s;
            // What is left of the life at `NOW_S`, so that the token is good then.
            let exp = NOW_S + 2 * Limits::DEFAULT.leeway_s + life_s;
            let role: RoleName = role.parse().expect("a role");
            Claims {
                nbf,
                exp,
                grants,
                name,
                meta,
                ..Claims::new(AppId(7), &room, &user, role, &jti, iat, 1)
            }
        },
    )
}

/// A change of a text that is never none.
#[derive(Clone, Debug)]
enum Mutation {
    FlipBit(u8),
    Insert(u8),
    Delete,
    Truncate,
    Swap,
    Repeat,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (0..7_u8).prop_map(Mutation::FlipBit),
        (0..128_u8).prop_map(Mutation::Insert),
        Just(Mutation::Delete),
        Just(Mutation::Truncate),
        Just(Mutation::Swap),
        Just(Mutation::Repeat),
    ]
}

fn mutate(token: &str, mutation: &Mutation, at: prop::sample::Index) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = at.index(bytes.len());
    match mutation {
        Mutation::FlipBit(bit) => bytes[at] ^= 1 << bit,
        Mutation::Insert(byte) => bytes.insert(at, *byte),
        Mutation::Delete => drop(bytes.remove(at)),
        Mutation::Truncate => bytes.truncate(at),
        Mutation::Swap => {
            let other = (at + 1) % bytes.len();
            bytes.swap(at, other);
        }
        Mutation::Repeat => bytes.insert(at, bytes[at]),
    }
    String::from_utf8(bytes).expect("ASCII stays ASCII")
}

/// Whether a pattern stands for a name, said in another way than the crate does.
fn stands_for(patterns: &Patterns, name: &str) -> bool {
    patterns.iter().map(ToString::to_string).any(|pattern| match pattern.find('*') {
        Some(at) => name.len() >= at && name.as_bytes()[..at] == pattern.as_bytes()[..at],
        None => pattern == name,
    })
}

/// Whether grants allow an action, written from `spec/roles.md` §Actions as nothing but conditions.
fn model(g: &Grants, act: &Act) -> bool {
    let kinds: Vec<Kind> = g.publish.kinds.into();
    let verbs: Vec<Verb> = g.moderate.into();
    match act {
        Act::Publish(stream, kind, live) => {
            stands_for(&g.publish.streams, stream)
                && kinds.contains(kind)
                && *live < g.publish.streams_max
        }
        Act::Subscribe(stream, role) => {
            stands_for(&g.subscribe.streams, stream) && stands_for(&g.subscribe.from, role)
        }
        Act::SendRoom => g.send.room,
        Act::SendRole(role) => stands_for(&g.send.roles, role),
        Act::SendUser(role) => stands_for(&g.send.users, role),
        Act::Set(key) => stands_for(&g.set, key),
        Act::Moderate(verb, None) => verbs.contains(verb),
        Act::Moderate(verb, Some(rank)) => verbs.contains(verb) && g.rank > *rank,
        Act::Assign(verb, target, from, to) => {
            let leads = match verb {
                Verb::Promote => to >= from,
                Verb::Demote => to <= from,
                _ => false,
            };
            verbs.contains(verb) && g.rank > *target && g.rank > *to && leads
        }
        Act::Ask(role) => stands_for(&g.ask, role),
        Act::Invite(role, rank) => stands_for(&g.invite, role) && g.rank > *rank,
        Act::See(member) => {
            stands_for(&g.presence.sees, &member.role)
                && stands_for(&member.presence.seen_by, &g.role)
        }
    }
}

fn allows(grants: &Grants, act: &Act) -> bool {
    authorize(grants, &act.action()) == Decision::Allowed
}

/// Every name of the letters that patterns here are made of, one longer than any pattern.
fn every_name() -> Vec<String> {
    let mut names = vec![String::new()];
    let mut from = 0;
    for _ in 0..4 {
        let to = names.len();
        for at in from..to {
            for letter in ["a", "b", "c"] {
                names.push(format!("{}{letter}", names[at]));
            }
        }
        from = to;
    }
    names
}

/// More cases than by default, since each is quick; `PROPTEST_CASES` sets a quarter of them.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases * 4, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_minted_verifies_to_the_same_claims(claims in claims()) {
        let token = mint(&claims, &key()).expect("claims within the limits");
        let keys = KeySet::from_iter([key()]);
        let over = verify(&token, &keys, claims.exp);
        prop_assert_eq!(verify(&token, &keys, NOW_S), Ok(claims));
        prop_assert_eq!(over, Err(Refusal::TokenExpired));
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

/// A wish without the fields that go beyond the role.
fn fitted(role: &Role, mut wish: Narrowing) -> Narrowing {
    while let Some(rule) = widening(role, &wish) {
        match rule.name() {
            "publish.streams" => wish.publish.streams = None,
            "publish.kinds" => wish.publish.kinds = None,
            "publish.streams_max" => wish.publish.streams_max = None,
            "subscribe.streams" => wish.subscribe.streams = None,
            "subscribe.from" => wish.subscribe.from = None,
            "send.room" => wish.send.room = None,
            "send.roles" => wish.send.roles = None,
            "send.users" => wish.send.users = None,
            "set" => wish.set = None,
            "moderate" => wish.moderate = None,
            "presence.sees" => wish.presence.sees = None,
            "presence.seen_by" => wish.presence.seen_by = None,
            "ask" => wish.ask = None,
            "invite" => wish.invite = None,
            "waits" => wish.waits = None,
            "second_login" => wish.second_login = None,
            "caps.messages_per_s" => wish.caps.messages_per_s = None,
            "caps.bytes_per_s" => wish.caps.bytes_per_s = None,
            _ => wish.caps.frame_bytes_max = None,
        }
    }
    wish
}
