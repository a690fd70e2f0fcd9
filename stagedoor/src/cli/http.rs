//! A small client of the HTTP API, of `cli`. Plain HTTP to one address, one request a connection.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Failure, secret, usage};

#[derive(Debug, Args)]
pub(super) struct Api {
    /// Where the HTTP API is.
    #[arg(long, env = "STAGEDOOR_URL", default_value = "http://127.0.0.1:7880", global = true)]
    url: String,
    /// The file with an API key or the root credential, `-` for standard input; else STAGEDOOR_API_KEY.
    #[arg(long, value_name = "FILE", global = true)]
    api_key_file: Option<PathBuf>,
}

/// A path segment, percent-encoded (RFC 3986 §2.1).
pub(super) fn segment(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// Pages of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// Entries at most.
    #[arg(long)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[arg(long)]
    after: Option<String>,
}

impl Paging {
    /// As a query.
    pub(super) fn query(&self) -> String {
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        let after = self.after.as_ref().map(|after| format!("after={}", segment(after)));
        let parts: Vec<String> = limit.into_iter().chain(after).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

impl Api {
    /// Asks, and waits for the answer; a refusal is an error with its code.
    pub(super) fn ask(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let api_key = secret(self.api_key_file.as_ref(), "STAGEDOOR_API_KEY", "an API key")?;
        let host = self.url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let host = host.ok_or_else(|| {
            usage("--url begins with http://; for TLS put a proxy on this machine before it")
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, answer) = runtime.block_on(send(host, &api_key, method, path, body))?;
        let value: Value =
            if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer)? };
        if status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(Failure::Refused(anyhow::anyhow!("{status}: {}: {}", text("code"), text("detail"))))
    }
}

async fn send(
    host: &str,
    api_key: &str,
    method: &Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(hyper::StatusCode, Bytes), Failure> {
    let reach = |error: anyhow::Error| {
        Failure::Unreachable(error.context(format!("cannot reach http://{host}")))
    };
    let tcp = TcpStream::connect(host).await.map_err(|error| reach(error.into()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tcp))
        .await
        .map_err(|error| reach(error.into()))?;
    let driver = tokio::spawn(connection);
    let text = body.map(ToString::to_string).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
    request = request.header(header::AUTHORIZATION, format!("Bearer {api_key}"));
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request
        .body(Full::new(Bytes::from(text)))
        .context("the request")
        .map_err(Failure::Usage)?;
    let answer = sender.send_request(request).await.map_err(|error| reach(error.into()))?;
    let status = answer.status();
    let bytes = answer.into_body().collect().await.map_err(|error| reach(error.into()))?.to_bytes();
    driver.abort();
    Ok((status, bytes))
}
