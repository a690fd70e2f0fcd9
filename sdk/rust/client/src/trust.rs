//! The certificates that the system trusts, for `wss`.

use std::{io, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::error::{Cause, ConnectError};

/// A configuration that trusts what the system trusts. `SSL_CERT_FILE` and `SSL_CERT_DIR` name other certificates,
/// as they do for OpenSSL.
pub(crate) async fn system() -> Result<Arc<ClientConfig>, ConnectError> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|stopped| Err(Arc::new(stopped))).map_err(ConnectError::Roots)
}

fn read() -> Result<Arc<ClientConfig>, Cause> {
    let mut found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(match found.errors.pop() {
            Some(error) => Arc::new(error),
            None => Arc::new(io::Error::new(io::ErrorKind::NotFound, "the system trusts none")),
        });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| -> Cause { Arc::new(error) })?
        .with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}
