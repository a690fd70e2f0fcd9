//! `spec/vectors/wire/` against this crate.

// What reads a file here fails as tests do.
#![allow(clippy::expect_used)]

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use stagedoor_wire::{
    close::{Close, Next},
    event::Event,
    frame::FrameHeader,
    reply::Reply,
    request::Request,
};

fn file<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/wire").join(name);
    let text = std::fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file reads")
}

#[derive(Deserialize)]
struct Cases<T> {
    cases: Vec<T>,
}

#[derive(Deserialize)]
struct RequestCase {
    name: String,
    text: String,
    op: Option<String>,
    id: Option<u64>,
    code: String,
}

#[test]
fn each_request_is_read_or_refused_as_the_vectors_say() {
    let Cases { cases } = file::<Cases<RequestCase>>("requests.json");
    assert!(cases.len() >= 60);
    for case in cases {
        match Request::parse(&case.text) {
            Ok(request) => {
                assert_eq!(case.code, "ok", "{}", case.name);
                assert_eq!(Some(request.id()), case.id, "{}", case.name);
                assert_eq!(Some(request.op()), case.op.as_deref(), "{}", case.name);
                let again: Value = serde_json::to_value(&request).expect("a request is JSON");
                let mut given: Value = serde_json::from_str(&case.text).expect("it was read");
                let fields = given.as_object_mut().expect("an object");
                // What is left out when it says nothing; any JSON says something.
                let is_any = |name: &str| matches!(name, "data" | "value");
                fields.retain(|name, value| is_any(name) || !value.is_null());
                if fields.get("history") == Some(&Value::Bool(false)) {
                    fields.remove("history");
                }
                assert_eq!(again, given, "{}", case.name);
            }
            Err(refused) => {
                assert_eq!(refused.code.as_str(), case.code, "{}", case.name);
                assert_eq!(refused.id, case.id, "{}", case.name);
            }
        }
    }
}

#[derive(Deserialize)]
struct FrameCase {
    name: String,
    hex: String,
    keyframe: Option<bool>,
    stream: Option<u32>,
    payload_bytes: Option<usize>,
    error: Option<String>,
}

#[test]
fn each_data_frame_is_read_or_refused_as_the_vectors_say() {
    for case in file::<Cases<FrameCase>>("frames.json").cases {
        let digits: Vec<char> = case.hex.chars().collect();
        let byte =
            |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex");
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        match FrameHeader::parse(&bytes) {
            Ok((header, payload)) => {
                let seen = (Some(header.keyframe), Some(header.stream), Some(payload.len()));
                assert_eq!(seen, (case.keyframe, case.stream, case.payload_bytes), "{}", case.name);
            }
            Err(error) => assert_eq!(Some(format!("{error:?}")), case.error, "{}", case.name),
        }
    }
}

#[derive(Deserialize)]
struct CloseCase {
    code: u16,
    reason: Option<String>,
    next: Next,
}

#[test]
fn each_close_says_what_to_do_next() {
    let Cases { cases } = file::<Cases<CloseCase>>("closes.json");
    for case in &cases {
        assert_eq!(Next::after(case.code), case.next, "{}", case.code);
        let reason = Close::from_code(case.code).map(Close::reason);
        assert_eq!(reason, case.reason.as_deref(), "{}", case.code);
    }
    assert_eq!(cases.iter().filter(|case| case.reason.is_some()).count(), Close::ALL.len());
}

#[derive(Deserialize)]
struct Messages {
    events: Vec<Value>,
    replies: Vec<Value>,
    bad_events: Vec<Value>,
}

#[test]
fn events_and_replies_are_read_and_written_the_same() {
    let Messages { events, replies, bad_events } = file("messages.json");
    for given in events {
        let event: Event<Value> = serde_json::from_value(given.clone()).expect("an event");
        assert_eq!(serde_json::to_value(&event).expect("an event is JSON"), given);
    }
    for given in replies {
        let reply: Reply<Value> = serde_json::from_value(given.clone()).expect("a reply");
        assert_eq!(serde_json::to_value(&reply).expect("a reply is JSON"), given);
    }
    for given in bad_events {
        assert!(serde_json::from_value::<Event<Value>>(given.clone()).is_err(), "{given}");
    }
}
