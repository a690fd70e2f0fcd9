//! What holds for any claims and any change of a token.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::{prelude::*, sample::Index};
use stagedoor_token04::{
    Accept, Candidate, Claims, Fault, Limits, MintError, Mode, Refusal, Token04Secret, limits,
    mint, open,
};

const NOW_S: u64 = 1_700_000_000;

fn secret(text: &str) -> Token04Secret {
    text.parse().expect("a secret")
}

fn ours() -> Token04Secret {
    secret("fa94dd0f974cf2e293728a526b028271")
}

fn candidate(app: u32, secret: &Token04Secret) -> Candidate<'_> {
    Candidate { app, secret, accept: Accept::Legacy, basic: true, ttl_s_max: 86_400 }
}

fn host() -> Claims {
    Claims {
        app: 7,
        user: "anna".into(),
        room: Some("lobby".into()),
        may_publish: true,
        streams: Some(vec!["cam-1".into()]),
        ctime: NOW_S,
        expire: NOW_S + 600,
    }
}

/// Texts that may name a room or a user.
fn names(bytes_max: usize) -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("a name", move |text| {
        let plain = text.len() <= bytes_max && !text.chars().any(char::is_control);
        plain && !matches!(text.as_str(), "." | "..")
    })
}

fn claims() -> impl Strategy<Value = Claims> {
    let streams = prop::option::of(prop::collection::vec("[0-9A-Za-z_.:-]{1,24}", 1..6));
    let room = prop::option::of((names(128), any::<bool>(), streams));
    (any::<u32>(), names(64), room, 0..NOW_S + 10, 1..80_000_u64).prop_map(
        |(app, user, room, ctime, ttl)| {
            let (room, may_publish, streams) =
                room.map_or((None, false, None), |(room, may, of)| (Some(room), may, of));
            Claims { app, user, room, may_publish, streams, ctime, expire: ctime + ttl }
        },
    )
}

#[test]
fn ten_thousand_mutations_of_a_gcm_token_are_all_refused() {
    let (ours, mut mutations) = (ours(), 0);
    let token = mint(&host(), &ours, &Limits::DEFAULT).expect("a token");
    let refuse = |text: &str| {
        for accept in [Accept::Gcm, Accept::Legacy] {
            let candidate = Candidate { accept, ..candidate(7, &ours) };
            let fault = open(text, &[candidate], NOW_S, &Limits::DEFAULT).expect_err(text);
            let clear = fault.refusal() == Refusal::ExpireMismatch;
            assert!(clear || fault.public_code() == "token_invalid", "{fault}: {text}");
        }
    };
    // Every character by some others, and every bit of the body.
    for at in 0..token.len() {
        for other in b"AQz059+/=-_ .\n\0\x7f".iter().filter(|other| **other != token.as_bytes()[at])
        {
            let mut text = token.clone().into_bytes();
            text[at] = *other;
            refuse(&String::from_utf8(text).expect("ASCII"));
            mutations += 1;
        }
        refuse(&[&token[..at], &token[at + 1..]].concat());
        refuse(&[&token[..at], &token[at..=at], &token[at..]].concat());
        refuse(&token[..at]);
        mutations += 3;
    }
    let body = STANDARD.decode(&token[2..]).expect("base64");
    for bit in 0..body.len() * 8 {
        let mut body = body.clone();
        body[bit / 8] ^= 1 << (bit % 8);
        refuse(&format!("04{}", STANDARD.encode(body)));
        mutations += 1;
    }
    for (at, byte) in (0..body.len()).flat_map(|at| (0..=255_u8).step_by(9).map(move |b| (at, b))) {
        let mut body = body.clone();
        body.insert(at, byte);
        refuse(&format!("04{}", STANDARD.encode(body)));
        mutations += 1;
    }
    assert!(mutations >= 10_000, "only {mutations}");
}

#[test]
fn what_the_format_cannot_say_is_not_minted() {
    for cannot in [
        Claims { streams: Some(Vec::new()), ..host() },
        Claims { room: None, streams: None, ..host() },
        Claims { room: None, may_publish: false, ..host() },
    ] {
        let error = mint(&cannot, &ours(), &Limits::DEFAULT).expect_err("no token");
        assert_eq!(error.code(), "token04_cannot");
    }
}

#[test]
fn what_would_not_open_is_not_minted() {
    for (refused, code) in [
        (Claims { user: String::new(), ..host() }, "user_invalid"),
        (Claims { user: "u".repeat(65), ..host() }, "user_invalid"),
        (Claims { room: Some("..".into()), ..host() }, "room_invalid"),
        (Claims { streams: Some(vec!["cam-*".into()]), ..host() }, "token04_stream_invalid"),
        (Claims { expire: NOW_S, ..host() }, "times_invalid"),
        (Claims { ctime: u64::MAX - 1, expire: u64::MAX, ..host() }, "times_invalid"),
        (Claims { streams: Some(vec!["a".repeat(256); 20]), ..host() }, "token_too_large"),
    ] {
        let error = mint(&refused, &ours(), &Limits::DEFAULT).expect_err("no token");
        assert!(matches!(error, MintError::Refused(_)));
        assert_eq!(error.code(), code, "{refused:?}");
    }
}

#[test]
fn limits_are_those_of_patterns() {
    assert_eq!(limits::STREAMS_MAX as usize, stagedoor_grants::PATTERNS_MAX);
    assert_eq!(limits::STREAM_NAME_BYTES_MAX as usize, stagedoor_grants::PATTERN_BYTES_MAX);
}

#[test]
fn of_two_apps_with_one_secret_the_named_one_opens() {
    let (ours, other) = (ours(), secret(&"x".repeat(32)));
    let token = mint(&host(), &ours, &Limits::DEFAULT).expect("a token");
    let candidates = [candidate(7, &other), candidate(8, &ours), candidate(7, &ours)];
    let opened = open(&token, &candidates, NOW_S, &Limits::DEFAULT).expect("it opens");
    assert_eq!((opened.candidate, opened.mode), (2, Mode::Gcm));
    let fault = open(&token, &candidates[..2], NOW_S, &Limits::DEFAULT).expect_err("another app's");
    assert_eq!((fault.code(), fault.public_code()), ("app_mismatch", "app_mismatch"));
}

proptest! {
    #[test]
    fn what_is_minted_opens_to_the_same_claims(claims in claims()) {
        let (ours, other) = (ours(), secret(&"y".repeat(32)));
        let token = mint(&claims, &ours, &Limits::DEFAULT).expect("a token");
        let candidates = [candidate(claims.app, &other), candidate(claims.app, &ours)];
        let opened = open(&token, &candidates, claims.ctime, &Limits::DEFAULT).expect("it opens");
        prop_assert_eq!(&opened.claims, &claims);
        prop_assert!(opened.id.len() == 43 && opened.id.bytes().all(|b| b.is_ascii_graphic()));
        let refused = open(&token, &candidates[..1], claims.ctime, &Limits::DEFAULT);
        prop_assert_eq!(refused.map_err(Fault::refusal), Err(Refusal::TagInvalid));
    }

    #[test]
    fn no_text_panics_or_opens(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<Index>()) {
        let ours = ours();
        let text = format!("04{}", STANDARD.encode(&bytes));
        for text in [&text, &text[..at.index(text.len())]] {
            let fault = open(text, &[candidate(7, &ours)], NOW_S, &Limits::DEFAULT).expect_err("no token");
            prop_assert_eq!(fault.public_code(), "token_invalid");
        }
    }
}
