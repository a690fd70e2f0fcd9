//! Generated request heads: valid ones, slightly changed, so that most of them get past the parser. The result is
//! compared with another reading of the head that shares no code with the relay's.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use proptest::{
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use stagedoor_wire::SUBPROTOCOL;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use std::mem::MaybeUninit;

use super::super::is_ours;
use crate::port::head::{HEADERS_MAX, Head, Refusal, Upgrade, upgrade};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const OURS: &str = "https://ours.example";

fn parsed(head: &[u8]) -> Result<Upgrade, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let ours = OURS.parse().expect("an origin");
    upgrade(Head::read(head, &mut fields)?, &[ours], Some("seat"))
}

/// The lines of a valid head, the first one last. Optional fields may be missing.
fn good() -> impl Strategy<Value = Vec<String>> {
    let token = prop_oneof![
        Just(None),
        "[A-Za-z0-9._-]{1,20}".prop_map(|token| Some(format!("Authorization: Bearer {token}"))),
        "[A-Za-z0-9._-]{1,20}".prop_map(|token| Some(format!("Cookie: a=b; seat={token}"))),
    ];
    let protocol = select(vec![
        None,
        Some(format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}")),
        Some(format!("Sec-WebSocket-Protocol: other,{SUBPROTOCOL}")),
        Some("Sec-WebSocket-Protocol: stagedoor.v2".to_owned()),
    ]);
    (token, protocol).prop_map(|(token, protocol)| {
        let fields = [
            "Host: x",
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
        ];
        let mut lines: Vec<String> = fields.map(str::to_owned).into();
        lines.extend([format!("Sec-WebSocket-Key: {KEY}"), format!("Origin: {OURS}")]);
        lines.extend([token, protocol].into_iter().flatten());
        lines.push("GET /v1/connect HTTP/1.1".into());
        lines
    })
}

