//! Origins of web pages, in the only form in which browsers send them (RFC 6454 §6.2): any other form would never
//! match. Pure.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The origin of a web page, as its browser sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// A text that no browser sends as an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an origin that a browser sends; write {remedy}")]
pub struct OriginError {
    text: String,
    remedy: String,
}

/// What to write instead, if the text cannot be converted to an origin.
type Remedy = &'static str;

const EXAMPLE: Remedy = "one such as `https://example.com`";
/// Pages without a host, such as sandboxed ones and files.
const HOSTLESS: [&str; 2] = ["null", "file://"];

/// The form in which a browser would send it.
fn sent(text: &str) -> Result<String, Remedy> {
    let text = text.trim();
    if HOSTLESS.contains(&text) {
        return Ok(text.into());
    }
    match text {
        "*" => return Err("an empty list, which lets any page connect"),
        _ if text.contains('*') => return Err("each origin by itself: there are no patterns"),
        _ => {}
    }
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text.trim_start_matches('/')));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" => "http".to_owned(),
        "wss" => "https".to_owned(),
        scheme => scheme.to_owned(),
    };
    let may_follow = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    if !begins || !scheme.bytes().all(may_follow) {
        return Err(EXAMPLE);
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.split_once(']') {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => authority.rsplit_once(':').unwrap_or((authority, "")),
    };
    let host = match host.strip_prefix('[') {
        Some(address) => bracketed(address)?,
        None => named(host)?,
    };
    let port = match port {
        "" => None,
        port => match port.parse::<u16>() {
            Ok(number @ 1..) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(number),
            _ => return Err("a port from 1 to 65535"),
        },
    };
    Ok(match (scheme.as_str(), port) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    })
}

/// An IPv6 address; browsers never write part of it as IPv4.
fn bracketed(address: &str) -> Result<String, Remedy> {
    let address: Ipv6Addr = address.parse().map_err(|_| EXAMPLE)?;
    Ok(match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
        (None, _) => format!("[{address}]"),
    })
}

/// A name, or an IPv4 address.
fn named(host: &str) -> Result<String, Remedy> {
    if !host.is_ascii() {
        return Err("the name in its ASCII form, which begins with `xn--`");
    }
    if host.contains(':') {
        return Err("an IPv6 address in brackets, such as `https://[2001:db8::1]`");
    }
    let host = host.to_ascii_lowercase();
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_in_name) {
        return Err(EXAMPLE);
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    // Browsers take it for an address and rewrite it (WHATWG URL §3.5).
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex =
        last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if (is_number || is_hex) && host.parse::<Ipv4Addr>().is_err() {
        return Err("an IPv4 address as four numbers, such as `http://127.0.0.1:8080`");
    }
    Ok(host)
}

impl Origin {
    /// As a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let remedy = match sent(text) {
            Ok(sent) if sent == text => return Ok(Self(sent)),
            Ok(sent) => format!("`{sent}`"),
            Err(remedy) => remedy.to_owned(),
        };
        Err(OriginError { text: text.into(), remedy })
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_suggested_origin_is_valid(text in "(https?|HTTP|wss|app)?(://|//|:)?[a-zA-Z0-9.:@/\\[\\]*é -]{0,24}") {
            match text.parse::<Origin>() {
                Ok(origin) => prop_assert_eq!(origin.as_str(), &text),
                Err(error) => {
                    if let Ok(sent) = sent(&text) {
                        let says = format!("write `{sent}`");
                        prop_assert!(error.to_string().ends_with(&says));
                        prop_assert_eq!(sent.parse::<Origin>().map(String::from), Ok(sent));
                    }
                }
            }
        }
    }
}
