//! The vectors of `spec/vectors/audit`, which are made without our code.

// Helpers may panic, like tests.
#![allow(clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use stagedoor_trail::{AuditKey, Checkpoint, Export, Jwk, PublicKeys, Record};

fn cases(name: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/audit");
    let text = fs::read_to_string(folder.join(name)).expect("the vectors");
    let mut all: Value = serde_json::from_str(&text).expect("JSON");
    let Value::Array(cases) = all["cases"].take() else { panic!("{name} has no cases") };
    assert!(!cases.is_empty());
    cases
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn each_record_has_its_canonical_form() {
    for case in cases("records.json") {
        let text = case["record"].to_string();
        let record: Record<'_> = serde_json::from_str(&text).expect("a record");
        let mut form = Vec::new();
        record.canonical(&mut form);
        assert_eq!(hex(&form), case["canonical"], "{}", case["name"]);
    }
}

#[test]
fn each_key_signs_its_checkpoint() {
    for case in cases("keys.json") {
        let seed = case["seed"].as_str().expect("hex");
        let byte = |n: usize| u8::from_str_radix(&seed[n * 2..n * 2 + 2], 16).expect("hex");
        let key = AuditKey::of_seed(&std::array::from_fn(byte));
        let public: Jwk = serde_json::from_value(case["jwk"].clone()).expect("a key");
        assert_eq!(key.public(), public);
        let made: Checkpoint = serde_json::from_value(case["checkpoint"].clone()).expect("one");
        assert_eq!(hex(&made.signed_bytes()), case["signed"]);
        assert_eq!(Checkpoint::sign(&key, made.chain, made.last, made.link, made.at_ms), made);
        assert!(made.is_signed(&PublicKeys::of(&[public])));
    }
}

#[test]
fn each_fault_of_an_export_is_found_and_named() {
    for case in ["trails.json", "excerpts.json"].into_iter().flat_map(cases) {
        let known: Vec<Checkpoint> =
            serde_json::from_value(case.get("known").cloned().unwrap_or(json!([]))).expect("all");
        let lines = case["lines"].as_array().expect("lines").iter().map(Value::to_string);
        let lines: Vec<String> = lines.collect();
        let mut export = Export::begin(&lines[0], None, &known).expect("an export");
        lines[1..].iter().for_each(|line| export.line(line));
        let report = export.finish();
        let found = report.faults.iter().map(|fault| serde_json::to_value(fault).expect("JSON"));
        let found = found.map(|fault| {
            json!([fault["fault"], fault["of"], fault["from"], fault["to"]]).to_string()
        });
        let expected = case["faults"].as_array().expect("faults").iter().map(Value::to_string);
        assert_eq!(
            found.collect::<BTreeSet<_>>(),
            expected.collect::<BTreeSet<_>>(),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn what_is_no_line_of_an_export_is_reported() {
    let case = cases("trails.json").remove(0);
    let lines: Vec<String> =
        case["lines"].as_array().expect("lines").iter().map(Value::to_string).collect();
    for bad in
        ["", "{", "[]", "{\"type\":\"record\"}", "{\"type\":\"x\"}", &lines[0], &"x".repeat(70_000)]
    {
        assert!(bad == lines[0] || Export::begin(bad, None, &[]).is_err());
        let mut export = Export::begin(&lines[0], None, &[]).expect("an export");
        lines[1..].iter().for_each(|line| export.line(line));
        export.line(bad);
        assert_eq!(
            export.finish().faults[0].to_string(),
            "altered: a line before record 13",
            "{bad}"
        );
    }
}
