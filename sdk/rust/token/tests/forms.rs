//! Where JSON is not of its form, and whether it is, are told by two pieces of code: they must agree on any JSON.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use serde_json::Value;
use sha2::Sha256;
use stagedoor_token::{
    AppId, Field, Key, KeySet, KeyState, Narrowing, Refusal, Role,
    form::{narrowing_flaw, template_flaw},
    verify,
};

const NOW_S: u64 = 1_790_000_000;
const SECRET: [u8; 32] = [7; 32];

const TEMPLATE: &str = r#"{"role":"a","rank":1,"publish":{"streams":["cam-*","mic"],"kinds":["audio","video"],
    "streams_max":2},"subscribe":{"streams":["*"],"from":["host"]},"send":{"room":true,"roles":["a"],"users":[]},
    "set":["k"],"moderate":["kick"],"presence":{"sees":["*"],"seen_by":["*"]},"ask":["b"],"invite":["c"],"waits":false,
    "second_login":{"allow":2},"caps":{"members_max":1,"messages_per_s":1,"bytes_per_s":1,"frame_bytes_max":1}}"#;
const NARROWING: &str = r#"{"publish":{"streams":["cam-*","mic"],"kinds":["audio","video"],"streams_max":2},
    "subscribe":{"streams":["*"],"from":["host"]},"send":{"room":true,"roles":["a"],"users":[]},"set":["k"],
    "moderate":["kick"],"presence":{"sees":["*"],"seen_by":["*"]},"ask":["b"],"invite":["c"],"waits":true,
    "second_login":"reject","caps":{"messages_per_s":1,"bytes_per_s":1,"frame_bytes_max":1}}"#;
const CLAIMS: &str = r#"{"app":7,"room":"lobby","sub":"anna","role":"host","grants":{"publish":{"streams":["a"]}},
    "iat":1790000000,"nbf":1790000000,"exp":1790000600,"jti":"t","name":"A","meta":"m","gen":1,"once":true,
    "at_exp":{"grace":30},"max_stay":60,"until":{"publish":1790000001,"set":2},
    "cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},"iss":"x"}"#;

/// Put in the place of what is there.
const PIECES: &[&str] = &[
    "null",
    "true",
    "0",
    "1",
    "17",
    "-1",
    "-0",
    "1.0",
    "70000",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "1790000000.5",
    "\"\"",
    "\"a\"",
    "\"A\"",
    "\"*\"",
    "\"a b\"",
    "\"*a\"",
    "\"host\"",
    "\"video\"",
    "\"kick\"",
    "\"reject\"",
    "\"close\"",
    "\"streams\"",
    "\"kinds\"",
    "\"from\"",
    "\"allow\"",
    "\"demote\"",
    "\"rank\"",
    "\"role\"",
    "\"publish\"",
    "\"jkt\"",
    "\"room\"",
    "\"sub\"",
    "\"gr\\u0061nts\"",
    "\"\\ud83c\\udfad\"",
    "[]",
    "[1]",
    "[\"a\"]",
    "[\"a\",\"b c\"]",
    "{}",
    "{\"a\":1}",
    "{\"allow\":2}",
    "{\"allow\":2,\"allow\":2}",
    "{\"grace\":1}",
    "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
];

/// The texts, numbers and literals of JSON, and what lies between them.
fn pieces(json: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut in_text = false;
    for c in json.chars().filter(|c| !c.is_whitespace()) {
        let last = pieces.last().map_or(' ', |piece: &String| piece.chars().last().unwrap_or(' '));
        let joins = in_text || (c.is_ascii_alphanumeric() && last.is_ascii_alphanumeric());
        if joins {
            pieces.last_mut().expect("a piece").push(c);
        } else {
            pieces.push(c.to_string());
        }
        in_text ^= c == '"';
    }
    pieces
}

/// JSON in which some pieces are others.
fn changed(json: &'static str) -> impl Strategy<Value = String> {
    vec((any::<Index>(), select(PIECES)), 0..4).prop_map(move |changes| {
        let mut all = pieces(json);
        for (at, piece) in changes {
            let places: Vec<usize> = (0..all.len())
                .filter(|at| all[*at].starts_with(|c: char| c == '"' || c.is_alphanumeric()))
                .collect();
            all[places[at.index(places.len())]] = piece.to_owned();
        }
        all.concat()
    })
}

/// JSON in which a whole value of the first level is another.
fn replaced(json: &'static str) -> impl Strategy<Value = String> {
    (any::<Index>(), select(PIECES)).prop_filter_map("a name twice", move |(at, piece)| {
        let mut value: Value = serde_json::from_str(json).expect("JSON");
        let fields = value.as_object_mut().expect("an object");
        let at = at.index(fields.len());
        *fields.values_mut().nth(at)? = serde_json::from_str(piece).ok()?;
        Some(value.to_string())
    })
}

fn any_of(json: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![3 => changed(json), 1 => replaced(json), 1 => select(PIECES).prop_map(str::to_owned)]
        .prop_filter("no JSON", |text| serde_json::from_str::<Value>(text).is_ok())
}

fn signed(claims: &str) -> String {
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"k"}"#;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("a secret");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases * 8, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_template_has_a_flaw_exactly_when_it_is_refused(json in any_of(TEMPLATE)) {
        let refused = serde_json::from_str::<Role>(&json).is_err();
        prop_assert_eq!(template_flaw(&json, Field::WHOLE).is_some(), refused, "{}", json);
    }

    #[test]
    fn a_narrowing_has_a_flaw_exactly_when_it_is_refused(json in any_of(NARROWING)) {
        let refused = serde_json::from_str::<Narrowing>(&json).is_err();
        prop_assert_eq!(narrowing_flaw(&json, Field::WHOLE).is_some(), refused, "{}", json);
    }

    #[test]
    fn a_refusal_of_claims_names_a_field_that_is_in_them_or_missing(json in any_of(CLAIMS)) {
        let key = Key::hs256(AppId(7), "k", &SECRET, KeyState::Current).expect("a key");
        let verified = verify(&signed(&json), &KeySet::from_iter([key]), NOW_S);
        let Err(fault) = verified else { return Ok(()) };
        let (text, value) = (fault.to_string(), serde_json::from_str::<Value>(&json).expect("JSON"));
        let Some(field) = fault.field() else {
            prop_assert!(fault.refusal() == Refusal::ClaimsMalformed && !value.is_object(), "{json}: {text}");
            return Ok(());
        };
        prop_assert!(text.starts_with(&format!("`{field}` ")), "{text}");
        let name = field.as_str().split('.').next().unwrap_or_default();
        // A name with letters that are not told.
        let is_there = value.get(name).is_some() || name.contains('?');
        prop_assert_eq!(is_there, fault.refusal() != Refusal::ClaimMissing, "{}: {}", json, text);
    }
}

#[test]
fn enough_of_what_is_generated_is_refused_and_enough_taken() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let templates = any_of(TEMPLATE);
    let taken = (0..400)
        .filter(|_| {
            let json = templates.new_tree(&mut runner).expect("JSON").current();
            serde_json::from_str::<Role>(&json).is_ok()
        })
        .count();
    assert!((60..300).contains(&taken), "{taken} of 400 are taken");
}
