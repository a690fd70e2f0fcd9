//! How deeply lists and objects of a JSON text are nested. Only brackets are counted; the parser finds out whether the
//! text is JSON.

/// Whether lists and objects of a JSON text are nested at most `levels` deep.
///
/// ```
/// use stagedoor_wire::depth::is_within;
/// assert!(is_within(br#"[{"[[[":1}]"#, 2) && !is_within(b"[[[]]]", 2));
/// ```
pub fn is_within(json: &[u8], levels: usize) -> bool {
    // Most texts have few brackets in all. Counting them needs no branch, so the compiler handles many bytes at once.
    let opened = json.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    opened <= levels || deepest(json) <= levels
}

fn deepest(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_text(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Skips a string whose first quotation mark was read.
fn skip_text(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u8>().prop_map(Value::from),
            "[\\\\\"{}\\[\\]a]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[\\\\\"{}\\[\\]a]{0,3}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn text_that_is_not_json_does_no_harm() {
        for text in ["", "\"", "\"\\", "]]]", "}{", "\"[[["] {
            assert!(is_within(text.as_bytes(), 1), "{text}");
        }
        assert!(!is_within(&b"[".repeat(65), 64) && is_within(&b"[".repeat(64), 64));
    }

    proptest! {
        #[test]
        fn the_depth_is_that_of_the_parsed_value(value in json(), levels in 0_usize..8) {
            let text = value.to_string();
            prop_assert_eq!(deepest(text.as_bytes()), depth(&value), "{}", text);
            prop_assert_eq!(is_within(text.as_bytes(), levels), depth(&value) <= levels);
        }
    }
}
