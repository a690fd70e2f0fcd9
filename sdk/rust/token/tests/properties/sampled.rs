//! What is sampled: claims, grants, acts, and changes of a token.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use std::num::NonZeroU32;

use proptest::{collection::vec, option, prelude::*, sample::select};
use stagedoor_token::{
    AppId, AtExp, Caps, Claims, Confirmation, Grants, Key, KeyState, Kind, Limits, Narrowing,
    Patterns, Presence, Publish, Role, RoleName, SecondLogin, SendTo, Subscribe, Thumbprint, Until,
    Verb, widening,
};

use super::model::Act;

pub(crate) const NOW_S: u64 = 1_790_000_000;

pub(crate) fn key() -> Key {
    Key::hs256(AppId(7), "k-1", &[9; 32], KeyState::Current).expect("a key")
}

// Few letters, so that names and patterns meet often.
pub(crate) fn name() -> impl Strategy<Value = String> {
    "[ab]{1,3}"
}

pub(crate) fn patterns() -> impl Strategy<Value = Patterns> {
    vec("[ab]{1,3}|[ab]{0,2}\\*", 0..4).prop_map(|texts| {
        Patterns::of(&texts.iter().map(String::as_str).collect::<Vec<_>>()).expect("patterns")
    })
}

pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    select(Kind::ALL)
}

pub(crate) fn verb() -> impl Strategy<Value = Verb> {
    select(Verb::ALL)
}

pub(crate) fn grants() -> impl Strategy<Value = Grants> {
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

pub(crate) fn second_login() -> impl Strategy<Value = SecondLogin> {
    prop_oneof![
        Just(SecondLogin::Reject),
        Just(SecondLogin::Replace),
        (2..=16_u8).prop_map(SecondLogin::Allow),
    ]
}

pub(crate) fn caps() -> impl Strategy<Value = Caps> {
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
pub(crate) fn narrowing() -> impl Strategy<Value = Narrowing> {
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

pub(crate) fn at_exp() -> impl Strategy<Value = AtExp> {
    prop_oneof![
        Just(AtExp::Close),
        "[a-z0-9_-]{1,32}".prop_map(|role| AtExp::Demote(role.parse().expect("a role"))),
        (1..=Limits::DEFAULT.grace_s_max).prop_map(|s| AtExp::Grace { s }),
    ]
}

/// Ends of privileges, from the first second to `latest_s`.
pub(crate) fn until(latest_s: u64) -> impl Strategy<Value = Until> {
    let end = || option::of(1..=latest_s);
    (end(), end(), end(), end(), end()).prop_map(|(publish, subscribe, send, set, moderate)| {
        Until { publish, subscribe, send, set, moderate }
    })
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
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

/// A name of a room or a user.
fn named(form: &'static str) -> impl Strategy<Value = String> {
    form.prop_filter("a segment of a URL with a meaning of its own", |name| {
        !matches!(name.as_str(), "." | "..")
    })
}

pub(crate) fn claims() -> impl Strategy<Value = Claims> {
    let texts = (
        named("\\PC{1,32}"),
        named("\\PC{1,16}"),
        "[!-~]{1,64}",
        option::of("\\PC{0,32}"),
        option::of(vec(any::<char>(), 0..128).prop_map(String::from_iter)),
    );
    let times = (0..=Limits::DEFAULT.leeway_s * 2, 0..=NOW_S, 1..=Limits::DEFAULT.ttl_s_max / 2);
    let stay = (
        option::of(any::<u64>()),
        any::<bool>(),
        at_exp(),
        option::of(1..=u32::MAX),
        until(NOW_S),
        option::of(any::<[u8; 32]>().prop_map(|jkt| Confirmation { jkt: Thumbprint(jkt) })),
    );
    (texts, "[a-z0-9_-]{1,32}", option::of(narrowing()), times, stay).prop_map(
        |((room, user, jti, name, meta), role, grants, (late_s, nbf, life_s), stay)| {
            let (generation, once, at_exp, max_stay, until, cnf) = stay;
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
                generation,
                once,
                at_exp,
                max_stay,
                until,
                cnf,
                ..Claims::builder(AppId(7), role)
                    .room(&room)
                    .user(&user)
                    .jti(&jti)
                    .lifetime(iat, 1)
                    .build()
            }
        },
    )
}

/// Every name of the letters that patterns here are made of, one longer than any pattern.
pub(crate) fn every_name() -> Vec<String> {
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

/// A wish without the fields that go beyond the role.
pub(crate) fn fitted(role: &Role, mut wish: Narrowing) -> Narrowing {
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
