//! One request over one connection, and its answer.

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{self, HeaderMap, HeaderName},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};

use super::url::{OutboundError, Url};

/// Size of an answer's body, in bytes.
pub(crate) const BYTES_MAX: usize = 262_144;
/// Size of an answer's head, in bytes.
const HEAD_BYTES_MAX: usize = 32_768;

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// `max-age` of `Cache-Control`, in seconds; 0 with `no-store` or `no-cache`.
    pub(crate) max_age_s: Option<u64>,
    host: String,
}

impl Answer {
    /// The body of a good answer, as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, OutboundError> {
        if self.status != StatusCode::OK {
            return Err(OutboundError::Status(self.host.clone(), self.status.as_u16()));
        }
        serde_json::from_slice(&self.body).map_err(|_| OutboundError::Form(self.host.clone()))
    }
}

/// A connection with or without TLS.
pub(super) trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

/// The task that drives a connection; it ends with this.
struct Driver(JoinHandle<hyper::Result<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request and collects its answer.
pub(super) async fn answer(
    link: Box<dyn Link>,
    url: &Url,
    method: Method,
    fields: &[(HeaderName, String)],
    body: String,
) -> Result<Answer, OutboundError> {
    let broken =
        |error: hyper::Error| OutboundError::Unreachable(url.host.clone(), error.to_string());
    let mut http = hyper::client::conn::http1::Builder::new();
    http.max_buf_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = http.handshake(TokioIo::new(link)).await.map_err(broken)?;
    let _driver = Driver(tokio::spawn(connection));
    let authority = url.uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(url.target())
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close");
    for (name, value) in fields {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| OutboundError::Url("makes no request"))?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    let (status, max_age_s) = (answer.status(), max_age_s(answer.headers()));
    if status.is_redirection() {
        return Err(OutboundError::Status(url.host.clone(), status.as_u16()));
    }
    let body = body_of(answer.into_body(), url).await?;
    Ok(Answer { status, body, max_age_s, host: url.host.clone() })
}

async fn body_of(mut body: Incoming, url: &Url) -> Result<Bytes, OutboundError> {
    let too_large = || OutboundError::TooLarge(url.host.clone());
    if body.size_hint().lower() > BYTES_MAX as u64 {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| OutboundError::Unreachable(url.host.clone(), e.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        if whole.len() + data.len() > BYTES_MAX {
            return Err(too_large());
        }
        whole.extend_from_slice(data);
    }
    Ok(whole.into())
}

pub(super) fn max_age_s(headers: &HeaderMap) -> Option<u64> {
    let all = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<&str> = all.flat_map(|all| all.split(',')).map(str::trim).collect();
    let is = |name: &str| directives.iter().any(|directive| directive.eq_ignore_ascii_case(name));
    if is("no-store") || is("no-cache") {
        return Some(0);
    }
    let age = directives.iter().find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then_some(value)
    });
    age.and_then(|age| age.trim_matches('"').parse().ok())
}
