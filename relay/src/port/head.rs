//! The head of a request for the relay's path: an upgrade, or a reason for refusal. Pure, and the same for a
//! connection's first request, which the relay parses, and for later ones, which the HTTP API's parser delivers.

use std::{mem::MaybeUninit, net::Ipv6Addr};

use http::StatusCode;
use stagedoor_wire::{CONNECT_PATH, SUBPROTOCOL};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::net::origin::Origin;

/// Header fields in one request head at most.
pub(crate) const HEADERS_MAX: usize = 64;

/// Why an upgrade was refused with an HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: &'static str,
}

const fn refused(status: StatusCode, code: &'static str, detail: &'static str) -> Refusal {
    Refusal { status, code, detail }
}

pub(crate) const TOO_LARGE: Refusal = refused(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "handshake_too_large",
    "the request head is longer than `handshake_bytes_max`",
);
pub(crate) const INVALID: Refusal = refused(
    StatusCode::BAD_REQUEST,
    "handshake_invalid",
    "the request is not a WebSocket handshake",
);
pub(crate) const VERSION: Refusal =
    refused(StatusCode::UPGRADE_REQUIRED, "upgrade_required", "connect with WebSocket version 13");
const QUERY: Refusal = refused(
    StatusCode::BAD_REQUEST,
    "query_refused",
    "the URL must have no query; send the token in a header or in `login`, never in a URL",
);
const ORIGIN: Refusal = refused(
    StatusCode::FORBIDDEN,
    "origin_refused",
    "this page's origin is not in the relay's `origins`",
);
pub(crate) const FULL: Refusal = refused(
    StatusCode::SERVICE_UNAVAILABLE,
    "connections_exceeded",
    "too many connections are open; try again later",
);
pub(crate) const CLOSING: Refusal =
    refused(StatusCode::SERVICE_UNAVAILABLE, "closing", "the relay is shutting down");

/// A request head, from either parser.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) is_http_1_1: bool,
    pub(crate) fields: &'a [httparse::Header<'a>],
}

impl<'a> Head<'a> {
    /// Reads a whole head.
    pub(crate) fn read<'h>(
        bytes: &'a [u8],
        fields: &'h mut [MaybeUninit<httparse::Header<'a>>],
    ) -> Result<Head<'h>, Refusal>
    where
        'a: 'h,
    {
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, fields) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(TOO_LARGE),
            Ok(httparse::Status::Partial) | Err(_) => return Err(INVALID),
        }
        Ok(Head {
            method: request.method.unwrap_or_default(),
            target: request.path.unwrap_or_default(),
            is_http_1_1: request.version == Some(1),
            fields: request.headers,
        })
    }

    /// The values of a field, in their order.
    pub(crate) fn values(self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let fields = self.fields.iter();
        fields.filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of a field that may occur only once.
    fn one(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.values(name);
        let value = values.next().map(|value| std::str::from_utf8(value).map_err(|_| INVALID));
        if values.next().is_some() { Err(INVALID) } else { value.transpose() }
    }

    /// Whether a field's list has an item.
    fn lists(self, name: &str, wanted: &str) -> bool {
        self.values(name).any(|value| {
            let mut items = value.split(|byte| *byte == b',');
            items.any(|item| item.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
        })
    }
}

/// Whether a value of `Host` is a name or an address, with or without a port (RFC 9110 §7.2).
pub fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (address, port) = (&rest[..end], &rest[end + 1..]);
            let is_address =
                std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
            if !is_address {
                return false;
            }
            (&b""[..], port)
        }
        None => value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len())),
    };
    let is_port = |port: &[u8]| {
        matches!(port, [] | [b':', ..]) && port.iter().skip(1).all(u8::is_ascii_digit)
    };
    let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    host.iter().all(is_in_name) && is_port(port)
}

/// Whether a WebSocket key is the base64 of 16 bytes (RFC 6455 §4.1).
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.strip_suffix("==").is_some_and(|digits| digits.len() == 22 && digits.bytes().all(is_digit))
}

/// The token in `Authorization`. Schemes other than `Bearer` are ignored.
fn bearer(value: Option<&str>) -> Result<Option<&str>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match token.trim() {
        _ if !scheme.eq_ignore_ascii_case("bearer") => Ok(None),
        "" => Err(INVALID),
        token => Ok(Some(token)),
    }
}

/// An upgrade request.
pub(crate) struct Upgrade {
    pub(crate) accept: String,
    pub(crate) subprotocol: bool,
    pub(crate) token: Option<String>,
    /// Whether the token came as a cookie.
    pub(crate) by_cookie: bool,
}

/// Parses an upgrade request. `origins` are the pages that may connect, `cookie` is the name of the cookie that may
/// carry a token.
pub(crate) fn upgrade(
    head: Head<'_>,
    origins: &[Origin],
    cookie: Option<&str>,
) -> Result<Upgrade, Refusal> {
    if head.target != CONNECT_PATH {
        return Err(QUERY);
    }
    // RFC 9112 §3.2; not required in older versions.
    match head.one("host")? {
        Some(host) if is_host(host.as_bytes()) => {}
        None if !head.is_http_1_1 => {}
        _ => return Err(INVALID),
    }
    let upgrade = head.method == "GET"
        && head.is_http_1_1
        && head.lists("connection", "upgrade")
        && head.lists("upgrade", "websocket");
    if !upgrade || head.one("sec-websocket-version")? != Some("13") {
        return Err(VERSION);
    }
    // A body would be taken for the first WebSocket bytes.
    let has_body = head.one("content-length")?.is_some_and(|length| length != "0")
        || head.values("transfer-encoding").next().is_some();
    if has_body {
        return Err(INVALID);
    }
    let key = head.one("sec-websocket-key")?.filter(|key| is_key(key)).ok_or(INVALID)?;
    let origin = head.one("origin")?;
    let listed_origin =
        origin.is_some_and(|origin| origins.iter().any(|known| known.as_str() == origin));
    if origin.is_some() && !origins.is_empty() && !listed_origin {
        return Err(ORIGIN);
    }
    let bearer = bearer(head.one("authorization")?)?.map(str::to_owned);
    let cookie = match cookie {
        Some(name) if bearer.is_none() => cookie_of(head.one("cookie")?, name)?,
        _ => None,
    };
    // A browser sends a cookie whatever page asks, so the page must be known and listed.
    if cookie.is_some() && !listed_origin {
        return Err(ORIGIN);
    }
    let by_cookie = cookie.is_some();
    let token = bearer.or(cookie);
    let subprotocol = head.lists("sec-websocket-protocol", SUBPROTOCOL);
    Ok(Upgrade { accept: derive_accept_key(key.as_bytes()), subprotocol, token, by_cookie })
}

