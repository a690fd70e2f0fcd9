//! Any rules, claims and room: nothing panics, the decision is that of the first rule that decides alone, and a name
//! that comes of claims is fit to be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stagedoor_rules::{Claims, Outcome, Rules, Verdict, json};

fuzz_target!(|data: &[u8]| {
    // Rules, claims and a room, a line each.
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(rules), Some(claims), Some(room)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let Ok(rules) = serde_json::from_slice::<Value>(rules) else { return };
    let (Some(claims), Ok(room)) = (json::object(claims), std::str::from_utf8(room)) else { return };
    let Ok(rules) = Rules::read(&rules, 64) else { return };
    let claims = Claims(&claims);
    let first = rules.judge(claims, room, None).position(|verdict| {
        matches!(verdict, Verdict::Matches { .. } | Verdict::Unfit(..))
    });
    match rules.decide(claims, room, None) {
        Outcome::Matches { rule, name, .. } => {
            assert_eq!(Some(rule), first);
            let name = name.unwrap_or_default();
            assert!(name.len() <= 128 && !name.chars().any(char::is_control));
        }
        Outcome::Unfit { rule, .. } => assert_eq!(Some(rule), first),
        Outcome::Room | Outcome::None => assert_eq!(first, None),
    }
});
