//! Any text is a line or none; what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_trail::Line;

fuzz_target!(|text: &str| {
    if let Some(line) = Line::read(text) {
        let mut written = Vec::new();
        line.write(&mut written).expect("it serializes");
        let written = String::from_utf8(written).expect("UTF-8");
        // An escaped text may be longer when it is written in another way.
        if let Some(again) = Line::read(written.trim_end()) {
            assert_eq!(again, line);
        }
    }
});
