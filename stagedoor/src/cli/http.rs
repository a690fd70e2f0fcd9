//! A small client of the HTTP API, with one request per connection.

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, Uri,
    body::{Bytes, Incoming},
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::{
    failure::{ApiRefusal, Failure, usage},
    secret::secret,
};

#[derive(Debug, Args)]
pub(super) struct Api {
    /// The URL of the HTTP API.
    #[arg(long, env = "STAGEDOOR_URL", default_value = "http://127.0.0.1:7880", global = true)]
    url: String,
    /// The PEM file with the certificates to trust for https; by default the system's.
    #[arg(long, env = "STAGEDOOR_CA_FILE", value_name = "FILE", global = true)]
    ca_file: Option<PathBuf>,
    /// The file with an API key or the root credential, `-` for standard input; by default STAGEDOOR_API_KEY.
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

/// Options for pages of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// Entries on the page at most.
    #[arg(long)]
    limit: Option<u32>,
    /// The `next` of the previous page.
    #[arg(long)]
    after: Option<String>,
}

impl Paging {
    /// As a query string.
    pub(super) fn query(&self) -> String {
        let limit = self.limit.map(|limit| format!("limit={limit}"));
        let after = self.after.as_ref().map(|after| format!("after={}", segment(after)));
        let parts: Vec<String> = limit.into_iter().chain(after).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// How long an optional request to a server may take.
const GLANCE_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer of the server that the environment names, with its credential; `None` without one, or if it does not
/// answer soon. For information that is useful but not necessary.
pub(super) fn glance(path: &str) -> Option<Value> {
    let url = std::env::var("STAGEDOOR_URL").ok()?;
    let api_key = std::env::var("STAGEDOOR_API_KEY").ok()?;
    let ca_file = std::env::var_os("STAGEDOOR_CA_FILE").map(PathBuf::from);
    let uri: Uri = url.parse().ok()?;
    let api = Api { url, ca_file, api_key_file: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let asked = runtime.block_on(async {
        let asked = async {
            let link = api.link(&uri).await?;
            send(link, &uri, api_key.trim(), &Method::GET, path, None).await
        };
        tokio::time::timeout(GLANCE_TIMEOUT, asked).await
    });
    // Do not wait for a pending name lookup.
    runtime.shutdown_background();
    let (status, answer) = asked.ok()?.ok()?;
    if status.is_success() { serde_json::from_slice(&answer).ok() } else { None }
}

impl Api {
    /// Sends a request and waits for the answer; a refusal is an error with its code.
    pub(super) fn ask(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        self.ask_text(method, path, body.map(ToString::to_string))
    }

    /// The same, with an unparsed body.
    pub(super) fn ask_text(
        &self,
        method: &Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, Failure> {
        let api_key = secret(self.api_key_file.as_ref(), "STAGEDOOR_API_KEY", "an API key")?;
        self.ask_as(&api_key, method, path, body)
    }

    /// Reads what everybody may read.
    pub(super) fn ask_openly(&self, path: &str) -> Result<Value, Failure> {
        self.ask_as("", &Method::GET, path, None)
    }

    fn ask_as(
        &self,
        api_key: &str,
        method: &Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, Failure> {
        let uri: Uri = self.url.parse().context("--url").map_err(Failure::Usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, answer) = runtime.block_on(async {
            let link = self.link(&uri).await?;
            send(link, &uri, api_key, method, path, body).await
        })?;
        if status.is_success() {
            return Ok(if answer.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&answer)?
            });
        }
        Err(refused(status, &answer))
    }

    /// Writes an answer to a `GET`, as it comes.
    pub(super) fn download(&self, path: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let api_key = secret(self.api_key_file.as_ref(), "STAGEDOOR_API_KEY", "an API key")?;
        let uri: Uri = self.url.parse().context("--url").map_err(Failure::Usage)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let link = self.link(&uri).await?;
            let (answer, driver) = begin(link, &uri, &api_key, &Method::GET, path, None).await?;
            let (status, mut body) = (answer.status(), answer.into_body());
            if !status.is_success() {
                let answer =
                    body.collect().await.map_err(|error| unreachable(&uri, error.into()))?;
                return Err(refused(status, &answer.to_bytes()));
            }
            while let Some(frame) = body.frame().await {
                let frame = frame.context("the answer broke off")?;
                if let Some(data) = frame.data_ref() {
                    out.write_all(data)?;
                }
            }
            driver.abort();
            Ok(out.flush()?)
        })
    }
}

/// A refusal of the API.
fn refused(status: hyper::StatusCode, answer: &[u8]) -> Failure {
    let value: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = |name: &str| value[name].as_str().map(ToOwned::to_owned);
    let refusal = ApiRefusal {
        status,
        code: text("code").unwrap_or_default(),
        detail: text("detail").unwrap_or_default(),
        field: text("field"),
    };
    Failure::Refused(refusal.into())
}

/// A connection with or without TLS.
trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

fn unreachable(uri: &Uri, error: anyhow::Error) -> Failure {
    Failure::Unreachable(error.context(format!("cannot reach {uri}")))
}

impl Api {
    async fn link(&self, uri: &Uri) -> Result<Box<dyn Link>, Failure> {
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(usage("--url must begin with http:// or https://")),
        };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| unreachable(uri, error.into()))?;
        if !secure {
            return Ok(Box::new(tcp));
        }
        let config = ClientConfig::builder().with_root_certificates(self.roots()?);
        let name = ServerName::try_from(host).context("--url").map_err(Failure::Usage)?;
        let tls = TlsConnector::from(Arc::new(config.with_no_client_auth()))
            .connect(name, tcp)
            .await
            .map_err(|error| unreachable(uri, error.into()))?;
        Ok(Box::new(tls))
    }

    fn roots(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        let Some(file) = &self.ca_file else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        let wrong = |error: &dyn std::fmt::Display| usage(&format!("{}: {error}", file.display()));
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))? {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        Ok(roots)
    }
}

/// Sends a request; the answer, which is still arriving, and the task that drives its connection.
async fn begin(
    link: Box<dyn Link>,
    uri: &Uri,
    api_key: &str,
    method: &Method,
    path: &str,
    body: Option<String>,
) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), Failure> {
    let reach = |error: hyper::Error| unreachable(uri, error.into());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(link)).await.map_err(reach)?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, uri.authority().map_or("", |authority| authority.as_str()));
    if !api_key.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {api_key}"));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let request = request
        .body(Full::new(Bytes::from(body.unwrap_or_default())))
        .context("the request")
        .map_err(Failure::Usage)?;
    Ok((sender.send_request(request).await.map_err(reach)?, driver))
}

async fn send(
    link: Box<dyn Link>,
    uri: &Uri,
    api_key: &str,
    method: &Method,
    path: &str,
    body: Option<String>,
) -> Result<(hyper::StatusCode, Bytes), Failure> {
    let (answer, driver) = begin(link, uri, api_key, method, path, body).await?;
    let status = answer.status();
    let reach = |error: hyper::Error| unreachable(uri, error.into());
    let bytes = answer.into_body().collect().await.map_err(reach)?.to_bytes();
    driver.abort();
    Ok((status, bytes))
}
