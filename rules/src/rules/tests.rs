use proptest::prelude::*;
use serde_json::json;

use super::*;

fn rules(rules: &Value) -> Rules {
    Rules::read(rules, 8).expect("rules")
}

fn decided(rules: &Rules, claims: &Value, room: &str, role: Option<&str>) -> String {
    let claims = Claims(claims.as_object().expect("an object"));
    match rules.decide(claims, room, role) {
        Outcome::Matches { rule, gives, name } => {
            format!("{rule} {}{}", &*gives.role, name.map(|n| format!(" {n}")).unwrap_or_default())
        }
        Outcome::Unfit { rule, path, why } => format!("{rule} {} {why}", path.as_str()),
        Outcome::Room => "room".into(),
        Outcome::None => "none".into(),
    }
}

fn school() -> Rules {
    rules(&json!([
        {"when": {"groups": {"any_of": ["teachers"]}, "org.id": {"exists": true}},
         "rooms": ["class-{org.id}-*"], "role": "teacher", "name": "{name}", "ttl_s": 900},
        {"when": {"groups": {"any_of": ["teachers"]}}, "rooms": ["lobby", "staff"], "role": "host"},
        {"when": {}, "rooms": ["lobby"], "role": "audience"},
    ]))
}

#[test]
fn the_first_rule_that_matches_wins() {
    let rules = school();
    let teacher = json!({"groups": ["teachers"], "org": {"id": 7}, "name": "Anna"});
    let guest = json!({"groups": []});
    for (claims, room, role, outcome) in [
        (&teacher, "class-7-b", None, "0 teacher Anna"),
        (&teacher, "class-8-b", None, "room"),
        (&teacher, "class-7", None, "room"),
        (&teacher, "staff", None, "1 host"),
        (&teacher, "lobby", None, "1 host"),
        (&teacher, "lobby", Some("audience"), "2 audience"),
        (&teacher, "lobby", Some("teacher"), "none"),
        (&teacher, "class-7-b", Some("host"), "none"),
        (&guest, "lobby", None, "2 audience"),
        (&guest, "staff", None, "room"),
        (&guest, "lobby", Some("host"), "none"),
    ] {
        assert_eq!(decided(&rules, claims, room, role), outcome, "{claims} {room} {role:?}");
    }
    let closed = super::tests::rules(&json!([
        {"when": {"a": {"equals": 1}}, "rooms": ["*"], "role": "host"}
    ]));
    assert_eq!(decided(&closed, &json!({"a": 2}), "lobby", None), "none");
}

#[test]
fn a_claim_that_does_not_fit_refuses_instead_of_passing_the_rule() {
    let rules = rules(&json!([
        {"when": {"org": {"exists": true}}, "rooms": ["class-{org}*"], "role": "observer"},
        {"when": {}, "rooms": ["*"], "role": "host"},
    ]));
    for (org, outcome) in [
        (json!("7"), "0 observer"),
        (json!("*"), "0 org has a character that may not stand there"),
        (json!("a b"), "0 org has a character that may not stand there"),
        (json!("ä"), "0 org has a character that may not stand there"),
        (json!(""), "0 org is empty"),
        (json!(["7"]), "0 org is neither a text nor a whole number"),
        (json!("7".repeat(128)), "0 org makes the result too long"),
    ] {
        assert_eq!(decided(&rules, &json!({ "org": org }), "class-7", None), outcome, "{org}");
    }
    assert_eq!(decided(&rules, &json!({}), "class-7", None), "1 host");
    let named = super::tests::rules(&json!([
        {"when": {}, "rooms": ["*"], "role": "host", "name": "{name}"},
    ]));
    let bad = json!({"name": "A\u{7}"});
    let why = "0 name has a character that may not stand there";
    assert_eq!(decided(&named, &bad, "lobby", None), why);
    assert_eq!(decided(&named, &json!({}), "lobby", None), "0 host");
}

