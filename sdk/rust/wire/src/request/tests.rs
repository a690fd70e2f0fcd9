use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> (Option<u64>, &'static str) {
    let refused = Request::parse(text).expect_err(text);
    (refused.id, refused.code.as_str())
}

const GOOD: &[&str] = &[
    r#"{"op":"login","id":1,"token":"t"}"#,
    r#"{"op":"login","id":1,"ticket":"t"}"#,
    r#"{"op":"renew","id":1,"token":"t"}"#,
    r#"{"op":"publish","id":2,"stream":"cam","kind":"video"}"#,
    r#"{"op":"ping","id":2}"#,
    r#"{"op":"unpublish","id":3,"stream":"cam"}"#,
    r#"{"op":"subscribe","id":4,"streams":["*"],"from":[{"stream":"cam","epoch":1,"seq":2}]}"#,
    r#"{"op":"unsubscribe","id":5,"streams":["*"]}"#,
    r#"{"op":"send","id":6,"to":{"role":"host"},"data":{"hi":[1]}}"#,
    r#"{"op":"send","id":6,"to":"room","data":null}"#,
    r#"{"op":"set","id":7,"key":"slide","value":3,"if_version":0}"#,
    r#"{"op":"moderate","id":8,"verb":"kick","user":"bob"}"#,
    r#"{"op":"moderate","id":8,"verb":"mute","user":"bob","kinds":["audio"]}"#,
    r#"{"op":"moderate","id":8,"verb":"promote","user":"bob","role":"speaker"}"#,
    r#"{"op":"moderate","id":8,"verb":"ban","user":"bob","for_s":60}"#,
    r#"{"op":"moderate","id":8,"verb":"admit","users":["bob","eve"]}"#,
    r#"{"op":"moderate","id":8,"verb":"admit","all":true}"#,
    r#"{"op":"ask","id":8,"role":"speaker"}"#,
    r#"{"op":"unask","id":8}"#,
    r#"{"op":"invite","id":8,"role":"audience","ttl_s":60}"#,
    r#"{"op":"members","id":9}"#,
    r#"{"op":"leave","id":10}"#,
];

/// Of the right shape, and refused nevertheless.
const EMPTY_HANDED: &[&str] =
    &[r#"{"op":"login","id":1}"#, r#"{"op":"login","id":1,"token":"t","ticket":"u"}"#];

#[test]
fn a_request_of_each_op_is_read() {
    for op in GOOD {
        let request = Request::parse(op).unwrap_or_else(|e| panic!("{op}: {e:?}"));
        assert!(op.contains(request.op()));
        assert!(op.contains(&format!("\"id\":{}", request.id())));
        let again = serde_json::to_string(&request).expect("a request is JSON");
        assert!(Request::parse(&again).is_ok(), "{again}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_its_id() {
    assert_eq!(refused(r#"{"op":"fly","id":4}"#), (Some(4), "op_unknown"));
    assert_eq!(refused(r#"{"op":"leave","id":4,"now":true}"#), (Some(4), "request_invalid"));
    assert_eq!(refused(r#"{"op":"leave"}"#), (None, "request_invalid"));
    assert_eq!(refused(r#"{"op":"leave","id":-1}"#), (None, "request_invalid"));
    assert_eq!(refused(r#"{"op":"leave","id":1}{}"#), (None, "request_invalid"));
    assert_eq!(
        refused(r#"{"op":"publish","id":1,"stream":"c a m","kind":"video"}"#),
        (Some(1), "request_invalid")
    );
    assert_eq!(
        refused(r#"{"op":"unpublish","id":1,"stream":"a","stream":"b"}"#),
        (Some(1), "request_invalid")
    );
    for login in EMPTY_HANDED {
        assert_eq!(refused(login), (Some(1), "request_invalid"));
    }
    assert_eq!(refused("[]"), (None, "request_invalid"));
    assert_eq!(refused(""), (None, "request_invalid"));
}

#[test]
fn a_list_is_read_to_its_limit_and_no_further() {
    for (items, fits) in [(LIST_ITEMS_MAX, true), (LIST_ITEMS_MAX + 1, false)] {
        let streams = ["\"a\""].repeat(items).join(",");
        for op in ["subscribe", "unsubscribe"] {
            let text = format!(r#"{{"op":"{op}","id":1,"streams":[{streams}]}}"#);
            assert_eq!(Request::parse(&text).is_ok(), fits, "{op} {items}");
        }
        let kinds = ["\"audio\""].repeat(items).join(",");
        let text = format!(r#"{{"op":"moderate","id":1,"verb":"mute","kinds":[{kinds}]}}"#);
        assert_eq!(Request::parse(&text).is_ok(), fits, "kinds {items}");
        let users = ["\"bob\""].repeat(items).join(",");
        let text = format!(r#"{{"op":"moderate","id":1,"verb":"admit","users":[{users}]}}"#);
        assert_eq!(Request::parse(&text).is_ok(), fits, "users {items}");
    }
    let text = r#"{"op":"moderate","id":1,"verb":"mute","kinds":null}"#;
    assert!(Request::parse(text).is_ok(), "as before");
}

#[test]
fn id_and_op_are_read_wherever_they_stand() {
    let far = format!(r#"{{"data":"{}","op":"send","to":"room","id":7}}"#, "x".repeat(60_000));
    assert_eq!(Request::head(&far), (Some(7), Some("send")));
    assert_eq!(Request::head(r#"{"op":"fly","id":8}"#), (Some(8), None));
    assert_eq!(Request::head("fly"), (None, None));
}

#[test]
fn a_login_and_a_renewal_do_not_show_their_token() {
    let login = Request::parse(r#"{"op":"login","id":1,"token":"secret-token"}"#).expect("a login");
    assert!(!format!("{login:?}").contains("secret-token"));
    let renew =
        Request::parse(r#"{"op":"renew","id":1,"token":"secret-token"}"#).expect("a renewal");
    assert!(!format!("{renew:?}").contains("secret-token"));
}

proptest! {
    /// Good or not, and wherever its `op` is.
    #[test]
    fn a_request_is_the_same_read_in_one_go_and_in_two(
        good in prop::sample::select([GOOD, EMPTY_HANDED].concat()),
        at: prop::sample::Index,
        cut in 0_usize..3,
        more in "|[\"{}:, a1]|\"op\":\"leave\",|\"id\":1,|\\\\u0061",
    ) {
        let mut text = good.to_owned();
        let at = at.index(text.len());
        text.replace_range(at..(at + cut).min(text.len()), &more);
        let (once, twice) = (Request::parse(&text), Request::parse_any(&text));
        prop_assert_eq!(format!("{once:?}"), format!("{twice:?}"), "{}", text);
    }
}
