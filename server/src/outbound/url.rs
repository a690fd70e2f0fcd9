//! URLs that are asked, and why there is no answer. Pure.

use std::fmt::Write as _;

use hyper::Uri;

/// Length of a URL, in bytes.
const URL_BYTES_MAX: usize = 1_024;

/// Why there is no answer. None of these texts has a part of the URL beyond its host, or of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutboundError {
    /// The URL is not one that is asked.
    #[error("the URL {0}")]
    Url(&'static str),
    /// The host has no address.
    #[error("the name `{0}` does not resolve")]
    Unresolved(String),
    /// An address of the host may not be connected to.
    #[error("`{0}` has an address that is not public; open its network by `outbound.allow`")]
    Refused(String),
    /// Plain HTTP, and not this machine.
    #[error("`{0}` is not this machine, so its URL must begin with https://")]
    Insecure(String),
    /// No connection, or no TLS, or no HTTP.
    #[error("`{0}` cannot be reached: {1}")]
    Unreachable(String, String),
    /// It took too long.
    #[error("`{0}` did not answer completely within 5 s")]
    Slow(String),
    /// A status that is not a good answer; redirects are not followed.
    #[error("`{0}` answered with status {1}")]
    Status(String, u16),
    /// The answer is too large.
    #[error("the answer of `{0}` is larger than 256 KiB")]
    TooLarge(String),
    /// The answer is not the JSON that was asked for.
    #[error("the answer of `{0}` is not the expected JSON")]
    Form(String),
}

/// A URL that can be asked: `https`, or `http` for this machine; without credentials and without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(super) uri: Uri,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_secure: bool,
}

impl std::str::FromStr for Url {
    type Err = OutboundError;

    fn from_str(text: &str) -> Result<Self, OutboundError> {
        let wrong = OutboundError::Url;
        if text.len() > URL_BYTES_MAX {
            return Err(wrong("is longer than 1024 bytes"));
        }
        if text.contains('#') {
            return Err(wrong("has a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("is not one"))?;
        let is_secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("must begin with https://")),
        };
        let authority = uri.authority().ok_or(wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user in it"));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let standard = if is_secure { 443 } else { 80 };
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => standard,
            _ => authority.port_u16().ok_or(wrong("has an invalid port"))?,
        };
        Ok(Self { host, port, is_secure, uri })
    }
}

impl Url {
    /// The host, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is `https`.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// What goes into the first line of the request.
    pub(super) fn target(&self) -> &str {
        self.uri.path_and_query().map_or("/", |target| target.as_str())
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
#[allow(dead_code, reason = "`post_form` needs it")]
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
