//! Refuses requests that reach no path, because they cannot be parsed or name no host. The answers are problems (RFC
//! 9457) like all others. Pure, except for logging.

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, Version, header},
};
use stagedoor_relay::{Peer, is_host};

/// Why a request was refused before it reached a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

const MALFORMED: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    code: "request_malformed",
    detail: "this is not a valid HTTP/1.1 request",
};
const HOST: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    code: "host_invalid",
    detail: "an HTTP/1.1 request must have one `Host`: a name or an address, with or without a port",
};
const URI_TOO_LONG: Refusal = Refusal {
    status: StatusCode::URI_TOO_LONG,
    code: "uri_too_long",
    detail: "the request target is longer than `head_bytes_max`",
};
const HEAD_TOO_LARGE: Refusal = Refusal {
    status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    code: "head_too_large",
    detail: "the request head is longer than `head_bytes_max`, or has more than 100 fields",
};
/// For the operations socket; the API has its own.
pub(crate) const PATH_UNKNOWN: Refusal = Refusal {
    status: StatusCode::NOT_FOUND,
    code: "path_unknown",
    detail: "there is nothing at this path",
};
/// For the operations socket.
pub(crate) const METHOD_NOT_ALLOWED: Refusal = Refusal {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "method_not_allowed",
    detail: "this path does not support that method",
};

const KIND: &str = "application/problem+json";
const NO_STORE: &str = "no-store";
const CLOSE: &str = "close";

/// What is wrong with a request that was parsed.
pub(crate) fn fault<B>(request: &Request<B>) -> Option<Refusal> {
    let uri = request.uri();
    // RFC 9112 §3.2.3: only a proxy receives a target with neither a path nor a scheme.
    if uri.scheme().is_none() && uri.authority().is_some() {
        return Some(MALFORMED);
    }
    let hosts = request.headers().get_all(header::HOST);
    let mut hosts = hosts.iter().map(HeaderValue::as_bytes);
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => None,
        (Some(host), None) if is_host(host) => None,
        _ => Some(HOST),
    }
}

/// Why a head could not be parsed, from its parser's status. `head` is the unread rest.
pub(crate) fn unread(status: StatusCode, head: &[u8]) -> Refusal {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            let mut line = head.splitn(2, |byte| *byte == b'\n');
            let target = line.next().and_then(|line| line.splitn(3, |byte| *byte == b' ').nth(1));
            // The line has an end; otherwise it would be too long.
            let has_end = line.next().is_some();
            if target.is_some() && !has_end { URI_TOO_LONG } else { HEAD_TOO_LARGE }
        }
        StatusCode::URI_TOO_LONG => URI_TOO_LONG,
        _ => MALFORMED,
    }
}

impl Refusal {
    /// Logs it.
    pub(crate) fn log(&self, peer: Peer) {
        let (code, status) = (self.code, self.status.as_u16());
        tracing::info!(name: "refused", code, status, %peer, "request refused");
    }

    fn body(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Refused");
        serde_json::json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "code": self.code,
            "detail": self.detail,
        })
        .to_string()
    }

    /// The answer to the request.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(self.body().into());
        *response.status_mut() = self.status;
        for (name, value) in [(header::CONTENT_TYPE, KIND), (header::CACHE_CONTROL, NO_STORE)] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    /// The answer, after which the connection closes.
    pub(crate) fn last(&self) -> Response<Body> {
        let mut response = self.response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static(CLOSE));
        response
    }

    /// The connection's last answer in bytes; without a body for `HEAD`.
    pub(crate) fn written(&self, head: &[u8]) -> String {
        let body = self.body();
        let mut written = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {KIND}\r\nContent-Length: {}\r\nCache-Control: {NO_STORE}\r\n\
             Connection: {CLOSE}\r\n\r\n",
            self.status.as_u16(),
            self.status.canonical_reason().unwrap_or("Refused"),
            body.len(),
        );
        if !head.starts_with(b"HEAD ") {
            written += &body;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oversized_head_without_a_line_has_too_long_a_target() {
        let too_large = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(unread(too_large, b"GET /xxxxxxxxxxxxxx"), URI_TOO_LONG);
        assert_eq!(unread(too_large, b"GET / HTTP/1.1\r\nA: xxxxxx"), HEAD_TOO_LARGE);
        assert_eq!(unread(too_large, b"GEEEEEEEEEEEEEEEEEEEEET"), HEAD_TOO_LARGE);
        assert_eq!(unread(StatusCode::URI_TOO_LONG, b""), URI_TOO_LONG);
        assert_eq!(unread(StatusCode::BAD_REQUEST, b""), MALFORMED);
    }

    #[test]
    fn one_host_is_required_except_in_later_http_versions() {
        let request = |version, hosts: &[&'static str]| {
            let mut request = Request::new(());
            *request.version_mut() = version;
            for host in hosts {
                request.headers_mut().append(header::HOST, HeaderValue::from_static(host));
            }
            fault(&request)
        };
        assert_eq!(request(Version::HTTP_11, &["x:80"]), None);
        assert_eq!(request(Version::HTTP_10, &[]), None);
        for hosts in [&[][..], &["x", "x"], &["x y"]] {
            assert_eq!(request(Version::HTTP_11, hosts), Some(HOST), "{hosts:?}");
        }
        assert_eq!(request(Version::HTTP_10, &["x", "x"]), Some(HOST));
    }
}
