//! How browsers reach this server, and what of a request says that it is of our own pages. Pure.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{error::ApiError, secret};

/// The cookie of a session, where browsers reach this server by TLS. Its prefix binds it to this host alone.
const SECURE_COOKIE: &str = "__Host-stagedoor";
/// The cookie of a session on a loopback listener without TLS.
const DEV_COOKIE: &str = "stagedoor-dev";
/// The header field that no form and no simple request of another page can have.
const CONSOLE: (&str, &str) = ("x-stagedoor-console", "1");

/// How browsers reach this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// By TLS, here or at a proxy. The origin, where the public URL says it.
    Tls {
        /// Such as `https://stagedoor.example`.
        origin: Option<String>,
    },
    /// Without TLS, on a listener that only this machine reaches.
    Loopback {
        /// The origin, where the public URL says it.
        origin: Option<String>,
        /// The address of the listener, such as `http://127.0.0.1:7880`.
        listener: String,
    },
    /// Without TLS, from anywhere: nobody signs in.
    Clear,
}

impl Channel {
    /// How browsers reach a server with this public URL, whose listener speaks TLS, or is of the loopback with this
    /// address.
    pub(crate) fn of(public_url: Option<&str>, speaks_tls: bool, loopback: Option<String>) -> Self {
        let origin = public_url.map(ToOwned::to_owned);
        let is_secure = origin.as_deref().is_some_and(|origin| origin.starts_with("https://"));
        if is_secure || speaks_tls {
            return Self::Tls { origin: origin.filter(|_| is_secure) };
        }
        loopback.map_or(Self::Clear, |listener| Self::Loopback { origin, listener })
    }

    /// What a path is put behind to be a URL; nothing where that is not known.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Tls { origin: Some(base) }
            | Self::Loopback { origin: Some(base), .. }
            | Self::Loopback { origin: None, listener: base } => base,
            Self::Tls { origin: None } | Self::Clear => "",
        }
    }

    /// The name of the cookie, and whether it is `Secure`.
    fn cookie(&self) -> Result<(&'static str, bool), ApiError> {
        match self {
            Self::Tls { .. } => Ok((SECURE_COOKIE, true)),
            Self::Loopback { .. } => Ok((DEV_COOKIE, false)),
            Self::Clear => Err(ApiError::Forbidden {
                code: "tls_required",
                detail: "sign in by TLS: set `server.public_url` to an https origin, or `listen.tls`; without TLS only on a loopback address",
            }),
        }
    }

    /// Checks that signing in is possible at all.
    pub(crate) fn may_sign_in(&self) -> Result<(), ApiError> {
        self.cookie().map(drop)
    }

    /// The field that sets a cookie with this value, which lives `ttl_s` seconds; 0 deletes it.
    pub(crate) fn set(
        &self,
        name_end: &str,
        value: &str,
        path: &str,
        ttl_s: u64,
    ) -> Result<HeaderValue, ApiError> {
        let (name, is_secure) = self.cookie()?;
        let secure = if is_secure { "; Secure" } else { "" };
        let text = format!(
            "{name}{name_end}={value}; Path={path}; Max-Age={ttl_s}; HttpOnly; SameSite=Lax{secure}"
        );
        HeaderValue::from_str(&text).map_err(|_| ApiError::Internal)
    }

    /// The value of a cookie. One that is there twice was set by two servers of this host, and counts as none.
    pub(crate) fn presented<'a>(&self, name_end: &str, headers: &'a HeaderMap) -> Option<&'a str> {
        let (name, _) = self.cookie().ok()?;
        let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
        let mut found = fields
            .flat_map(|field| field.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(of, _)| of.strip_prefix(name) == Some(name_end))
            .map(|(_, value)| value);
        found.next().filter(|_| found.next().is_none())
    }

    /// Our own origin, as a browser that reached us by this `Host` writes it.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<String> {
        let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match self {
            Self::Tls { origin: Some(origin) } | Self::Loopback { origin: Some(origin), .. } => {
                Some(origin.clone())
            }
            Self::Tls { origin: None } => Some(format!("https://{}", host()?)),
            Self::Loopback { origin: None, .. } => Some(format!("http://{}", host()?)),
            Self::Clear => None,
        }
    }

    /// Checks that a request that acts comes from a page of our own: by `Sec-Fetch-Site`, else by `Origin`, and by what
    /// no page of another origin can send without asking first.
    pub(crate) fn is_own(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let only = |name: &str| {
            let mut fields = headers.get_all(name).iter();
            fields.next().filter(|_| fields.next().is_none()).and_then(|field| field.to_str().ok())
        };
        let is_same_origin = if headers.contains_key("sec-fetch-site") {
            only("sec-fetch-site") == Some("same-origin")
        } else {
            let own = self.origin(headers);
            only("origin").is_some_and(|origin| own.as_deref() == Some(origin))
        };
        let is_json = only("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        });
        if is_same_origin && is_json && only(CONSOLE.0) == Some(CONSOLE.1) {
            return Ok(());
        }
        Err(ApiError::Forbidden {
            code: "csrf_refused",
            detail: "send `Sec-Fetch-Site: same-origin` or our own `Origin`, `Content-Type: application/json` and \
                     `X-Stagedoor-Console: 1`",
        })
    }
}

