//! The only place that opens connections outwards: one small HTTP client. It resolves a host, judges every address of
//! it, connects to a judged one, and follows nothing. Whatever the other side does, a request ends within
//! [`TIMEOUT`] and keeps at most 256 KiB of it.

pub(crate) mod address;
mod exchange;
pub(crate) mod url;

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{Method, header};
use ipnet::IpNet;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::de::DeserializeOwned;
use tokio::{
    net::{TcpStream, lookup_host},
    sync::{OnceCell, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::config::OutboundConfig;
pub(crate) use exchange::Answer;
use exchange::{Link, answer};
use url::encoded;
pub(crate) use url::{OutboundError, Url};

/// How long a request may take from its begin to the answer's last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long one of several addresses may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests at once; further ones wait.
const AT_ONCE_MAX: usize = 64;

/// The client.
#[derive(Debug)]
pub(crate) struct Outbound {
    allow: Vec<IpNet>,
    ca_file: Option<PathBuf>,
    tls: OnceCell<Arc<ClientConfig>>,
    turns: Semaphore,
}

impl Outbound {
    /// A client with these settings. It opens nothing and reads no file until it is asked.
    pub(crate) fn new(config: &OutboundConfig) -> Self {
        let OutboundConfig { allow, ca_file } = config.clone();
        Self { allow, ca_file, tls: OnceCell::new(), turns: Semaphore::new(AT_ONCE_MAX) }
    }

    /// Asks for a document; the answer may have any status.
    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, OutboundError> {
        self.ask(url, Method::GET, &[], String::new()).await
    }

    /// Asks for a JSON document, which must come with status 200. Also how long it may be kept, in seconds, if the
    /// answer says so.
    pub(crate) async fn get_json<T: DeserializeOwned>(
        &self,
        url: &Url,
    ) -> Result<(T, Option<u64>), OutboundError> {
        let answer = self.get(url).await?;
        Ok((answer.json()?, answer.max_age_s))
    }

    /// Posts a form, with `Authorization: Basic` if there are a user and a password for it; the answer may have any
    /// status.
    #[allow(dead_code, reason = "the login of operators needs it")]
    pub(crate) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Answer, OutboundError> {
        let mut body = String::new();
        for (name, value) in form {
            let and = if body.is_empty() { "" } else { "&" };
            // Writing to a `String` does not fail.
            let _ = write!(body, "{and}{}={}", encoded(name), encoded(value));
        }
        let mut fields = vec![(header::CONTENT_TYPE, "application/x-www-form-urlencoded".into())];
        if let Some((user, password)) = basic {
            // RFC 6749 §2.3.1: both are form-encoded first.
            let pair = format!("{}:{}", encoded(user), encoded(password));
            fields.push((header::AUTHORIZATION, format!("Basic {}", standard(pair.as_bytes()))));
        }
        self.ask(url, Method::POST, &fields, body).await
    }

    async fn ask(
        &self,
        url: &Url,
        method: Method,
        fields: &[(header::HeaderName, String)],
        body: String,
    ) -> Result<Answer, OutboundError> {
        let asked = async {
            let _turn = self.turns.acquire().await;
            let link = self.link(url).await?;
            answer(link, url, method, fields, body).await
        };
        // Everything is inside, so that an answer that drips ends as well.
        timeout(TIMEOUT, asked).await.unwrap_or_else(|_| Err(OutboundError::Slow(url.host.clone())))
    }

    async fn link(&self, url: &Url) -> Result<Box<dyn Link>, OutboundError> {
        let host = || url.host.clone();
        let found = lookup_host((url.host(), url.port)).await;
        let found: Vec<IpAddr> = found
            .map_err(|_| OutboundError::Unresolved(host()))?
            .map(|address| address.ip())
            .collect();
        if found.is_empty() {
            return Err(OutboundError::Unresolved(host()));
        }
        let judged = address::judge(&found, &self.allow);
        let judged = judged.ok_or_else(|| OutboundError::Refused(host()))?;
        if !url.is_secure && !address::are_loopback(&judged) {
            return Err(OutboundError::Insecure(host()));
        }
        let tcp = connect(&judged, url).await?;
        if !url.is_secure {
            return Ok(Box::new(tcp));
        }
        let unreachable = |why: String| OutboundError::Unreachable(host(), why);
        let name = ServerName::try_from(host()).map_err(|_| OutboundError::Url("has no host"))?;
        let tls = TlsConnector::from(self.tls().await).connect(name, tcp).await;
        Ok(Box::new(tls.map_err(|error| unreachable(error.to_string()))?))
    }

    /// The certificates to trust, read when they are first needed.
    async fn tls(&self) -> Arc<ClientConfig> {
        let load = async || {
            let file = self.ca_file.clone();
            let roots = tokio::task::spawn_blocking(move || roots(file.as_deref())).await;
            let roots = roots.unwrap_or_else(|_| RootCertStore::empty());
            let config = ClientConfig::builder().with_root_certificates(roots);
            Arc::new(config.with_no_client_auth())
        };
        self.tls.get_or_init(load).await.clone()
    }
}

/// Connects to the first address that accepts.
async fn connect(addresses: &[IpAddr], url: &Url) -> Result<TcpStream, OutboundError> {
    let mut why = String::from("no address accepts a connection");
    for address in addresses {
        let connecting = TcpStream::connect(SocketAddr::new(*address, url.port));
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => {}
        }
    }
    Err(OutboundError::Unreachable(url.host.clone(), why))
}

/// The certificates of a file, or those that the system trusts. What cannot be read is logged: no host is trusted then.
fn roots(file: Option<&Path>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return roots;
    };
    match CertificateDer::pem_file_iter(file) {
        Ok(certificates) => {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        }
        Err(error) => tracing::warn!(%error, "cannot read `outbound.ca_file`"),
    }
    roots
}

#[allow(dead_code, reason = "`post_form` needs it")]
fn standard(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests;
