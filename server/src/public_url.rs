//! The public URL of this server: the origin at which clients reach it. Pure.

use std::{net::IpAddr, str::FromStr};

use http::Uri;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An origin: `https://`, or `http://` of this machine, a host, and a port if it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

/// A text is no public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "write the origin at which clients reach this server, without a path, such as \
     https://stagedoor.example; http is only for this machine itself, such as http://localhost:7880"
)]
pub struct NotAPublicUrl;

impl PublicUrl {
    /// The origin, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = NotAPublicUrl;

    fn from_str(text: &str) -> Result<Self, NotAPublicUrl> {
        let origin = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = origin.split_once("://").ok_or(NotAPublicUrl)?;
        let is_authority = !authority.is_empty()
            && authority.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)
            });
        let uri: Uri = origin.parse().map_err(|_| NotAPublicUrl)?;
        let host = uri.host().filter(|host| is_authority && !host.is_empty());
        let host = host.ok_or(NotAPublicUrl)?;
        // A port that is none would be an authority all the same.
        let has_port = authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        let is_port = !has_port || uri.port_u16().is_some_and(|port| port > 0);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost"
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match scheme {
            "https" if is_port => Ok(Self(origin.to_owned())),
            "http" if is_port && is_here => Ok(Self(origin.to_owned())),
            _ => Err(NotAPublicUrl),
        }
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = NotAPublicUrl;

    fn try_from(text: String) -> Result<Self, NotAPublicUrl> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_without_its_last_slash() {
        for (text, kept) in [
            ("https://stagedoor.example", "https://stagedoor.example"),
            ("https://stagedoor.example/", "https://stagedoor.example"),
            ("https://stagedoor.example:8443", "https://stagedoor.example:8443"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
            ("http://localhost:7880", "http://localhost:7880"),
            ("http://127.0.0.1:7880", "http://127.0.0.1:7880"),
            ("http://[::1]:7880", "http://[::1]:7880"),
        ] {
            assert_eq!(text.parse().map(|PublicUrl(url)| url), Ok(kept.to_owned()));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "stagedoor.example",
            "https://",
            "https:///",
            "https://a//",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://user@a",
            "https://A.example",
            "https://a:",
            "https://a:0",
            "https://a:70000",
            "https://a b",
            "http://stagedoor.example",
            "http://10.0.0.1",
            "ws://localhost",
            "ftp://localhost",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(NotAPublicUrl), "{text}");
        }
    }
}
