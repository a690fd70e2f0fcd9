//! Any text is a request or is refused; what is read is written and read again the same, and a login never
//! shows its token.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_wire::request::Request;

fuzz_target!(|text: &str| {
    let Ok(request) = Request::parse(text) else { return };
    if let Request::Login(login) = &request {
        let shown = format!("{request:?}");
        for secret in [&login.token, &login.ticket].into_iter().flatten() {
            assert!(secret.len() < 16 || !shown.contains(secret.as_str()));
        }
    }
    let written = serde_json::to_string(&request).expect("it serializes");
    let again = Request::parse(&written).expect("what is written is read");
    assert_eq!(written, serde_json::to_string(&again).expect("it serializes"));
});