#[test]
fn rules_that_cannot_be_name_their_field() {
    let with = |name: &str, value: Value| {
        let mut rule = json!({"when": {}, "rooms": ["a"], "role": "host"});
        rule[name] = value;
        json!([{"when": {}, "rooms": ["a"], "role": "host"}, rule])
    };
    for (rules, field) in [
        (json!({}), "rules"),
        (json!([]), "rules"),
        (json!(vec![json!({"when": {}, "rooms": ["a"], "role": "host"}); 9]), "rules"),
        (json!([1]), "rules[0]"),
        (json!([{"rooms": ["a"], "role": "host"}]), "rules[0].when"),
        (json!([{"when": {}, "role": "host"}]), "rules[0].rooms"),
        (json!([{"when": {}, "rooms": ["a"]}]), "rules[0].role"),
        (with("rooms", json!([])), "rules[1].rooms"),
        (with("rooms", json!(["a", "b c"])), "rules[1].rooms[1]"),
        (with("rooms", json!(["*a"])), "rules[1].rooms[0]"),
        (with("rooms", json!(["{a}*-{b}"])), "rules[1].rooms[0]"),
        (with("rooms", json!(["{a"])), "rules[1].rooms[0]"),
        (with("rooms", json!(["a".repeat(129)])), "rules[1].rooms[0]"),
        (with("role", json!("HOST!")), "rules[1].role"),
        (with("role", json!("{role}")), "rules[1].role"),
        (with("grants", json!({"publsh": {}})), "rules[1].grants.publsh"),
        (with("grants", json!([])), "rules[1].grants"),
        (with("ttl_s", json!(0)), "rules[1].ttl_s"),
        (with("ttl_s", json!(86_401)), "rules[1].ttl_s"),
        (with("max_stay", json!("1")), "rules[1].max_stay"),
        (with("name", json!("{")), "rules[1].name"),
        (with("name", json!("a".repeat(129))), "rules[1].name"),
        (with("unless", json!({})), "rules[1].unless"),
        (with("when", json!({"a": {"like": 1}})), "rules[1].when.a.like"),
    ] {
        let fault = Rules::read(&rules, 8).expect_err("a fault");
        assert_eq!(fault.field.as_str(), field, "{rules}: {fault}");
    }
}

fn claim() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("a")),
        Just(json!("b*")),
        Just(json!("")),
        Just(json!(7)),
        Just(json!(["a", "b"])),
        Just(json!(null)),
        Just(json!(true)),
        "[a-z*]{0,3}".prop_map(Value::from),
    ]
}

fn any_rule() -> impl Strategy<Value = Value> {
    let condition = prop_oneof![
        Just(json!({"equals": "a"})),
        Just(json!({"any_of": ["a", 7]})),
        Just(json!({"prefix": "b"})),
        Just(json!({"exists": true})),
        Just(json!({"exists": false})),
    ];
    let when = proptest::collection::btree_map("[xy]", condition, 0..3);
    let room = prop_oneof![
        Just("a"),
        Just("a*"),
        Just("{x}"),
        Just("a-{x}-*"),
        Just("{x}{y}"),
        Just("*"),
    ];
    let rooms = proptest::collection::vec(room, 1..3);
    let role = prop_oneof![Just("host"), Just("audience")];
    (when, rooms, role).prop_map(
        |(when, rooms, role)| json!({"when": when, "rooms": rooms, "role": role, "name": "{y}"}),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_decision_is_that_of_the_first_rule_that_decides_alone(
        all in proptest::collection::vec(any_rule(), 1..6), x in claim(), y in claim(),
        room in "[a-c7]{1,3}(-[a7]-[a-c])?",
        role in proptest::option::of(prop_oneof![Just("host"), Just("audience")]),
    ) {
        let claims = json!({"x": x, "y": y});
        let alone = |rule: &Value| decided(&rules(&json!([rule])), &claims, &room, role);
        let first = all.iter().map(alone).enumerate().find(|(_, said)| said.starts_with('0'));
        let expected = first.map(|(at, said)| format!("{at}{}", &said[1..]));
        let said = decided(&rules(&json!(all)), &claims, &room, role);
        match expected {
            Some(expected) => prop_assert_eq!(said, expected),
            None => prop_assert!(said == "room" || said == "none", "{}", said),
        }
    }

    #[test]
    fn a_claim_opens_no_room_beyond_the_text_around_it(x in ".{0,6}", room in "[a-z*-]{1,8}") {
        let one = rules(&json!([{"when": {}, "rooms": ["a-{x}-*"], "role": "host"}]));
        let matches = decided(&one, &json!({"x": x}), &room, None) == "0 host";
        let expected = !x.is_empty() && !x.contains('*') && room.starts_with(&format!("a-{x}-"));
        prop_assert_eq!(matches, expected);
    }

    #[test]
    fn any_json_is_read_or_refused(text in r#"[\[{]"(when|rooms|role|a)":.{0,40}"#) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = Rules::read(&json!([value]), 8);
        }
    }
}
