//! The tables of `spec/wire.md` against this crate and the vectors: every field of every request, answer, event and
//! object has one type there, is read and written with it, and is refused with any other.

// What reads the specification fails as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use stagedoor_wire::{
    event::Event,
    reply::{
        Admitted, Done, Invited, LoggedIn, MembersPage, Pong, Published, Refusal, Renewed,
        SubscribedTo, Versioned,
    },
    request::Request,
};

const SPEC: &str = include_str!("../../../../spec/wire.md");

/// A field of a list such as `` `user`, `name`? ``.
#[derive(Clone, Debug)]
struct Named {
    name: &'static str,
    is_optional: bool,
}

/// A row of the table of fields.
#[derive(Clone, Debug)]
struct Row {
    field: &'static str,
    kind: &'static str,
    places: &'static str,
}

/// Where a field stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Request(&'static str),
    Answer(&'static str),
    Event(&'static str),
    Object(&'static str),
}

/// The rows of the table that begins with a heading's cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let start = SPEC.find(&format!("\n{heading}\n")).expect(heading) + heading.len() + 2;
    let lines = SPEC[start..].lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    lines.map(cells).collect()
}

/// What stands between backquotes.
fn quoted(cell: &'static str) -> Vec<&'static str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The fields that a cell lists; words in brackets say more about the one before.
fn listed(cell: &'static str) -> Vec<Named> {
    let mut parts = cell.split('`');
    let mut depth = parts.next().map_or(0, brackets);
    let mut all = Vec::new();
    while let (Some(name), Some(after)) = (parts.next(), parts.next()) {
        if depth == 0 {
            let is_optional = after.starts_with('?')
                || name == "ticket"
                || cell.contains("or `ticket`") && name == "token";
            all.push(Named { name, is_optional });
        }
        depth += brackets(after);
    }
    all
}

fn brackets(text: &str) -> i32 {
    text.matches('(').count() as i32 - text.matches(')').count() as i32
}

struct Spec {
    requests: Vec<(&'static str, Vec<Named>)>,
    answers: Vec<(&'static str, Vec<Named>)>,
    events: Vec<(&'static str, Vec<Named>)>,
    objects: Vec<(&'static str, Vec<Named>)>,
    types: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    used: RefCell<BTreeSet<usize>>,
}

impl Spec {
    fn read() -> Self {
        let requests = table("| op | fields | ok |");
        let of = |rows: Vec<Vec<&'static str>>, column: usize| -> Vec<(&'static str, Vec<Named>)> {
            rows.iter().map(|row| (quoted(row[0])[0], listed(row[column]))).collect()
        };
        let rows = table("| field | type | where | what |");
        let rows = rows.iter().map(|row| {
            let (field, kind) = (quoted(row[0])[0], quoted(row[1])[0]);
            Row { field, kind, places: row[2] }
        });
        Self {
            requests: of(requests.clone(), 1),
            answers: of(requests, 2),
            events: of(table("| ev | fields |"), 1),
            objects: of(table("| object | fields |"), 1),
            types: table("| type | JSON |").iter().map(|row| (quoted(row[0])[0], row[1])).collect(),
            rows: rows.collect(),
            used: RefCell::default(),
        }
    }

    /// The one type of a field in a place: that of the row which names the place, else of the one that names none.
    fn kind(&self, field: &str, place: Place) -> &'static str {
        let (family, name) = match place {
            Place::Request(op) => ("requests", op),
            Place::Answer(op) => ("answers", op),
            Place::Event(ev) => ("events", ev),
            Place::Object(object) => ("", object),
        };
        let names = |row: &Row| {
            row.places.split(", ").any(|word| match word.strip_prefix("answer to ") {
                Some(op) => family == "answers" && op == format!("`{name}`"),
                None => word == family || family != "answers" && word == format!("`{name}`"),
            })
        };
        let rows = || self.rows.iter().enumerate().filter(|(_, row)| row.field == field);
        let mut found: Vec<_> =
            rows().filter(|(_, row)| !row.places.is_empty() && names(row)).collect();
        if found.is_empty() {
            found = rows().filter(|(_, row)| row.places.is_empty()).collect();
        }
        let [(at, row)] = found[..] else { panic!("{field} of {place:?} has {found:?}") };
        self.used.borrow_mut().insert(at);
        row.kind
    }

    fn object(&self, name: &str) -> Option<(&'static str, &[Named])> {
        let (name, fields) = self.objects.iter().find(|(object, _)| *object == name)?;
        Some((name, fields))
    }

    fn words(&self, kind: &str) -> Vec<&'static str> {
        let (_, json) = self.types.iter().find(|(name, _)| *name == kind).expect(kind);
        quoted(json).into_iter().map(|word| word.trim_matches('"')).collect()
    }

    /// A value of a type.
    fn example(&self, kind: &str, is_full: bool) -> Value {
        if let Some(of) = kind.strip_prefix('[') {
            return json!([self.example(of.trim_end_matches(']'), is_full)]);
        }
        if let Some((name, fields)) = self.object(kind) {
            return Value::Object(self.filled(fields, Place::Object(name), is_full));
        }
        match kind {
            "bool" => json!(true),
            "u16" => json!(u16::MAX),
            "u32" => json!(u32::MAX),
            "u64" => json!(u64::MAX),
            "json" | "grants" => json!({"any": [1, null]}),
            "receivers" => json!({"role": "host"}),
            "text" | "name" | "key" => json!("a.b-c:d_9"),
            "pattern" => json!("a*"),
            _ => json!(self.words(kind).last().expect(kind)),
        }
    }

    fn filled(&self, fields: &[Named], place: Place, is_full: bool) -> Map<String, Value> {
        let kept = fields.iter().filter(|field| is_full || !field.is_optional);
        kept.map(|field| {
            (field.name.to_owned(), self.example(self.kind(field.name, place), is_full))
        })
        .collect()
    }

    fn is_of(&self, kind: &str, value: &Value) -> bool {
        if let Some(of) = kind.strip_prefix('[') {
            let of = of.trim_end_matches(']');
            return value.as_array().is_some_and(|all| all.iter().all(|one| self.is_of(of, one)));
        }
        if let Some((name, fields)) = self.object(kind) {
            return value
                .as_object()
                .is_some_and(|value| self.has(fields, Place::Object(name), value));
        }
        let text = value.as_str();
        let is_name = |max: usize| {
            text.is_some_and(|text| {
                let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
                (1..=max).contains(&text.len()) && text.bytes().all(clean)
            })
        };
        let is_below = |max: u64| value.as_u64().is_some_and(|number| number <= max);
        match kind {
            "bool" => value.is_boolean(),
            "u16" => is_below(u16::MAX.into()),
            "u32" => is_below(u32::MAX.into()),
            "u64" => is_below(u64::MAX),
            "json" => true,
            // The relay's own, which this crate passes on.
            "grants" => true,
            "text" | "pattern" => text.is_some(),
            "name" => is_name(256),
            "key" => is_name(64),
            "receivers" => {
                let one = value.as_object().filter(|object| object.len() == 1);
                let named = one.and_then(|one| one.get("role").or_else(|| one.get("user")));
                text == Some("room") || named.is_some_and(Value::is_string)
            }
            _ => text.is_some_and(|text| self.words(kind).contains(&text)),
        }
    }

    /// Whether an object has the fields, and no others.
    fn has(&self, fields: &[Named], place: Place, object: &Map<String, Value>) -> bool {
        let known = |name: &String| fields.iter().any(|field| field.name == name);
        object.keys().all(known)
            && fields.iter().all(|field| match object.get(field.name) {
                None => field.is_optional,
                Some(value) => self.is_of(self.kind(field.name, place), value),
            })
    }
}

/// Whether a text is read as this type, and written the same.
fn same<T: DeserializeOwned + Serialize>(given: &Value) -> bool {
    let read = serde_json::from_str::<T>(&given.to_string());
    read.is_ok_and(|read| serde_json::to_value(&read).expect("it was read") == *given)
}

fn reads_request(given: &Value) -> bool {
    let request = Request::parse(&given.to_string());
    request.is_ok_and(|read| serde_json::to_value(&read).expect("it was read") == *given)
}

fn reads_answer(op: &str, given: &Value) -> bool {
    match op {
        "login" => same::<LoggedIn<Value>>(given),
        "renew" => same::<Renewed<Value>>(given),
        "publish" => same::<Published>(given),
        "subscribe" => same::<SubscribedTo>(given),
        "set" => same::<Versioned>(given),
        "invite" => same::<Invited>(given),
        "moderate" => same::<Admitted>(given) || same::<Done>(given),
        "members" => same::<MembersPage>(given),
        "ping" => same::<Pong>(given),
        "error" => same::<Refusal>(given),
        _ => same::<Done>(given),
    }
}

/// Values of every kind.
fn values() -> Vec<Value> {
    let numbers = ["0", "65536", "4294967296", "18446744073709551616", "-1", "1.5", "1e3"];
    let mut all: Vec<Value> =
        numbers.iter().map(|text| serde_json::from_str(text).expect("a number")).collect();
    all.extend([json!(true), json!(""), json!("a b"), json!("room"), json!("x".repeat(65))]);
    all.extend([json!([]), json!(["a"]), json!([1]), json!({}), json!({"role": "host"})]);
    all
}

/// Holds an object's fields to their types: full and bare it is read, and with a wrong value it is not.
fn hold(spec: &Spec, fields: &[Named], place: Place, head: &Value, reads: impl Fn(&Value) -> bool) {
    let with = |fields: Map<String, Value>| {
        let mut all = head.as_object().cloned().unwrap_or_default();
        all.extend(fields);
        Value::Object(all)
    };
    let full = spec.filled(fields, place, true);
    assert!(reads(&with(full.clone())), "{place:?} is not read: {full:?}");
    let bare = spec.filled(fields, place, false);
    assert!(reads(&with(bare.clone())), "{place:?} is not read: {bare:?}");
    for field in fields {
        let kind = spec.kind(field.name, place);
        for value in values() {
            let mut changed = full.clone();
            changed.insert(field.name.into(), value.clone());
            let is_read = reads(&with(changed));
            // What is left out when it says nothing is not written the same.
            let says_nothing = field.is_optional && [json!([]), json!(false)].contains(&value);
            let is_of = spec.is_of(kind, &value);
            assert!(is_read == is_of || says_nothing, "{} of {place:?}: {value}", field.name);
        }
        let mut lacking = full.clone();
        lacking.remove(field.name);
        assert_eq!(reads(&with(lacking)), field.is_optional, "{place:?} without {}", field.name);
    }
    let mut more = full;
    more.insert("unheard_of".into(), json!(1));
    assert!(!reads(&with(more)), "{place:?} with a field more");
}

#[test]
fn each_field_of_a_request_has_the_type_of_the_spec() {
    let spec = Spec::read();
    assert_eq!(spec.requests.len(), 16);
    for (op, fields) in &spec.requests {
        let head = json!({"op": op, "id": 7});
        if *op != "login" {
            hold(&spec, fields, Place::Request(op), &head, reads_request);
            continue;
        }
        // A token or a ticket.
        for (given, other) in [("token", "ticket"), ("ticket", "token")] {
            let mut fields: Vec<Named> =
                fields.iter().filter(|field| field.name != other).cloned().collect();
            fields
                .iter_mut()
                .filter(|field| field.name == given)
                .for_each(|one| one.is_optional = false);
            hold(&spec, &fields, Place::Request(op), &head, reads_request);
        }
    }
}

#[test]
fn null_is_the_same_as_absent_where_a_field_may_be_absent() {
    let spec = Spec::read();
    for (op, fields) in &spec.requests {
        let mut bare = spec.filled(fields, Place::Request(op), false);
        bare.extend([("op".to_owned(), json!(op)), ("id".to_owned(), json!(7))]);
        if *op == "login" {
            bare.insert("token".into(), json!("t"));
        }
        let absent = Request::parse(&Value::Object(bare.clone()).to_string()).expect("a request");
        for field in fields.iter().filter(|field| field.name != "token") {
            let mut with_null = bare.clone();
            with_null.insert(field.name.into(), Value::Null);
            let read = Request::parse(&Value::Object(with_null).to_string());
            let kind = spec.kind(field.name, Place::Request(op));
            assert_eq!(read.is_ok(), field.is_optional || kind == "json", "{op} {}", field.name);
            if let Some(read) = read.ok().filter(|_| field.is_optional) {
                let [read, absent] = [read, absent.clone()]
                    .map(|request| serde_json::to_value(&request).expect("it was read"));
                assert_eq!(read, absent, "{op} {}", field.name);
            }
        }
    }
}

#[test]
fn each_field_of_an_answer_has_the_type_of_the_spec() {
    let spec = Spec::read();
    for (op, fields) in &spec.answers {
        let mut fields = fields.clone();
        if *op == "moderate" {
            // Both or none.
            assert!(reads_answer(op, &json!({})));
            fields.iter_mut().for_each(|field| field.is_optional = false);
        }
        hold(&spec, &fields, Place::Answer(op), &json!({}), |given| reads_answer(op, given));
    }
    let (name, error) = spec.object("error").expect("the object");
    hold(&spec, error, Place::Object(name), &json!({}), |given| reads_answer("error", given));
}

#[test]
fn each_field_of_an_event_has_the_type_of_the_spec() {
    let spec = Spec::read();
    assert_eq!(spec.events.len(), 21);
    for (ev, fields) in &spec.events {
        hold(&spec, fields, Place::Event(ev), &json!({"ev": ev}), same::<Event<Value>>);
    }
}

#[test]
fn the_vectors_have_the_fields_and_types_of_the_spec() {
    let spec = Spec::read();
    let file = |name: &str| -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/wire");
        let text = std::fs::read_to_string(folder.join(name)).expect("the file is there");
        serde_json::from_str(&text).expect("the file reads")
    };
    let fits = |given: &Value, head: &[&str], fields: &[Named], place: Place| {
        let mut given = given.as_object().cloned().expect("an object");
        head.iter().for_each(|name| drop(given.remove(*name)));
        spec.has(fields, place, &given)
    };
    for case in file("requests.json")["cases"].as_array().expect("cases") {
        let text = case["text"].as_str().expect("a text");
        let Ok(mut given) = serde_json::from_str::<Value>(text) else { continue };
        let found = spec.requests.iter().find(|(op, _)| given["op"] == *op);
        let is_good = case["code"] == "ok";
        let Some((op, fields)) = found else {
            assert!(!is_good, "{text}");
            continue;
        };
        let is_absent = |name: &str, value: &Value| {
            value.is_null() && fields.iter().any(|field| field.is_optional && field.name == name)
        };
        given.as_object_mut().expect("an object").retain(|name, value| !is_absent(name, value));
        let fitting = fits(&given, &["op", "id"], fields, Place::Request(op));
        assert!(fitting || !is_good, "{text}");
    }
    let messages = file("messages.json");
    for given in messages["events"].as_array().expect("events") {
        let found = spec.events.iter().find(|(ev, _)| given["ev"] == *ev);
        let (ev, fields) = found.unwrap_or_else(|| panic!("{given}"));
        assert!(fits(given, &["ev"], fields, Place::Event(ev)), "{given}");
    }
    for given in messages["replies"].as_array().expect("replies") {
        let fitting = match given.get("ok") {
            Some(ok) => {
                spec.answers.iter().any(|(op, fields)| fits(ok, &[], fields, Place::Answer(op)))
            }
            None => spec.is_of("error", &given["error"]),
        };
        assert!(fitting, "{given}");
    }
}

#[test]
fn no_row_of_the_spec_is_without_a_field() {
    let spec = Spec::read();
    for (op, fields) in &spec.requests {
        spec.filled(fields, Place::Request(op), true);
    }
    for (op, fields) in &spec.answers {
        spec.filled(fields, Place::Answer(op), true);
    }
    for (ev, fields) in &spec.events {
        spec.filled(fields, Place::Event(ev), true);
    }
    spec.example("error", true);
    let used = spec.used.borrow();
    // `id` is every request's.
    let unused: Vec<_> =
        (0..spec.rows.len()).filter(|at| !used.contains(at)).map(|at| &spec.rows[at]).collect();
    assert_eq!(unused.iter().map(|row| row.field).collect::<Vec<_>>(), ["id"], "{unused:?}");
    let kinds: BTreeSet<_> =
        spec.rows.iter().map(|row| row.kind.trim_matches(['[', ']'])).collect();
    let known = |kind: &str| {
        spec.object(kind).is_some() || spec.types.iter().any(|(name, _)| *name == kind)
    };
    assert!(kinds.iter().all(|kind| known(kind)), "{kinds:?}");
    assert!(spec.types.iter().all(|(name, _)| kinds.contains(name)), "{:?}", spec.types);
}
