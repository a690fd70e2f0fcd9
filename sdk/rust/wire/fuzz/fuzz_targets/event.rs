//! Any text is an event, a reply or neither; what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stagedoor_wire::{event::Event, reply::Reply};

fuzz_target!(|text: &str| {
    if let Ok(event) = serde_json::from_str::<Event<Value>>(text) {
        let written = serde_json::to_string(&event).expect("it serializes");
        let again: Event<Value> = serde_json::from_str(&written).expect("what is written is read");
        assert_eq!(written, serde_json::to_string(&again).expect("it serializes"));
    }
    if let Ok(reply) = serde_json::from_str::<Reply<Value>>(text) {
        let written = serde_json::to_string(&reply).expect("it serializes");
        let again: Reply<Value> = serde_json::from_str(&written).expect("what is written is read");
        assert_eq!(written, serde_json::to_string(&again).expect("it serializes"));
    }
});
