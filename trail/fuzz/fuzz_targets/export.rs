//! Any text is verified as an export or refused as none, and faults are listed up to their number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_trail::{Export, fault::FAULTS_MAX};

const HEAD: &str =
    r#"{"type":"trail","version":1,"chain":"00000000000000000000000000000000","start":0,"keys":[]}"#;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    // Most texts have no head of their own.
    let export = Export::begin(first, None, &[]).or_else(|_| Export::begin(HEAD, None, &[]));
    let mut export = export.expect("the head is one");
    lines.for_each(|line| export.line(line));
    let report = export.finish();
    assert!(report.faults.len() <= FAULTS_MAX);
});
