mod oracle;

use super::*;
use crate::store::keys::KeyTimes;
use KeyState::{Current, Next, Retired, Retiring};
use stagedoor_token::AppId;

const LIMITS: LineLimits = LineLimits { keys_max: 4, lines_max: 2 };

fn keys(of: &[(&str, KeyState)]) -> Vec<KeyRow> {
    let row = |(nth, (line, state)): (usize, &(&str, KeyState))| KeyRow {
        kid: format!("k{nth}"),
        app: AppId(1),
        line: (*line).into(),
        alg: KeyAlg::HS256,
        secret: Some(zeroize::Zeroizing::new(vec![1; 32])),
        public: None,
        bounds: std::sync::Arc::default(),
        state: *state,
        times: KeyTimes::default(),
    };
    of.iter().enumerate().map(row).collect()
}

fn code<T>(result: Result<T, ApiError>) -> &'static str {
    result.err().map_or("ok", |error| error.code())
}

#[test]
fn a_line_has_a_short_plain_name() {
    for good in ["main", "a", "0_-z", &"a".repeat(32)] {
        assert!(check_line(good).is_ok(), "{good}");
    }
    for bad in ["", "A", "a b", "é", "a/b", &"a".repeat(33)] {
        assert_eq!(code(check_line(bad)), "line_invalid", "{bad}");
    }
}

#[test]
fn the_first_key_of_a_line_is_current_and_the_second_next() {
    let state = |of: &[_], line| state_of_added(&keys(of), line, LIMITS);
    assert_eq!(state(&[("main", Current)], "main").ok(), Some(Next));
    assert_eq!(state(&[("main", Current)], "team").ok(), Some(Current));
    assert_eq!(state(&[("main", Current), ("team", Retired)], "team").ok(), Some(Current));
    assert_eq!(code(state(&[("main", Current), ("main", Next)], "main")), "next_key_exists");
    assert_eq!(state(&[("main", Current), ("main", Next)], "team").ok(), Some(Current));
}

#[test]
fn keys_that_are_not_retired_and_lines_are_counted() {
    let of = |states: [KeyState; 4]| keys(&states.map(|state| ("main", state)));
    let full = of([Current, Retiring, Retiring, Retiring]);
    assert_eq!(code(state_of_added(&full, "main", LIMITS)), "keys_exceeded");
    assert_eq!(code(succession(&full, "main", None, false, LIMITS)), "keys_exceeded");
    assert_eq!(code(succession(&full, "main", None, true, LIMITS)), "ok", "a leak is ended");
    let room = of([Current, Retired, Retiring, Retiring]);
    assert_eq!(code(state_of_added(&room, "main", LIMITS)), "ok");
    let two = keys(&[("main", Current), ("a", Current), ("b", Retired)]);
    assert_eq!(code(state_of_added(&two, "b", LIMITS)), "keys_exceeded");
    assert_eq!(code(state_of_added(&two, "a", LIMITS)), "ok");
}

#[test]
fn a_rotation_takes_the_next_key_or_makes_one() {
    let two = keys(&[("main", Current), ("main", Next), ("a", Current)]);
    let of = |line, alg| succession(&two, line, alg, false, LIMITS);
    let main = of("main", None).expect("a succession");
    assert_eq!(main.old.kid, "k0");
    assert!(matches!(main.new, Successor::Next(next) if next.kid == "k1"));
    assert_eq!(code(of("main", Some(KeyAlg::Signature(Algorithm::EdDSA)))), "next_key_exists");
    let other = of("a", Some(KeyAlg::Signature(Algorithm::EdDSA))).expect("a succession");
    assert!(matches!(other.new, Successor::Made(KeyAlg::Signature(Algorithm::EdDSA))));
    assert_eq!(code(of("a", Some(KeyAlg::Signature(Algorithm::ES256)))), "alg_unsupported");
    assert_eq!(code(of("b", None)), "key_unknown");
}

#[test]
fn the_successor_of_a_key_from_elsewhere_is_not_guessed() {
    let mut keys = keys(&[("main", Current)]);
    keys[0].secret = None;
    let of = |alg| succession(&keys, "main", alg, true, LIMITS);
    assert_eq!(code(of(None)), "key_private_absent");
    assert_eq!(code(of(Some(KeyAlg::Signature(Algorithm::EdDSA)))), "ok");
}

#[test]
fn a_key_retires_when_none_of_its_tokens_lives() {
    let app = AppRow { ttl_s_max: 600, ..AppRow::sample(1) };
    assert_eq!(retires_s(&app, 1_000), 1_610);
    let shortened = AppRow { tokens_until_ms: 4_000_500, ..app };
    assert_eq!(retires_s(&shortened, 1_000), 4_011);
    assert_eq!(retires_s(&shortened, 5_000), 5_610);
}
