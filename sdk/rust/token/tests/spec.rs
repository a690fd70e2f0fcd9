//! The tables of `spec/token.md` and `spec/roles.md` say what the code says, and the other way round.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use std::{collections::BTreeSet, fmt::Display};

use serde_json::{Map, Value};
use stagedoor_token::{
    Caps, Fault, Grants, KeyState, Limits, Patterns, Refusal, Roles, Rule, Verb,
};

const TOKEN: &str = include_str!("../../../../spec/token.md");
const ROLES: &str = include_str!("../../../../spec/roles.md");

/// The rows of the table of a section, each as its first columns.
fn rows(spec: &str, section: &str, columns: usize) -> Vec<String> {
    let heading = format!("\n## {section}\n");
    let (_, rest) = spec.split_once(&heading).expect("the spec has the section");
    let body = rest.split("\n## ").next().expect("a section ends");
    let rows: Vec<String> = body
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.split('|').skip(1).take(columns).map(str::trim).collect::<Vec<_>>().join(" | ")
        })
        .collect();
    assert!(!rows.is_empty(), "no table in {section}");
    rows
}

#[test]
fn every_refusal_is_in_the_spec_in_order_and_back() {
    let ours: Vec<String> =
        Refusal::ALL.iter().map(|r| format!("`{}` | `{}`", r.code(), r.public_code())).collect();
    assert_eq!(rows(TOKEN, "Refusals", 2), ours);
}

#[test]
fn no_refusal_that_strangers_may_meet_has_a_field() {
    for refusal in Refusal::ALL {
        let exact = refusal.public_code() == refusal.code();
        assert!(exact || Fault::from(*refusal).field().is_none(), "{refusal:?}");
    }
}

#[test]
fn every_limit_is_in_the_spec_and_back() {
    let Limits {
        token_bytes_max,
        room_bytes_max,
        user_bytes_max,
        name_bytes_max,
        meta_bytes_max,
        jti_bytes_max,
        leeway_s,
        ttl_s_max,
        grace_s_max,
    } = Limits::DEFAULT;
    let row = |name: &str, value: &dyn Display| format!("`{name}` | {value}");
    let ours = [
        row("token_bytes_max", &token_bytes_max),
        row("room_bytes_max", &room_bytes_max),
        row("user_bytes_max", &user_bytes_max),
        row("name_bytes_max", &name_bytes_max),
        row("meta_bytes_max", &meta_bytes_max),
        row("jti_bytes_max", &jti_bytes_max),
        row("leeway_s", &leeway_s),
        row("ttl_s_max", &ttl_s_max),
        row("grace_s_max", &grace_s_max),
    ];
    assert_eq!(rows(TOKEN, "Limits", 2), ours);
}

#[test]
fn every_key_state_is_in_the_spec() {
    let states = [KeyState::Next, KeyState::Current, KeyState::Retiring, KeyState::Retired];
    let ours: Vec<String> = states
        .iter()
        .map(|state| serde_json::to_string(state).expect("JSON").replace('"', "`"))
        .collect();
    assert_eq!(rows(TOKEN, "Keys", 1), ours);
}

#[test]
fn every_verb_is_in_the_spec_in_order_and_back() {
    let ours: Vec<String> = Verb::ALL.iter().map(|verb| format!("`{}`", verb.as_str())).collect();
    assert_eq!(rows(ROLES, "Verbs", 1), ours);
}

/// The names of the fields of an object and of the objects in it, as `publish.streams`.
fn fields(object: &Map<String, Value>) -> BTreeSet<String> {
    let of = |(name, value): (&String, &Value)| match value.as_object() {
        Some(inner) if name != "second_login" => {
            inner.keys().map(|field| format!("`{name}.{field}`")).collect()
        }
        _ => vec![format!("`{name}`")],
    };
    object.iter().flat_map(of).collect()
}

#[test]
fn every_field_of_a_template_is_in_the_spec_and_back() {
    let full = r#"{"role":"a","second_login":{"allow":2},"caps":{"members_max":1,"messages_per_s":1,
        "bytes_per_s":1,"frame_bytes_max":1}}"#;
    let full: Grants = serde_json::from_str(full).expect("a template");
    let told = serde_json::to_value(full).expect("JSON");
    let ours = fields(told.as_object().expect("an object"));
    let table: BTreeSet<String> = rows(ROLES, "Template", 1).into_iter().collect();
    assert_eq!(table, ours);
}

#[test]
fn every_rule_is_in_the_spec_in_order_and_back() {
    let ours: Vec<String> =
        Rule::ALL.iter().map(|r| format!("`{}` | `{}`", r.name(), r.code())).collect();
    assert_eq!(rows(ROLES, "Rules", 2), ours);
}

fn words<T: serde::Serialize>(list: T) -> String {
    let list: Vec<String> =
        serde_json::from_value(serde_json::to_value(list).expect("JSON")).expect("a list");
    list.join(" ")
}

fn names(before: &str, patterns: &Patterns) -> Option<String> {
    let names: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
    (!names.is_empty()).then(|| format!("{before}{}", names.join(" ")))
}

fn joined<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A role as a row of the table.
fn row(grants: &Grants) -> String {
    let Grants { role, rank, publish, subscribe, send, set, moderate, presence, .. } = grants;
    let Grants { ask, invite, waits, second_login, caps, .. } = grants;
    // The table has no column for what no built-in role has.
    assert_eq!((*waits, *second_login, *caps), (false, None, Caps::default()));
    let streams = names("", &publish.streams);
    let publish =
        streams.map(|s| format!("{s}; {}; {}", words(publish.kinds), publish.streams_max));
    let subscribe = names("", &subscribe.streams)
        .zip(names("", &subscribe.from))
        .map(|(streams, from)| format!("{streams} from {from}"));
    let send = joined([
        send.room.then(|| "room".into()),
        names("roles ", &send.roles),
        names("users ", &send.users),
    ]);
    let presence = joined([names("sees ", &presence.sees), names("seen by ", &presence.seen_by)]);
    let cells = [
        format!("`{role}`"),
        rank.to_string(),
        publish.unwrap_or_default(),
        subscribe.unwrap_or_default(),
        send,
        names("", set).unwrap_or_default(),
        words(moderate),
        presence,
        names("", ask).unwrap_or_default(),
        names("", invite).unwrap_or_default(),
    ];
    cells.join(" | ")
}

#[test]
fn the_built_in_roles_are_those_of_the_spec() {
    let roles = Roles::built_in();
    let mut grants: Vec<&Grants> = roles.iter().map(|role| role.grants().as_ref()).collect();
    grants.sort_by_key(|grants| std::cmp::Reverse(grants.rank));
    let ours: Vec<String> = grants.into_iter().map(row).collect();
    assert_eq!(rows(ROLES, "Built-in roles", 10), ours);
}

#[test]
fn the_template_of_the_spec_is_the_speaker() {
    let (_, rest) = ROLES.split_once("```json\n").expect("a template");
    let (json, _) = rest.split_once("```").expect("its end");
    let template: Grants = serde_json::from_str(json).expect("a template");
    assert_eq!(&template, Roles::built_in().get("speaker").expect("a role").grants().as_ref());
}