/// The value of a cookie (RFC 6265 §4.2.1); refused if it occurs twice, because either might be forged.
fn cookie_of(field: Option<&str>, name: &str) -> Result<Option<String>, Refusal> {
    let pairs = field.unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
    let value = values.next();
    if values.next().is_some() { Err(INVALID) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: other, stagedoor.v1\r\n";

    fn parse(head: &[u8], origins: &[Origin], cookie: Option<&str>) -> Result<Upgrade, Refusal> {
        let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        upgrade(Head::read(head, &mut fields)?, origins, cookie)
    }

    fn parsed(head: &str) -> Result<Upgrade, Refusal> {
        let origins = ["https://ours.example".parse().expect("an origin")];
        parse(format!("{head}\r\n").as_bytes(), &origins, Some("seat"))
    }

    fn code(head: &str) -> &'static str {
        parsed(head).err().map_or("ok", |why| why.code)
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for good in
            ["", "x", "x:", "x:1", "a_b.example", "127.0.0.1:80", "[::1]", "[::1]:80", "%41"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in
            ["a b", "a/b", "u@x", "x:y", "x:1:2", "[::1", "[::1]80", "[x]", "é", "a?b", "::1"]
        {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_valid_head_is_accepted_with_its_token() {
        let upgrade = parsed(&format!("{GOOD}Authorization: Bearer abc\r\n")).expect("an upgrade");
        assert_eq!(upgrade.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(upgrade.token.as_deref(), Some("abc"));
        assert!(upgrade.subprotocol);
    }

    #[test]
    fn a_cookie_counts_only_from_a_listed_page() {
        let ours = format!("{GOOD}Cookie: a=b; seat=abc; c=d\r\n");
        let listed = format!("{ours}Origin: https://ours.example\r\n");
        let upgrade = parsed(&listed).expect("an upgrade");
        assert_eq!((upgrade.token.as_deref(), upgrade.by_cookie), (Some("abc"), true));
        assert_eq!(code(&ours), "origin_refused");
        assert_eq!(code(&format!("{ours}Origin: https://theirs.example\r\n")), "origin_refused");
        assert_eq!(code(&listed.replace("c=d", "seat=x")), "handshake_invalid");
        assert_eq!(code(&listed.replace("seat", "set")), "ok");
        let both = parsed(&format!("{listed}Authorization: Bearer xyz\r\n")).expect("an upgrade");
        assert_eq!((both.token.as_deref(), both.by_cookie), (Some("xyz"), false));
        let without = parse(format!("{ours}\r\n").as_bytes(), &[], None).expect("an upgrade");
        assert_eq!(without.token, None);
    }

    #[test]
    fn each_fault_of_a_head_has_its_code() {
        assert_eq!(code(GOOD), "ok");
        assert_eq!(code(&GOOD.replace("GET", "POST")), "upgrade_required");
        assert_eq!(code(&GOOD.replace(": 13", ": 8")), "upgrade_required");
        assert_eq!(code(&GOOD.replace("connect HTTP", "connect?token=x HTTP")), "query_refused");
        assert_eq!(code(&GOOD.replace("dGhl", "")), "handshake_invalid");
        assert_eq!(code(&format!("{GOOD}Authorization: Basic x\r\n")), "ok");
        assert_eq!(code(&format!("{GOOD}Authorization: Bearer\r\n")), "handshake_invalid");
        for key in
            ["dGhlIHNhbXBsZSBub25jZWU=", "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub25jZQ="]
        {
            let head = GOOD.replace("dGhlIHNhbXBsZSBub25jZQ==", key);
            assert_eq!(code(&head), "handshake_invalid", "{key}");
        }
        for host in ["", "Host: x\r\nHost: x\r\n", "Host: a b\r\n"] {
            assert_eq!(code(&GOOD.replace("Host: x\r\n", host)), "handshake_invalid", "{host}");
        }
        assert_eq!(code(&format!("{GOOD}Content-Length: 5\r\n")), "handshake_invalid");
        assert_eq!(code(&format!("{GOOD}Content-Length: 0\r\n")), "ok");
        assert_eq!(code(&format!("{GOOD}Transfer-Encoding: chunked\r\n")), "handshake_invalid");
        assert_eq!(
            code(&format!("{GOOD}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")),
            "handshake_invalid"
        );
        assert_eq!(code(&format!("{GOOD}Origin: https://theirs.example\r\n")), "origin_refused");
        assert_eq!(code(&format!("{GOOD}Origin: https://ours.example\r\n")), "ok");
        assert_eq!(code(&format!("{GOOD}{}", "A: b\r\n".repeat(70))), "handshake_too_large");
    }
}