/// A new cookie's value, 256 random bits, and what is stored of it: its hash.
pub(crate) fn new_value() -> Result<(String, [u8; 32]), ApiError> {
    let value = secret::encode(&secret::random::<32>()?);
    let hash = secret::hash(value.as_bytes());
    Ok((value, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    #[test]
    fn the_cookie_is_secure_wherever_tls_is() {
        for (url, tls, loopback, cookie) in [
            (None, true, false, Some("__Host-stagedoor")),
            (Some("https://a.example"), false, true, Some("__Host-stagedoor")),
            (Some("https://a.example"), false, false, Some("__Host-stagedoor")),
            (None, false, true, Some("stagedoor-dev")),
            (Some("http://localhost:1"), false, true, Some("stagedoor-dev")),
            (Some("http://localhost:1"), false, false, None),
            (None, false, false, None),
        ] {
            let channel = Channel::of(url, tls, loopback.then(|| "http://127.0.0.1:1".into()));
            let set = channel.set("", "v", "/", 9).ok();
            let text = set.as_ref().and_then(|set| set.to_str().ok()).unwrap_or_default();
            assert_eq!(
                text.split_once('=').map(|(name, _)| name),
                cookie,
                "{url:?} {tls} {loopback}"
            );
            assert_eq!(text.contains("Secure"), cookie == Some("__Host-stagedoor"));
            assert_eq!(text.contains("HttpOnly; SameSite=Lax"), cookie.is_some());
        }
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_only_once() {
        let channel = Channel::Loopback { origin: None, listener: String::new() };
        for (fields, value) in [
            (&[("cookie", "stagedoor-dev=a")][..], Some("a")),
            (&[("cookie", "x=1; stagedoor-dev=a; y=2")], Some("a")),
            (&[("cookie", "x=1"), ("cookie", "stagedoor-dev=a")], Some("a")),
            (&[("cookie", "stagedoor-dev=a; stagedoor-dev=b")], None),
            (&[("cookie", "stagedoor-dev=a"), ("cookie", "stagedoor-dev=a")], None),
            (&[("cookie", "__Host-stagedoor=a")], None),
            (&[("cookie", "xstagedoor-dev=a")], None),
            (&[("cookie", "stagedoor-dev-login=a")], None),
            (&[], None),
        ] {
            assert_eq!(channel.presented("", &headers(fields)), value, "{fields:?}");
        }
        let login = headers(&[("cookie", "stagedoor-dev-login=a; stagedoor-dev=b")]);
        assert_eq!(channel.presented("-login", &login), Some("a"));
        assert_eq!(Channel::Clear.presented("", &login), None);
    }

    #[test]
    fn an_act_is_of_a_page_of_our_own() {
        let json = ("content-type", "application/json");
        let mark = ("x-stagedoor-console", "1");
        let host = ("host", "127.0.0.1:7880");
        let own = ("origin", "http://127.0.0.1:7880");
        let site = |site| ("sec-fetch-site", site);
        let channel = Channel::Loopback { origin: None, listener: String::new() };
        for (fields, is_own) in [
            (&[json, mark, site("same-origin")][..], true),
            (&[json, mark, host, own], true),
            (&[("content-type", "application/json; charset=utf-8"), mark, host, own], true),
            (&[json, mark, host], false),
            (&[json, mark, own], false),
            (&[json, mark, site("same-site"), host, own], false),
            (&[json, mark, site("cross-site"), host, own], false),
            (&[json, mark, site("none"), host, own], false),
            (&[json, mark, host, ("origin", "http://127.0.0.1:7881")], false),
            (&[json, mark, host, ("origin", "null")], false),
            (&[json, mark, host, own, own], false),
            (&[mark, site("same-origin")], false),
            (&[("content-type", "text/plain"), mark, site("same-origin")], false),
            (&[json, site("same-origin")], false),
            (&[json, ("x-stagedoor-console", "0"), site("same-origin")], false),
        ] {
            assert_eq!(channel.is_own(&headers(fields)).is_ok(), is_own, "{fields:?}");
        }
        let named = Channel::Tls { origin: Some("https://a.example".into()) };
        let by = |origin| headers(&[json, mark, ("host", "evil.example"), ("origin", origin)]);
        assert!(named.is_own(&by("https://a.example")).is_ok(), "the public URL, not the Host");
        assert!(named.is_own(&by("https://evil.example")).is_err());
    }
}