/// A change of a valid head.
#[derive(Clone, Debug)]
enum Change {
    // These keep its meaning.
    Swap(Index, Index),
    Capitals(Index),
    Spaces(Index),
    Another(String),
    // These may change it.
    Drop(Index),
    Twice(Index),
    Field(&'static str),
    Request(&'static str),
    Key(&'static str),
    Host(&'static str),
    Byte(Index, u8),
    Cut(Index),
}

impl Change {
    fn is_harmless(&self) -> bool {
        matches!(self, Self::Swap(..) | Self::Capitals(_) | Self::Spaces(_) | Self::Another(_))
    }

    /// Changes the lines; the last one is the request line.
    fn on_lines(&self, lines: &mut Vec<String>) {
        let fields = lines.len() - 1;
        match self {
            Self::Swap(a, b) => lines.swap(a.index(fields), b.index(fields)),
            Self::Capitals(at) => {
                let line = &mut lines[at.index(fields)];
                if let Some((name, value)) = line.split_once(':') {
                    *line = format!("{}:{value}", name.to_ascii_uppercase());
                }
            }
            Self::Spaces(at) => {
                let line = &mut lines[at.index(fields)];
                *line = line.replacen(": ", ": \t ", 1) + "  ";
            }
            Self::Another(field) => lines.insert(0, field.clone()),
            Self::Drop(at) => drop(lines.remove(at.index(fields))),
            Self::Twice(at) => lines.insert(0, lines[at.index(fields)].clone()),
            Self::Field(field) => lines.insert(0, (*field).to_owned()),
            Self::Request(request) => lines[fields] = (*request).to_owned(),
            Self::Key(key) => lines.iter_mut().for_each(|line| *line = line.replace(KEY, key)),
            Self::Host(host) => {
                lines.iter_mut().for_each(|line| *line = line.replace("Host: x", host));
            }
            Self::Byte(..) | Self::Cut(_) => {}
        }
    }

    fn on_bytes(&self, head: &mut Vec<u8>) {
        match self {
            Self::Byte(at, byte) => {
                let at = at.index(head.len());
                head[at] = *byte;
            }
            Self::Cut(at) => head.truncate(at.index(head.len()) + 1),
            _ => {}
        }
    }
}

fn harmless() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Swap(a, b)),
        any::<Index>().prop_map(Change::Capitals),
        any::<Index>().prop_map(Change::Spaces),
        "X-[A-Za-z-]{1,16}: [ -~]{0,24}".prop_map(Change::Another),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    const FIELDS: &[&str] = &[
        "Sec-WebSocket-Version: 8",
        "Connection: close",
        "Upgrade: h2c",
        "Sec-WebSocket-Key: c2hvcnQ=",
        "Host: y",
        "Authorization: Basic eDp5",
        "Origin: https://theirs.example",
        "Authorization: Bearer two",
        "Cookie: seat=one; seat=two",
        "Sec-WebSocket-Protocol: third",
    ];
    const REQUESTS: &[&str] = &[
        "POST /v1/connect HTTP/1.1",
        "get /v1/connect HTTP/1.1",
        "GET /v1/connect HTTP/1.0",
        "GET /v1/connect?token=x HTTP/1.1",
        "GET /v1/connections HTTP/1.1",
    ];
    const KEYS: &[&str] = &[
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "dGhlIHNhbXBsZSBub25jZWU=",
        "dGhlIHNhbXBsZSBub25j_Q==",
        "dGhlIHNhbXBsZSBub25jZQ=",
    ];
    const HOSTS: &[&str] = &[
        "Host: a.example:80",
        "Host: [::1]:80",
        "Host: a b",
        "Host: u@a",
        "Host: a:b",
        "Host: [a]",
    ];
    prop_oneof![
        3 => harmless(),
        1 => any::<Index>().prop_map(Change::Drop),
        1 => any::<Index>().prop_map(Change::Twice),
        1 => select(FIELDS).prop_map(Change::Field),
        1 => select(REQUESTS).prop_map(Change::Request),
        1 => select(KEYS).prop_map(Change::Key),
        1 => select(HOSTS).prop_map(Change::Host),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

/// A head, and whether it means the same as a valid one.
fn made() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let few = |change: BoxedStrategy<Change>| prop::collection::vec(change, 0..4);
    let changes = prop_oneof![few(harmless().boxed()), few(change().boxed())];
    (good(), changes).prop_map(|(mut lines, changes)| {
        changes.iter().for_each(|change| change.on_lines(&mut lines));
        let request = lines.pop().into_iter();
        let lines: Vec<String> = request.chain(lines).map(|line| line + "\r\n").collect();
        let mut head = (lines.concat() + "\r\n").into_bytes();
        changes.iter().for_each(|change| change.on_bytes(&mut head));
        (head, changes.iter().all(Change::is_harmless))
    })
}

/// The values of a field, read line by line.
fn values(head: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(head).into_owned();
    let fields = text.split('\n').skip(1).filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim().to_owned()).collect()
}

fn lists(head: &[u8], name: &str, word: &str) -> bool {
    values(head, name)
        .iter()
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_head_is_read_correctly_or_refused((head, is_good) in made()) {
        let text = String::from_utf8_lossy(&head).into_owned();
        let upgrade = match parsed(&head) {
            Ok(upgrade) => upgrade,
            Err(why) => {
                prop_assert!(!is_good, "{}: {text:?}", why.code);
                return Ok(());
            }
        };
        prop_assert!(is_ours(&head));
        prop_assert!(text.starts_with("GET /v1/connect HTTP/1.1"), "{text:?}");
        prop_assert!(lists(&head, "connection", "upgrade") && lists(&head, "upgrade", "websocket"));
        prop_assert_eq!(values(&head, "sec-websocket-version"), ["13"]);
        let keys = values(&head, "sec-websocket-key");
        prop_assert_eq!(keys.len(), 1);
        let lenient = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
        let key = GeneralPurpose::new(&STANDARD, lenient).decode(&keys[0]);
        prop_assert_eq!(key.map(|bytes| bytes.len()), Ok(16));
        let hosts = values(&head, "host");
        prop_assert!(hosts.len() == 1 && !hosts[0].contains([' ', '@', '/']), "{hosts:?}");
        let uri = format!("http://{}/", if hosts[0].is_empty() { "x" } else { &hosts[0] });
        prop_assert!(hosts[0].contains('%') || uri.parse::<http::Uri>().is_ok(), "{uri}");
        prop_assert_eq!(&upgrade.accept, &derive_accept_key(keys[0].as_bytes()));
        prop_assert_eq!(upgrade.subprotocol, lists(&head, "sec-websocket-protocol", SUBPROTOCOL));
        let origins = values(&head, "origin");
        prop_assert!(origins.is_empty() || origins == [OURS], "{origins:?}");
        let authorizations = values(&head, "authorization");
        prop_assert!(authorizations.len() < 2, "{text:?}");
        let bearers: Vec<&String> =
            authorizations.iter().filter(|value| value[..6].eq_ignore_ascii_case("bearer")).collect();
        let cookies = values(&head, "cookie");
        let token = match (&bearers[..], &cookies[..]) {
            ([bearer], _) => bearer.split_once(' ').map(|(_, token)| token.trim().to_owned()),
            ([], [cookie]) => {
                cookie.split(';').find_map(|pair| pair.trim().strip_prefix("seat=")).map(str::to_owned)
            }
            _ => None,
        };
        prop_assert!(!upgrade.by_cookie || !origins.is_empty());
        prop_assert_eq!(&upgrade.token, &token, "{:?}", text);
    }
}

#[test]
fn enough_generated_heads_are_accepted_and_refused() {
    const HEADS: usize = 400;
    let mut runner = TestRunner::deterministic();
    let taken = (0..HEADS)
        .filter(|_| {
            let (head, _) = made().new_tree(&mut runner).expect("a head").current();
            parsed(&head).is_ok()
        })
        .count();
    assert!((HEADS / 3..HEADS * 9 / 10).contains(&taken), "{taken} of {HEADS} are accepted");
}
